// SPDX-License-Identifier: Apache-2.0

#include "eval/evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "eval/distribution.h"
#include "tensor/buffer.h"

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
  Buffer logits;                      ///< f32 [kLogitRows, vocabulary]
  std::vector<RowSummary> summaries;  ///< [kLogitRows]

  std::span<const float> Row(size_t row) const {
    const size_t vocabulary = forward->model().config.vocabulary;
    return ValuesOf<float>(logits).subspan(row * vocabulary, vocabulary);
  }
};

Result<Walker> MakeWalker(Forward* forward, const EvaluateOptions& options, kernels::KvType type) {
  Walker walker;
  walker.forward = forward;
  ALT_ASSIGN_OR_RETURN(KvCache cache, KvCache::Create(forward->compute(), forward->model().config,
                                                      type, options.context, options.context));
  walker.cache.emplace(std::move(cache));
  ALT_ASSIGN_OR_RETURN(
      walker.logits,
      Buffer::Allocate(kLogitRows * forward->model().config.vocabulary * sizeof(float),
                       "the logits of " + std::to_string(kLogitRows) + " rows"));
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

/// What a model says of the scored tokens, beside the reference.
struct Score {
  std::vector<double> nll, kl;  ///< one a scored token
  size_t same_top = 0;
};

/// One model's walk and what came of it.
struct Entrant {
  Walker walker;
  Score score;
  bool exists() const { return walker.forward != nullptr; }
};

class Judge {
 public:
  Judge(std::span<const Candidate> candidates, Forward* reference, const EvaluateOptions& options,
        ThreadTeam& team)
      : candidates_(candidates), options_(options), team_(team) {
    reference_.walker.forward = reference;
  }

  Status Prepare() {
    as_run_.resize(candidates_.size());
    weights_.resize(candidates_.size());
    for (size_t i = 0; i < candidates_.size(); ++i) {
      ALT_ASSIGN_OR_RETURN(as_run_[i].walker,
                           MakeWalker(candidates_[i].as_run, options_, options_.kv_type));
      if (candidates_[i].weights == nullptr) continue;
      ALT_ASSIGN_OR_RETURN(weights_[i].walker,
                           MakeWalker(candidates_[i].weights, options_, kernels::KvType::kF32));
    }
    if (!reference_.exists()) return Status();
    // The truth side keeps f32 keys and values too.
    ALT_ASSIGN_OR_RETURN(reference_.walker,
                         MakeWalker(reference_.walker.forward, options_, kernels::KvType::kF32));
    return Status();
  }

  Status Add(std::span<const TokenId> chunk) {
    const std::vector<Entrant*> all = Everyone();
    for (Entrant* each : all) ALT_RETURN_IF_ERROR(RunChunk(each->walker, chunk));
    const size_t first = chunk.size() / 2;
    for (size_t row = first; row + 1 < chunk.size(); row += kLogitRows) {
      const size_t n = std::min(kLogitRows, chunk.size() - 1 - row);
      for (Entrant* each : all) {
        ALT_RETURN_IF_ERROR(
            each->walker.forward->Logits(row, n, ValuesOf<float>(each->walker.logits)));
      }
      ScoreRows(all, chunk.subspan(row + 1, n));
    }
    return Status();
  }

  std::vector<Evaluation> Finish(size_t chunks) {
    std::vector<Evaluation> all;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      Evaluation out;
      out.chunks = chunks;
      const std::vector<double>& nll = as_run_[i].score.nll;
      out.scored_tokens = nll.size();
      const auto n = static_cast<double>(nll.size());
      double sum = 0, squares = 0;
      for (const double value : nll) {
        sum += value;
        squares += value * value;
      }
      const double mean = sum / n;
      const double bits = scored_bytes_ == 0 ? 0 : 1 / (std::log(2.0) * scored_bytes_);  // per nat
      out.perplexity = std::exp(mean);
      out.bits_per_byte = sum * bits;
      out.perplexity_stderr =
          out.perplexity * std::sqrt(std::max(0.0, squares / n - mean * mean) / n);
      if (reference_.exists()) {
        double reference_sum = 0;
        for (const double value : reference_.score.nll) reference_sum += value;
        out.perplexity_reference = std::exp(reference_sum / n);
        out.bits_per_byte_reference = reference_sum * bits;
        out.divergence = Reduce(std::move(as_run_[i].score.kl), as_run_[i].score.same_top);
      }
      if (weights_[i].exists()) {
        out.divergence_weights =
            Reduce(std::move(weights_[i].score.kl), weights_[i].score.same_top);
      }
      all.push_back(out);
    }
    return all;
  }

 private:
  /// The reference first.
  std::vector<Entrant*> Everyone() {
    std::vector<Entrant*> all;
    if (reference_.exists()) all.push_back(&reference_);
    for (Entrant& each : as_run_) all.push_back(&each);
    for (Entrant& each : weights_) {
      if (each.exists()) all.push_back(&each);
    }
    return all;
  }

  // Rows are shared among the threads; each writes its own places.
  void ScoreRows(const std::vector<Entrant*>& all, std::span<const TokenId> targets) {
    const size_t n = targets.size(), start = all.front()->score.nll.size();
    const text::Tokenizer& tokenizer = *candidates_.front().as_run->model().tokenizer;
    for (size_t row = 0; row < n && tokenizer.vocabulary() != 0; ++row) {
      scored_bytes_ += static_cast<double>(tokenizer.TokenBytes(targets[row], false).size());
    }
    for (Entrant* each : all) {
      each->score.nll.resize(start + n);
      each->score.kl.resize(start + n);
    }
    team_.Run([&](int thread) {
      const Share share = ShareOf(n, 1, thread, team_.size());
      for (size_t row = share.begin; row < share.end; ++row) {
        for (Entrant* each : all) {
          ScoreRow(*each, row, static_cast<size_t>(targets[row]), start + row);
        }
      }
    });
    for (size_t row = 0; row < n && reference_.exists(); ++row) {
      for (Entrant* each : all) {
        each->score.same_top +=
            each->walker.summaries[row].top == reference_.walker.summaries[row].top;
      }
    }
  }

  /// @pre where there is a reference, it has scored the row
  void ScoreRow(Entrant& each, size_t row, size_t target, size_t place) const {
    Walker& walker = each.walker;
    walker.summaries[row] = Summarize(walker.Row(row));
    each.score.nll[place] =
        walker.summaries[row].log_sum_exp - static_cast<double>(walker.Row(row)[target]);
    if (!reference_.exists() || &each == &reference_) return;
    const Walker& reference = reference_.walker;
    each.score.kl[place] = KlDivergence(reference.Row(row), reference.summaries[row],
                                        walker.Row(row), walker.summaries[row]);
  }

  std::span<const Candidate> candidates_;
  const EvaluateOptions& options_;
  ThreadTeam& team_;
  Entrant reference_;
  std::vector<Entrant> as_run_, weights_;  // one a candidate
  double scored_bytes_ = 0;                // that the scored tokens stand for
};

