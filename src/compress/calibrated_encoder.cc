// SPDX-License-Identifier: Apache-2.0

#include "compress/calibrated_encoder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "compress/activation_stream.h"
#include "compress/encode_tensor.h"
#include "compress/group_encoder.h"
#include "compress/layer_groups.h"
#include "compress/moments.h"
#include "compress/stream_snapshot.h"

namespace altteul::compress {
namespace {

using engine::BlockStep;
using model::ModelConfig;

constexpr const char* kEmbedding = "token_embd.weight";
constexpr const char* kHead = "output.weight";
constexpr size_t kTokensPerColumn = 8;  // of a tied head's inputs

class CalibratedEncoder {
 public:
  CalibratedEncoder(const model::Model& original, const TypeChoice& choose,
                    std::span<const text::TokenId> ids, const CalibrationOptions& options,
                    const kernels::KernelTable& kernels, ThreadTeam& team, const WorkPlace& place,
                    InputSquares* squares)
      : original_(original),
        choose_(choose),
        options_(options),
        kernels_(kernels),
        team_(team),
        place_(place),
        squares_(squares),
        n_ids_(ids.size()),
        n_chunks_(ids.size() / options.context),
        ids_(ids.first(n_chunks_ * options.context)),
        original_model_(original, kernels::HalfPanel(kernels)),
        encoded_model_(original, kernels::HalfPanel(kernels)),
        group_encoder_(*original.file, options_, kernels, team, place,
                       [this] { return Tell(done_); }) {}

  Result<EncodedTensors> Run() {
    ALT_RETURN_IF_ERROR(Start());
    if (!IsDone()) ALT_RETURN_IF_ERROR(EncodeAll());
    ALT_RETURN_IF_ERROR(Tell(n_groups()));
    return std::move(encoded_);
  }

 private:
  const ModelConfig& config() const { return original_.config; }
  const model::Checkpoint& file() const { return *original_.file; }
  const TensorView& Tensor(const std::string& name) const { return *file().Find(name); }
  const char* head() const { return original_.weights.tied ? kEmbedding : kHead; }
  uint64_t n_groups() const { return 1 + NumberOfGroups(config(), config().n_layers()); }
  bool IsDone() const { return missing_.empty() && unseen_.empty(); }
  Status Tell(uint64_t done) const {
    if (place_.progress && !place_.progress(done, n_groups())) {
      return Status(ErrorCode::kCancelled, "compressing was interrupted; nothing was written");
    }
    return Status();
  }

  // --- the whole ---

  Status Start() {
    if (n_chunks_ == 0) {
      return Status(ErrorCode::kInvalidArgument, "the calibration text has " +
                                                     std::to_string(n_ids_) +
                                                     " tokens, which is less than one chunk of " +
                                                     std::to_string(options_.context));
    }
    if (squares_ != nullptr) squares_->tokens = ids_.size();
    ALT_RETURN_IF_ERROR(FindKept(head()));
    FindSquares({head()});
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        const std::vector<std::string> names = NamesOf(layer, group);
        for (const std::string& name : names) ALT_RETURN_IF_ERROR(FindKept(name));
        FindSquares(names);
      }
    }
    return Tell(0);
  }

  /// What is there already; all else that is to be encoded is missing.
  Status FindKept(const std::string& name) {
    const TensorView& tensor = Tensor(name);
    ALT_ASSIGN_OR_RETURN(const DType to, choose_(name, tensor));
    if (to == tensor.type || !CanEncode(to)) return Status();
    std::optional<EncodedTensor> kept;
    if (place_.folder != nullptr) kept = place_.folder->FindTensor(name, to, tensor.shape);
    if (kept) encoded_[name] = std::move(*kept);
    if (!kept) missing_[name] = to;
    return Status();
  }

