#include "eval/evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "eval/distribution.h"

namespace altteul::eval {
namespace {

using engine::Forward;
using engine::KvCache;
using text::TokenId;

constexpr size_t kLogitRows = 64;  // 64 x 262,144 f32 = 67 MB a model

// One model walking through the chunks.
struct Walker {
  Forward* forward = nullptr;
  std::optional<KvCache> cache;
  std::vector<float> logits;          ///< [kLogitRows, vocabulary]
  std::vector<RowSummary> summaries;  ///< [kLogitRows]

  std::span<const float> Row(size_t row) const {
    const size_t vocabulary = forward->model().config.vocabulary;
    return {logits.data() + row * vocabulary, vocabulary};
  }
};

Result<Walker> MakeWalker(Forward* forward, const EvaluateOptions& options, kernels::KvType type) {
  Walker walker;
  walker.forward = forward;
  ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::Create(forward->model().config, type,
                                                      options.context, options.context));
  walker.cache.emplace(std::move(cache));
  walker.logits.resize(kLogitRows * forward->model().config.vocabulary);
  walker.summaries.resize(kLogitRows);
  return walker;
}

Status RunChunk(Walker& walker, std::span<const TokenId> chunk) {
  walker.cache->TruncateTo(0);
  size_t done = 0;
  while (done < chunk.size()) {
    const size_t n = std::min(walker.forward->max_rows(), chunk.size() - done);
    const engine::SequenceInput input{.cache = &*walker.cache, .tokens = chunk.subspan(done, n)};
    ALT_RETURN_IF_ERROR(walker.forward->Run({&input, 1}));
    done += n;
  }
  return Status();
}

Divergence Reduce(std::vector<double> kl, size_t same) {
  Divergence out;
  const auto n = static_cast<double>(kl.size());
  double sum = 0, squares = 0;
  for (const double value : kl) sum += value;
  out.mean = sum / n;
  for (const double value : kl) squares += (value - out.mean) * (value - out.mean);
  out.stderr_ = std::sqrt(squares / n / n);
  out.same_top = static_cast<double>(same) / n;
  // Linear interpolation between order statistics, as numpy.quantile does.
  std::sort(kl.begin(), kl.end());
  const auto percentile = [&](double p) {
    const double place = p / 100 * (n - 1);
    const auto low = static_cast<size_t>(place);
    const size_t high = std::min(low + 1, kl.size() - 1);
    return kl[low] + (place - static_cast<double>(low)) * (kl[high] - kl[low]);
  };
  out.p50 = percentile(50);
  out.p90 = percentile(90);
  out.p95 = percentile(95);
  out.p99 = percentile(99);
  out.p999 = percentile(99.9);
  out.max = kl.back();
  return out;
}

class Judge {
 public:
  Judge(const Contestants& contestants, const EvaluateOptions& options, ThreadTeam& team)
      : contestants_(contestants), options_(options), team_(team) {}

  Status Prepare() {
    ALT_ASSIGN_OR_RETURN(candidate_,
                         MakeWalker(contestants_.candidate, options_, options_.kv_type));
    if (contestants_.reference == nullptr) return Status();
    // The truth side keeps f32 keys and values too.
    ALT_ASSIGN_OR_RETURN(reference_,
                         MakeWalker(contestants_.reference, options_, kernels::KvType::kF32));
    if (contestants_.candidate_weights != nullptr) {
      ALT_ASSIGN_OR_RETURN(
          weights_, MakeWalker(contestants_.candidate_weights, options_, kernels::KvType::kF32));
    }
    return Status();
  }

  Status Score(std::span<const TokenId> chunk) {
    for (Walker* walker : Walkers()) ALT_RETURN_IF_ERROR(RunChunk(*walker, chunk));
    const size_t first = chunk.size() / 2;
    for (size_t row = first; row + 1 < chunk.size(); row += kLogitRows) {
      const size_t n = std::min(kLogitRows, chunk.size() - 1 - row);
      for (Walker* walker : Walkers()) walker->forward->Logits(row, n, walker->logits);
      ScoreRows(chunk.subspan(row + 1, n));
    }
    return Status();
  }

  Evaluation Finish(size_t chunks) {
    Evaluation out;
    out.chunks = chunks;
    out.scored_tokens = nll_.size();
    const auto n = static_cast<double>(nll_.size());
    double sum = 0, squares = 0;
    for (const double value : nll_) {
      sum += value;
      squares += value * value;
    }
    const double mean = sum / n;
    const double bits = scored_bytes_ == 0 ? 0 : 1 / (std::log(2.0) * scored_bytes_);  // per nat
    out.perplexity = std::exp(mean);
    out.bits_per_byte = sum * bits;
    out.perplexity_stderr =
        out.perplexity * std::sqrt(std::max(0.0, squares / n - mean * mean) / n);
    if (reference_.forward != nullptr) {
      double reference_sum = 0;
      for (const double value : nll_reference_) reference_sum += value;
      out.perplexity_reference = std::exp(reference_sum / n);
      out.bits_per_byte_reference = reference_sum * bits;
      out.divergence = Reduce(std::move(kl_), same_);
    }
    if (weights_.forward != nullptr)
      out.divergence_weights = Reduce(std::move(kl_weights_), same_weights_);
    return out;
  }

