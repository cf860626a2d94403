// SPDX-License-Identifier: Apache-2.0

#include "compress/refine.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/check.h"
#include "compress/mix_model.h"
#include "compress/refine_log.h"

namespace altteul::compress {
namespace {

using text::TokenId;

constexpr const char* kLogName = "swaps";  // in the work folder
constexpr const char* kInterrupted = "trying swaps was interrupted";
// A swap that gains less than this part of the divergence on average, counting only what would be
// taken, is not worth a measurement.
constexpr double kWorth = 1e-6;
// Paired by so many chunks at least, so that their spread is known; shorter ones where need be.
constexpr size_t kFewestChunks = 8;
constexpr size_t kShortestChunk = 16;

MeanDivergence MeanOf(const std::vector<double>& divergence) {
  // A mean and its error are those of the gain over nothing.
  const MeasuredGain gain = GainBetween(divergence, std::vector<double>(divergence.size(), 0.0));
  return {gain.mean, gain.standard_error};
}

class Refiner {
 public:
  Refiner(const model::Model& original, const TypePlan& plan, const PlannedTypes& start,
          uint64_t most_bytes, std::span<const TokenId> calibration, std::span<const TokenId> text,
          const RefineOptions& options, compute::Compute& compute, const RefinePlace& place)
      : original_(original),
        plan_(plan),
        most_bytes_(most_bytes),
        calibration_(calibration),
        text_(text),
        options_(options),
        compute_(compute),
        place_(place),
        beliefs_(LaddersOf(plan, start), most_bytes - start.file_bytes) {
    log_.start = StartOf(start);
  }

  Result<RefinedMix> Run() {
    ALT_RETURN_IF_ERROR(CheckTexts());
    Replay();
    if (!IsOver()) ALT_RETURN_IF_ERROR(Work());
    return Finish();
  }

 private:
  // --- what is at hand ---

  static std::vector<Ladder> LaddersOf(const TypePlan& plan, const PlannedTypes& start) {
    std::vector<Ladder> ladders;
    for (size_t i = 0; i < plan.surveys().size(); ++i) {
      const auto& costs = plan.surveys()[i].costs;
      const auto picked = std::find_if(costs.begin(), costs.end(), [&](const TypeCost& cost) {
        return cost.type == start.types[i];
      });
      ALT_CHECK(picked != costs.end());
      ladders.push_back(LadderAround(plan.items()[i], static_cast<size_t>(picked - costs.begin())));
    }
    return ladders;
  }

  /// All that trials follow from beside the work folder's job.
  std::string StartOf(const PlannedTypes& start) const {
    std::string text = std::to_string(most_bytes_) + " bytes:";
    for (const DType type : start.types) text += " " + std::string(TraitsOf(type).name);
    return text;
  }

  Status CheckTexts() {
    const auto refuse = [](const char* what, size_t tokens, size_t fewest) {
      return Status(ErrorCode::kInvalidArgument,
                    std::string(what) + " has " + std::to_string(tokens) + " tokens, fewer than " +
                        std::to_string(fewest));
    };
    if (calibration_.size() < options_.encoding.context) {
      return refuse("the calibration text", calibration_.size(), options_.encoding.context);
    }
    if (text_.size() < kShortestChunk) {
      return refuse("the text for swaps", text_.size(), kShortestChunk);
    }
    meter_options_ = options_.meter;
    meter_options_.context = std::clamp(text_.size() / kFewestChunks, kShortestChunk,
                                        std::max(kShortestChunk, options_.meter.context));
    return Status();
  }

  DType TypeOf(size_t tensor, size_t rung) const {
    const size_t option = beliefs_.ladders()[tensor].rungs[rung].option;
    return plan_.surveys()[tensor].costs[option].type;
  }
  /// Nothing is lost in it: the original stands for it.
  bool IsExact(size_t tensor, DType type) const {
    const TensorSurvey& survey = plan_.surveys()[tensor];
    return type == survey.source ||
           (options_.grids != nullptr && IsOnGrid(*options_.grids, survey.name, type));
  }
  static size_t RungBehind(const Ladder& ladder, const Move& move) {
    return move.up ? ladder.at + 1 : ladder.at - 1;
  }