  Status EncodeAll() {
    const ActivationStream::Size size{.n_chunks = n_chunks_, .context = options_.context};
    ALT_ASSIGN_OR_RETURN(before_, ActivationStream::Create(original_model_.model(), size, kernels_,
                                                           team_, place_.folder));
    ALT_ASSIGN_OR_RETURN(after_, ActivationStream::Create(encoded_model_.model(), size, kernels_,
                                                          team_, place_.folder));
    if (place_.folder != nullptr) {
      snapshot_ = FindStreams(*place_.folder, FirstLayerNeeded(), *before_);
    }
    if (place_.estimate != nullptr) {
      ALT_RETURN_IF_ERROR(MeasureSamples());
      PlanWork();
      place_.estimate->Announce();
    }
    if (original_.weights.tied) ALT_RETURN_IF_ERROR(EncodeTiedEmbedding());
    before_->Embed(ids_);
    after_->Embed(ids_);
    ReleaseTable(kEmbedding);
    if (snapshot_.layer != 0) {
      snapshot_.Restore(*before_, *after_);
      snapshot_.piece = {};
    }
    done_ = NumberOfGroups(config(), snapshot_.layer);
    kept_at_ = clock_.Seconds();
    // Behind the last tensor that is missing nobody needs the streams.
    for (size_t layer = snapshot_.layer; layer < config().n_layers() && !IsDone(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        ALT_RETURN_IF_ERROR(EncodeGroup(layer, group));
        ALT_RETURN_IF_ERROR(Tell(++done_));
      }
      ReleaseLayer(file(), layer);
      for (const auto& tensor : encoded_) tensor.second.ReleasePages();
      ALT_RETURN_IF_ERROR(KeepNowAndThen(layer + 1));
    }
    if (unseen_.count(head()) != 0) ALT_RETURN_IF_ERROR(GatherHeadSquares());
    return missing_.empty() ? Status() : EncodeHead();
  }

  /// Both streams, in front of a layer.
  Status KeepNowAndThen(size_t layer) {
    const double since = clock_.Seconds() - kept_at_;
    if (place_.folder == nullptr || IsDone() || since < place_.snapshot_seconds) return Status();
    ALT_RETURN_IF_ERROR(KeepStreams(*place_.folder, layer, snapshot_.layer, *before_, *after_));
    snapshot_ = {.layer = layer, .piece = {}};
    kept_at_ = clock_.Seconds();
    return Status();
  }