Status CheckVocabulary(const Forward& model, size_t vocabulary, const char* what) {
  const size_t its = model.model().config.vocabulary;
  if (its == vocabulary) return Status();
  return Status(ErrorCode::kInvalidArgument, "the model has " + std::to_string(vocabulary) +
                                                 " tokens in its vocabulary, " + what + " " +
                                                 std::to_string(its));
}

Status CheckArguments(std::span<const Candidate> candidates, const Forward* reference,
                      std::span<const TokenId> ids, const EvaluateOptions& options) {
  if (options.context < 4) {
    return Status(ErrorCode::kInvalidArgument, "chunks of " + std::to_string(options.context) +
                                                   " tokens; at least 4 are needed");
  }
  if (ids.size() < options.context) {
    return Status(ErrorCode::kInvalidArgument, "the text has " + std::to_string(ids.size()) +
                                                   " tokens, less than one chunk of " +
                                                   std::to_string(options.context));
  }
  const size_t vocabulary = candidates.front().as_run->model().config.vocabulary;
  for (const Candidate& each : candidates) {
    ALT_RETURN_IF_ERROR(CheckVocabulary(*each.as_run, vocabulary, "another"));
  }
  return reference == nullptr ? Status() : CheckVocabulary(*reference, vocabulary, "the reference");
}

}  // namespace

Result<std::vector<Evaluation>> EvaluateAll(std::span<const Candidate> candidates,
                                            Forward* reference, std::span<const TokenId> ids,
                                            const EvaluateOptions& options, ThreadTeam& team,
                                            const ProgressSink& progress) {
  ALT_RETURN_IF_ERROR(CheckArguments(candidates, reference, ids, options));
  const text::TokenizerSpec& spec = candidates.front().as_run->model().tokenizer->spec();
  size_t n_chunks = ids.size() / options.context;
  if (options.max_chunks != 0) n_chunks = std::min(n_chunks, options.max_chunks);

  Judge judge(candidates, reference, options, team);
  ALT_RETURN_IF_ERROR(judge.Prepare());
  std::vector<TokenId> chunk;
  for (size_t i = 0; i < n_chunks; ++i) {
    if (progress && !progress(i, n_chunks)) {
      return Status(ErrorCode::kCancelled, "the evaluation was interrupted");
    }
    const auto tokens = ids.subspan(i * options.context, options.context);
    chunk.assign(tokens.begin(), tokens.end());
    if (spec.add_bos && spec.bos) chunk.front() = *spec.bos;
    ALT_RETURN_IF_ERROR(judge.Add(chunk));
  }
  if (progress) progress(n_chunks, n_chunks);
  return judge.Finish(n_chunks);
}

Result<Evaluation> Evaluate(const Contestants& contestants, std::span<const TokenId> ids,
                            const EvaluateOptions& options, ThreadTeam& team,
                            const ProgressSink& progress) {
  const Candidate candidate{.as_run = contestants.candidate,
                            .weights = contestants.candidate_weights};
  ALT_ASSIGN_OR_RETURN(
      auto all, EvaluateAll({&candidate, 1}, contestants.reference, ids, options, team, progress));
  return all.front();
}

}  // namespace altteul::eval