  // --- the course of trials ---

  size_t n_tried() const { return result_.tried.size(); }

  /// Whether there is a swap to try, whatever the time: next_.
  bool HasNext() {
    next_.reset();
    if (!options_.n_swaps || n_tried() < *options_.n_swaps) {
      next_ = beliefs_.Propose(kWorth * MeanOf(current_).mean);
    }
    return next_.has_value();
  }
  bool IsOver() {
    if (log_.swaps.empty()) return false;
    const bool is_timed = std::isfinite(options_.seconds);
    if (is_timed && (log_.is_ended || log_.swaps.back().seconds >= options_.seconds)) return true;
    return !HasNext();
  }

  /// Takes note of what was measured. Everything that follows depends on such notes alone.
  void Enter(LoggedSwap logged) {
    if (log_.swaps.empty()) {
      start_ = current_ = logged.divergence;
    } else {
      TriedSwap& tried = result_.tried.emplace_back();
      for (const Move& move : logged.swap) {
        const Ladder& ladder = beliefs_.ladders()[move.ladder];
        tried.tensors.push_back({.name = plan_.surveys()[move.ladder].name,
                                 .from = TypeOf(move.ladder, ladder.at),
                                 .to = TypeOf(move.ladder, RungBehind(ladder, move))});
      }
      tried.gain = GainBetween(current_, logged.divergence);
      tried.is_taken = tried.gain.IsSure();
      beliefs_.Learn(logged.swap, tried.gain);
      if (tried.is_taken) {
        beliefs_.Take(logged.swap);
        current_ = logged.divergence;
      }
    }
    log_.swaps.push_back(std::move(logged));
  }

  /// Goes as far as what was kept leads, whatever the time; what does not follow is forgotten.
  void Replay() {
    const auto text = place_.folder == nullptr ? std::nullopt : place_.folder->FindText(kLogName);
    auto kept = text ? RefineLogFromText(*text) : std::nullopt;
    if (!kept || kept->start != log_.start) return;
    for (LoggedSwap& logged : kept->swaps) {
      const bool is_first = log_.swaps.empty();
      if (is_first ? !logged.swap.empty() || logged.divergence.empty()
                   : logged.divergence.size() != start_.size()) {
        return;
      }
      if (!is_first && (!HasNext() || *next_ != logged.swap)) return;
      Enter(std::move(logged));
    }
    log_.is_ended = kept->is_ended;
  }

  Status Work() {
    ALT_RETURN_IF_ERROR(Prepare());
    const double spent = log_.swaps.empty() ? 0 : log_.swaps.back().seconds;
    begin_ = place_.clock.Seconds() - spent;
    if (log_.swaps.empty()) {
      ALT_RETURN_IF_ERROR(Measure({}, mix_->n_depths()).status());
    }
    while (!IsOver()) ALT_RETURN_IF_ERROR(TryNext());
    return Status();
  }

  Status TryNext() {
    const Swap swap = *next_;
    size_t depth = mix_->n_depths();
    for (const Move& move : swap) {
      ALT_RETURN_IF_ERROR(Put(move.ladder, RungBehind(beliefs_.ladders()[move.ladder], move)));
      depth = std::min(depth, mix_->DepthOf(move.ladder));
    }
    ALT_ASSIGN_OR_RETURN(const bool is_taken, Measure(swap, depth));
    if (is_taken) {
      meter_->Settle(depth);
    } else {
      for (const Move& move : swap) {
        ALT_RETURN_IF_ERROR(Put(move.ladder, beliefs_.ladders()[move.ladder].at));
      }
    }
    return Status();
  }

  /// Whether it was taken.
  Result<bool> Measure(const Swap& swap, size_t depth) {
    ALT_ASSIGN_OR_RETURN(std::vector<double> divergence,
                         meter_->Measure(depth, [this] { return Tell(); }));
    const size_t before = result_.n_taken();
    Enter({.swap = swap, .divergence = std::move(divergence), .seconds = Spent()});
    log_.is_ended = std::isfinite(options_.seconds) && Spent() >= options_.seconds;
    if (place_.folder != nullptr) {
      ALT_RETURN_IF_ERROR(place_.folder->KeepText(kLogName, RefineLogAsText(log_)));
    }
    return result_.n_taken() > before;
  }