  /// All layers before it are done with.
  size_t FirstLayerNeeded() const {
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        for (const std::string& name : NamesOf(layer, group)) {
          if (missing_.count(name) != 0 || unseen_.count(name) != 0) return layer;
        }
      }
    }
    return config().n_layers();
  }

  /// The table is looked up before anything else runs, but as the head it reads the last layer: its
  /// inputs are gathered from the original alone.
  Status EncodeTiedEmbedding() {
    if (missing_.count(kEmbedding) != 0) {
      const size_t n = ChunksOfTiedHead();
      before_->Embed(ids_.first(n * options_.context));
      for (size_t layer = 0; layer < config().n_layers(); ++layer) {
        place_.BeginWork();
        before_->StepLayer(layer, n);
        place_.EndWork("passes", WeightsOf(original_.weights, layer) * Tokens(n));
        ReleaseLayer(file(), layer);
        ALT_RETURN_IF_ERROR(Tell(0));
      }
      ALT_ASSIGN_OR_RETURN(Moments moments, GatherHead(*before_, n, false));
      ALT_RETURN_IF_ERROR(EncodeMissing({kEmbedding}, std::move(moments)));
    }
    const auto found = encoded_.find(kEmbedding);
    if (found == encoded_.end()) return Status();
    encoded_model_.ReplaceEmbedding(found->second.type(), found->second.bytes().data());
    return Status();
  }

  Status EncodeHead() {
    ALT_ASSIGN_OR_RETURN(Moments moments, GatherHead(*after_, n_chunks_, options_.asymmetric));
    return EncodeMissing({kHead}, std::move(moments));
  }

  /// A walk of its own, so no longer than its inputs' moments need.
  size_t ChunksOfTiedHead() const {
    const size_t tokens = kTokensPerColumn * config().hidden;
    return std::min(n_chunks_, (tokens + options_.context - 1) / options_.context);
  }

  /// @param seen  the stream whose inputs the head will see
  Result<Moments> GatherHead(ActivationStream& seen, size_t n_chunks, bool cross) {
    const size_t width = config().hidden;
    ALT_ASSIGN_OR_RETURN(MomentSums sums,
                         MomentSums::Create(width, options_.context, cross, kernels_, team_));
    for (size_t i = 0; i < n_chunks; ++i) {
      const std::span<float> rows = seen.Rows(i, width), original = before_->Rows(i, width);
      seen.forward().Finish(seen.X(i), rows);
      if (cross) before_->forward().Finish(before_->X(i), original);
      place_.BeginWork();
      sums.Add(options_.context, rows, original);
      place_.EndWork(SumsOf(width), SumsAmount(cross));
      ReleaseChunk(i);
    }
    return std::move(sums).Take();
  }

  // --- how large inputs of the original are ---

  /// @param names  tensors that read the same
  void FindSquares(const std::vector<std::string>& names) {
    if (squares_ == nullptr) return;
    const auto kept = FindMeans(place_.folder, names.front(), Tensor(names.front()).shape.cols());
    for (const std::string& name : names) {
      if (kept) squares_->means[name] = *kept;
    }
    if (!kept) unseen_.insert(names.front());
  }

  Status TakeSquares(const std::vector<std::string>& names, const SquareSums& sums) {
    const std::vector<float> means = sums.Means();
    ALT_RETURN_IF_ERROR(KeepMeans(place_.folder, names.front(), means));
    for (const std::string& name : names) squares_->means[name] = means;
    unseen_.erase(names.front());
    return Status();
  }

  Status GatherHeadSquares() {
    SquareSums sums(config().hidden);
    for (size_t i = 0; i < n_chunks_; ++i) {
      const std::span<float> rows = before_->Rows(i, config().hidden);
      before_->forward().Finish(before_->X(i), rows);
      sums.Add(rows);
      ReleaseChunk(i);
    }
    return TakeSquares({head()}, sums);
  }

  // --- a group ---

  Status EncodeGroup(size_t layer, const LayerGroup& group) {
    const std::vector<std::string> names = NamesOf(layer, group);
    const bool is_missing = std::any_of(
        names.begin(), names.end(), [&](const auto& name) { return missing_.count(name) != 0; });
    const size_t width = engine::WidthOf(config(), layer, group.gather);
    const bool is_unseen = unseen_.count(names.front()) != 0;
    SquareSums squares(width);
    std::optional<MomentSums> sums;
    if (is_missing) {
      ALT_ASSIGN_OR_RETURN(
          sums, MomentSums::Create(width, options_.context, options_.asymmetric, kernels_, team_));
    }
    for (size_t i = 0; i < n_chunks_ && (is_missing || is_unseen || group.add); ++i) {
      Step(layer, group.gather, i);
      if (is_unseen) squares.Add(before_->Rows(i, width));
      if (is_missing) AddMoments(i, width, *sums);
      ReleaseChunk(i);
    }
    if (is_unseen) ALT_RETURN_IF_ERROR(TakeSquares(names, squares));
    if (is_missing) ALT_RETURN_IF_ERROR(EncodeMissing(names, std::move(*sums).Take()));
    for (size_t t = 0; t < names.size(); ++t) {
      const auto found = encoded_.find(names[t]);
      if (found == encoded_.end()) continue;
      encoded_model_.Replace(layer, group.tensors[t], found->second.type(),
                             found->second.bytes().data());
    }
    for (size_t i = 0; i < n_chunks_ && group.add; ++i) Step(layer, *group.add, i);
    return Status();
  }

  void AddMoments(size_t chunk, size_t width, MomentSums& sums) {
    place_.BeginWork();
    sums.Add(options_.context, after_->Rows(chunk, width), before_->Rows(chunk, width));
    place_.EndWork(SumsOf(width), SumsAmount(options_.asymmetric));
  }

  /// Both streams.
  void Step(size_t layer, BlockStep step, size_t chunk) {
    place_.BeginWork();
    before_->Step(layer, step, chunk);
    after_->Step(layer, step, chunk);
    ReleaseChunk(chunk);
    place_.EndWork("passes", 2 * WeightsOf(original_.weights, layer, step) *
                                 static_cast<double>(options_.context));
  }

  void ReleaseChunk(size_t chunk) {
    before_->Release(chunk);
    after_->Release(chunk);
  }
  void ReleaseTable(const std::string& name) {
    file().ReleasePages(Tensor(name).bytes);
    const auto found = encoded_.find(name);
    if (found != encoded_.end()) found->second.ReleasePages();
  }

  // --- tensors that read the same inputs ---

  Status EncodeMissing(const std::vector<std::string>& names, Moments moments) {
    std::vector<GroupEncoder::Task> tasks;
    for (const std::string& name : names) {
      const auto found = missing_.find(name);
      if (found == missing_.end()) continue;
      tasks.push_back({.name = name, .view = Tensor(name), .to = found->second});
    }
    ALT_ASSIGN_OR_RETURN(const Metric metric, group_encoder_.Prepare(std::move(moments), tasks));
    for (GroupEncoder::Task& task : tasks) {
      Result<EncodedTensor> made =
          place_.folder == nullptr ? EncodedTensor::InMemory(task.to, task.view.shape)
                                   : place_.folder->NewTensor(task.name, task.to, task.view.shape);
      ALT_ASSIGN_OR_RETURN(EncodedTensor tensor, std::move(made));
      const size_t row_bytes = tensor.bytes().size() / task.view.shape.rows();
      ALT_RETURN_IF_ERROR(group_encoder_.Encode(
          metric, task, tensor.mutable_bytes(), [&tensor, row_bytes](size_t first, size_t n) {
            tensor.ReleasePages(first * row_bytes, n * row_bytes);
          }));
      if (place_.folder != nullptr) {
        ALT_RETURN_IF_ERROR(place_.folder->KeepTensor(task.name, task.view.shape, tensor));
      }
      encoded_[task.name] = std::move(tensor);
      missing_.erase(task.name);
    }
    return Status();
  }

  // --- how long it takes ---

  static std::string SumsOf(size_t n) { return "sums " + std::to_string(n); }
  double SumsAmount(bool cross) const {
    return (cross ? 2 : 1) * static_cast<double>(options_.context);
  }
  double Tokens(size_t n_chunks) const { return static_cast<double>(n_chunks * options_.context); }

  /// One chunk through the first layer, and some rows of a tensor of every kind that is missing;
  /// all of it is forgotten.
  Status MeasureSamples() {
    before_->forward().Embed(ids_.first(options_.context), before_->X(0));
    after_->forward().Embed(ids_.first(options_.context), after_->X(0));
    std::set<std::string> known;  // kinds of rows
    const size_t layer = 0;
    for (const LayerGroup& group : GroupsOf(config(), layer)) {
      Step(layer, group.gather, 0);
      std::vector<GroupEncoder::Task> tasks;
      for (const auto& each : missing_) {
        if (Reads(group, each.first)) AddSample(each.first, known, tasks);
      }
      ALT_RETURN_IF_ERROR(
          MeasureRows(engine::WidthOf(config(), layer, group.gather), options_.asymmetric, tasks));
      if (group.add) Step(layer, *group.add, 0);
    }
    for (const char* name : {kEmbedding, kHead}) {
      std::vector<GroupEncoder::Task> tasks;
      if (missing_.count(name) != 0) AddSample(name, known, tasks);
      const bool cross = options_.asymmetric && !original_.weights.tied;
      ALT_RETURN_IF_ERROR(MeasureRows(config().hidden, cross, tasks));
    }
    ReleaseChunk(0);
    ReleaseLayer(file(), 0);
    return Status();
  }

  /// Whether the tensor is of the group, in any layer.
  static bool Reads(const LayerGroup& group, const std::string& name) {
    return std::any_of(group.tensors.begin(), group.tensors.end(), [&](const LayerTensor& tensor) {
      return name.starts_with("blk.") && name.ends_with(std::string(".") + tensor.name);
    });
  }

  void AddSample(const std::string& name, std::set<std::string>& known,
                 std::vector<GroupEncoder::Task>& tasks) {
    TensorView view = Tensor(name);
    const DType to = missing_.at(name);
    if (!known.insert(GroupEncoder::RowsOf(to, view.shape.cols())).second) return;
    const size_t rows =
        std::min<size_t>(view.shape.rows(), kSampleRows * static_cast<size_t>(team_.size()));
    view.bytes = view.bytes.first(view.bytes.size() / view.shape.rows() * rows);
    view.shape = {.n_dims = 2, .dims = {rows, view.shape.cols()}};
    tasks.push_back({.name = name, .view = view, .to = to});
  }

  Status MeasureRows(size_t width, bool cross, std::vector<GroupEncoder::Task>& tasks) {
    if (tasks.empty()) return Status();
    ALT_ASSIGN_OR_RETURN(MomentSums sums,
                         MomentSums::Create(width, options_.context, cross, kernels_, team_));
    place_.BeginWork();
    sums.Add(options_.context, after_->Rows(0, width), before_->Rows(0, width));
    place_.EndWork(SumsOf(width), SumsAmount(cross));
    ALT_ASSIGN_OR_RETURN(const Metric metric,
                         group_encoder_.Prepare(std::move(sums).Take(), tasks));
    for (GroupEncoder::Task& task : tasks) {
      std::vector<std::byte> out(task.view.shape.rows() *
                                 *RowBytes(task.to, task.view.shape.cols()));
      ALT_RETURN_IF_ERROR(group_encoder_.Encode(metric, task, out, [](size_t, size_t) {}));
    }
    return Status();
  }

  void PlanWork() {
    WorkEstimate& estimate = *place_.estimate;
    const auto plan_group = [&](size_t width, size_t n_chunks, bool cross,
                                const std::vector<std::string>& names) {
      bool any = false;
      for (const std::string& name : names) {
        const auto found = missing_.find(name);
        if (found == missing_.end()) continue;
        const auto rows = static_cast<double>(Tensor(name).shape.rows());
        estimate.Plan(GroupEncoder::RowsOf(found->second, width), rows);
        estimate.Plan(GroupEncoder::MovesOf(width), rows);  // costs nothing where none was measured
        any = true;
      }
      if (!any) return;
      estimate.Plan(SumsOf(width), SumsAmount(cross) * static_cast<double>(n_chunks));
      estimate.Plan(GroupEncoder::MetricOf(width), 1);
    };
    const bool tied = original_.weights.tied;
    const size_t head_chunks = tied ? ChunksOfTiedHead() : n_chunks_;
    plan_group(config().hidden, head_chunks, options_.asymmetric && !tied, {head()});
    const bool head_is_missing = missing_.count(head()) != 0;
    size_t last = 0;  // layers that the streams go through
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      for (const LayerGroup& group : GroupsOf(config(), layer)) {
        const std::vector<std::string> names = NamesOf(layer, group);
        plan_group(engine::WidthOf(config(), layer, group.gather), n_chunks_, options_.asymmetric,
                   names);
        for (const std::string& name : names) {
          if (missing_.count(name) != 0 || unseen_.count(name) != 0) last = layer + 1;
        }
      }
    }
    if (head_is_missing && !tied) last = config().n_layers();
    if (unseen_.count(head()) != 0) last = config().n_layers();
    for (size_t layer = 0; layer < config().n_layers(); ++layer) {
      const double weights = WeightsOf(original_.weights, layer);
      if (head_is_missing && tied) estimate.Plan("passes", weights * Tokens(head_chunks));
      const bool is_walked = layer >= snapshot_.layer && layer < last;
      if (is_walked) estimate.Plan("passes", weights * 2 * Tokens(n_chunks_));
    }
  }

  const model::Model& original_;
  const TypeChoice& choose_;
  const CalibrationOptions options_;
  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
  const WorkPlace& place_;
  InputSquares* const squares_;  // null: nobody asks
  const size_t n_ids_;
  const size_t n_chunks_;
  const std::span<const text::TokenId> ids_;

  // Both streams round to bf16 where that is faster: it is far below what encoding changes.
  ChangedModel original_model_;
  ChangedModel encoded_model_;
  std::optional<ActivationStream> before_, after_;
  GroupEncoder group_encoder_;
  EncodedTensors encoded_;
  std::map<std::string, DType> missing_;  // what they shall be
  std::set<std::string> unseen_;          // first tensors of groups whose squares are to be summed
  uint64_t done_ = 0;                     // groups
  StreamSnapshot snapshot_;               // the last one
  double kept_at_ = 0;                    // by the clock
  const SteadyClock clock_;
};

}  // namespace

Result<EncodedTensors> EncodeCalibrated(const model::Model& original, const TypeChoice& choose,
                                        std::span<const text::TokenId> ids,
                                        const CalibrationOptions& options,
                                        const kernels::KernelTable& kernels, ThreadTeam& team,
                                        const WorkPlace& place, InputSquares* squares) {
  return CalibratedEncoder(original, choose, ids, options, kernels, team, place, squares).Run();
}

}  // namespace altteul::compress