 private:
  std::vector<Walker*> Walkers() {
    std::vector<Walker*> list;
    for (Walker* walker : {&candidate_, &reference_, &weights_}) {
      if (walker->forward != nullptr) list.push_back(walker);
    }
    return list;
  }

  // Rows are shared among the threads; each writes its own places.
  void ScoreRows(std::span<const TokenId> targets) {
    const size_t start = nll_.size();
    const size_t n = targets.size();
    const text::Tokenizer& tokenizer = *contestants_.candidate->model().tokenizer;
    for (size_t row = 0; row < n && tokenizer.vocabulary() != 0; ++row) {
      scored_bytes_ += static_cast<double>(tokenizer.TokenBytes(targets[row], false).size());
    }
    nll_.resize(start + n);
    if (reference_.forward != nullptr) {
      nll_reference_.resize(start + n);
      kl_.resize(start + n);
    }
    if (weights_.forward != nullptr) kl_weights_.resize(start + n);
    team_.Run([&](int thread) {
      const Share share = ShareOf(n, 1, thread, team_.size());
      for (size_t row = share.begin; row < share.end; ++row) {
        ScoreRow(row, static_cast<size_t>(targets[row]), start + row);
      }
    });
    for (size_t row = 0; row < n && reference_.forward != nullptr; ++row) {
      same_ += candidate_.summaries[row].top == reference_.summaries[row].top;
      if (weights_.forward != nullptr) {
        same_weights_ += weights_.summaries[row].top == reference_.summaries[row].top;
      }
    }
  }

  void ScoreRow(size_t row, size_t target, size_t place) {
    for (Walker* walker : {&candidate_, &reference_, &weights_}) {
      if (walker->forward != nullptr) walker->summaries[row] = Summarize(walker->Row(row));
    }
    const auto nll = [&](const Walker& walker) {
      return walker.summaries[row].log_sum_exp - static_cast<double>(walker.Row(row)[target]);
    };
    nll_[place] = nll(candidate_);
    if (reference_.forward == nullptr) return;
    nll_reference_[place] = nll(reference_);
    const auto kl = [&](const Walker& walker) {
      return KlDivergence(reference_.Row(row), reference_.summaries[row], walker.Row(row),
                          walker.summaries[row]);
    };
    kl_[place] = kl(candidate_);
    if (weights_.forward != nullptr) kl_weights_[place] = kl(weights_);
  }

  const Contestants& contestants_;
  const EvaluateOptions& options_;
  ThreadTeam& team_;
  Walker candidate_, reference_, weights_;
  std::vector<double> nll_, nll_reference_, kl_, kl_weights_;  // one a scored token
  size_t same_ = 0, same_weights_ = 0;
  double scored_bytes_ = 0;  // that the scored tokens stand for
};

Status CheckArguments(const Contestants& c, std::span<const TokenId> ids,
                      const EvaluateOptions& options) {
  if (options.context < 4) {
    return Status(ErrorCode::kInvalidArgument, "chunks of " + std::to_string(options.context) +
                                                   " tokens; at least 4 are needed");
  }
  if (ids.size() < options.context) {
    return Status(ErrorCode::kInvalidArgument, "the text has " + std::to_string(ids.size()) +
                                                   " tokens, less than one chunk of " +
                                                   std::to_string(options.context));
  }
  const size_t vocabulary = c.candidate->model().config.vocabulary;
  if (c.reference != nullptr && c.reference->model().config.vocabulary != vocabulary) {
    return Status(ErrorCode::kInvalidArgument,
                  "the model has " + std::to_string(vocabulary) +
                      " tokens in its vocabulary, the reference " +
                      std::to_string(c.reference->model().config.vocabulary));
  }
  return Status();
}

}  // namespace

Result<Evaluation> Evaluate(const Contestants& contestants, std::span<const TokenId> ids,
                            const EvaluateOptions& options, ThreadTeam& team,
                            const ProgressSink& progress) {
  ALT_RETURN_IF_ERROR(CheckArguments(contestants, ids, options));
  const text::TokenizerSpec& spec = contestants.candidate->model().tokenizer->spec();
  size_t n_chunks = ids.size() / options.context;
  if (options.max_chunks != 0) n_chunks = std::min(n_chunks, options.max_chunks);

  Judge judge(contestants, options, team);
  ALT_RETURN_IF_ERROR(judge.Prepare());
  std::vector<TokenId> chunk;
  for (size_t i = 0; i < n_chunks; ++i) {
    if (progress && !progress(i, n_chunks)) {
      return Status(ErrorCode::kCancelled, "the evaluation was interrupted");
    }
    const auto tokens = ids.subspan(i * options.context, options.context);
    chunk.assign(tokens.begin(), tokens.end());
    if (spec.add_bos && spec.bos) chunk.front() = *spec.bos;
    ALT_RETURN_IF_ERROR(judge.Score(chunk));
  }
  if (progress) progress(n_chunks, n_chunks);
  return judge.Finish(n_chunks);
}

}  // namespace altteul::eval