  double Spent() const { return place_.clock.Seconds() - begin_; }
  Status Tell() const {
    const bool is_timed = std::isfinite(options_.seconds);
    const double done = is_timed ? Spent() : static_cast<double>(n_tried());
    const double total = is_timed           ? options_.seconds
                         : options_.n_swaps ? static_cast<double>(*options_.n_swaps)
                                            : done + 1;
    return TellProgress(place_.trying, static_cast<uint64_t>(std::min(done, total)),
                        static_cast<uint64_t>(std::ceil(total)), kInterrupted);
  }

  // --- the model ---

  Status Prepare() {
    std::vector<WantedTypes> wanted;
    for (size_t i = 0; i < plan_.surveys().size(); ++i) {
      WantedTypes& each = wanted.emplace_back();
      each.name = plan_.surveys()[i].name;
      for (size_t r = 0; r < beliefs_.ladders()[i].rungs.size(); ++r) {
        if (!IsExact(i, TypeOf(i, r))) each.types.push_back(TypeOf(i, r));
      }
    }
    ALT_ASSIGN_OR_RETURN(
        encoded_, EncodeForTrials(original_, wanted, calibration_, options_.encoding, compute_,
                                  {.folder = place_.folder, .progress = place_.encoding}));
    mix_ = std::make_unique<MixModel>(original_, plan_.surveys(), compute_);
    ALT_ASSIGN_OR_RETURN(
        meter_, DivergenceMeter::Create(*mix_, text_, meter_options_, compute_, place_.folder,
                                        [this] { return TellNothing(); }));
    for (size_t i = 0; i < wanted.size(); ++i) {
      ALT_RETURN_IF_ERROR(Put(i, beliefs_.ladders()[i].at));
    }
    return Status();
  }
  /// While the original runs no trial has begun.
  Status TellNothing() const { return TellProgress(place_.trying, 0, 1, kInterrupted); }

  Status Put(size_t tensor, size_t rung) {
    const DType type = TypeOf(tensor, rung);
    return mix_->Put(tensor, IsExact(tensor, type) ? nullptr : &encoded_[tensor].at(type));
  }

  Result<RefinedMix> Finish() {
    std::vector<size_t> picks;
    for (const Ladder& ladder : beliefs_.ladders()) {
      picks.push_back(ladder.rungs[ladder.at].option);
    }
    result_.planned = plan_.Planned(std::move(picks));
    ALT_CHECK(result_.planned.file_bytes <= most_bytes_);
    result_.n_chunks = start_.size();
    result_.before = MeanOf(start_);
    result_.after = MeanOf(current_);
    result_.gain = GainBetween(start_, current_);
    return std::move(result_);
  }

  const model::Model& original_;
  const TypePlan& plan_;
  const uint64_t most_bytes_;
  const std::span<const TokenId> calibration_, text_;
  const RefineOptions options_;
  compute::Compute& compute_;
  const RefinePlace& place_;

  MeterOptions meter_options_;
  MixBeliefs beliefs_;
  RefineLog log_;
  std::vector<double> start_, current_;  // divergence of each chunk
  std::optional<Swap> next_;
  RefinedMix result_;
  double begin_ = 0;  // of the trials, as if they had all been made now

  std::vector<TrialEncodings> encoded_;  // [surveyed tensors]
  std::unique_ptr<MixModel> mix_;
  std::optional<DivergenceMeter> meter_;
};

}  // namespace

size_t RefinedMix::n_taken() const {
  return static_cast<size_t>(std::count_if(tried.begin(), tried.end(),
                                           [](const TriedSwap& swap) { return swap.is_taken; }));
}

Result<RefinedMix> RefineMix(const model::Model& original, const TypePlan& plan,
                             const PlannedTypes& start, uint64_t most_bytes,
                             std::span<const TokenId> calibration, std::span<const TokenId> text,
                             const RefineOptions& options, compute::Compute& compute,
                             const RefinePlace& place) {
  return Refiner(original, plan, start, most_bytes, calibration, text, options, compute, place)
      .Run();
}

}  // namespace altteul::compress
