// SPDX-License-Identifier: Apache-2.0

#include "opencl/opencl_compute.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <variant>

#include "base/check.h"

namespace altteul::tests {

using compute::Bytes;
using compute::Floats;
using compute::NormWeights;
using compute::Output;
using compute::Tape;
using compute::TapeLimits;

namespace {

constexpr size_t kItemsPerGroup = 64;

Status Unsupported(const std::string& what) {
  return Status(ErrorCode::kUnsupported, "the OpenCL compute for tests does not know " + what);
}

/// What the kernel Product calls a type, or an error that names it.
Result<uint32_t> DeviceTypeOf(const compute::WeightMatrix& w) {
  constexpr std::array kTypes = {DType::kQ4_0, DType::kQ8_0, DType::kQ4_K};
  const auto found = std::find(kTypes.begin(), kTypes.end(), w.type);
  const std::string name(TraitsOf(w.type).name);
  if (found == kTypes.end()) return Unsupported("products with " + name);
  if (w.form != kernels::RestForm::kGroups16) {
    return Unsupported("products with " + name + " in the rows of a file");
  }
  return static_cast<uint32_t>(found - kTypes.begin());
}

/// Whether a step can be launched: looks at everything but addresses.
struct Known {
  Status operator()(const compute::EmbedStep&) const { return Unsupported("EmbedStep"); }
  Status operator()(const compute::RopeAnglesStep&) const { return Unsupported("RopeAnglesStep"); }
  Status operator()(const compute::NormStep&) const { return Status(); }
  Status operator()(const compute::ProductsStep& step) const {
    for (const Output& output : step.Outputs()) ALT_RETURN_IF_ERROR(Product(output));
    return Status();
  }
  Status operator()(const compute::AddProductStep& step) const { return Product(step.product); }
  Status operator()(const compute::RopeStep&) const { return Unsupported("RopeStep"); }
  Status operator()(const compute::StoreKvStep&) const { return Unsupported("StoreKvStep"); }
  Status operator()(const compute::AttendStep&) const { return Unsupported("AttendStep"); }
  Status operator()(const compute::GluStep&) const { return Status(); }
  Status operator()(const compute::GatherStep&) const { return Unsupported("GatherStep"); }
  Status operator()(const compute::SoftcapStep&) const { return Unsupported("SoftcapStep"); }

  static Status Product(const Output& output) {
    if (!output.adapters.empty()) return Unsupported("adapters of a product");
    return DeviceTypeOf(output.linear->w).status();
  }
};

}  // namespace

DevicePlace AddressTable::Find(const void* address, uint64_t size_bytes) const {
  const uintptr_t number = Number(address);
  auto behind = ranges_.upper_bound(number);
  if (behind == ranges_.begin()) return {};
  const auto& [begin, range] = *--behind;
  const uint64_t offset = number - begin;
  if (offset > range.size_bytes || size_bytes > range.size_bytes - offset) return {};
  return {range.buffer, offset};
}

// --- memory and weights --------------------------------------------------------------------------

/// A range of the table, with its buffer and, for memory, the reservation that is its address.
class OpenClCompute::OwnedRange final : public compute::Owned {
 public:
  OwnedRange(AddressTable& addresses, const void* begin, size_t size_bytes, DeviceBuffer buffer,
             void* reservation)
      : addresses_(addresses),
        begin_(begin),
        size_bytes_(size_bytes),
        buffer_(std::move(buffer)),
        reservation_(reservation) {
    addresses_.Add(begin_, size_bytes_, buffer_.get());
  }
  ~OwnedRange() override {
    addresses_.Remove(begin_);
    if (reservation_ != nullptr) munmap(reservation_, size_bytes_);
  }

 private:
  AddressTable& addresses_;
  const void* const begin_;
  const size_t size_bytes_;
  const DeviceBuffer buffer_;
  void* const reservation_;
};

Result<compute::Memory> OpenClCompute::Allocate(uint64_t size_bytes, const std::string& purpose) {
  ALT_ASSIGN_OR_RETURN(DeviceBuffer buffer, device_->Allocate(size_bytes, purpose));
  void* shadow = mmap(nullptr, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shadow == MAP_FAILED) {
    return Status(ErrorCode::kOutOfMemory, "no room for the addresses of " +
                                               std::to_string(size_bytes) + " bytes, " + purpose);
  }
  auto owner =
      std::make_unique<OwnedRange>(addresses_, shadow, size_bytes, std::move(buffer), shadow);
  return compute::Memory{
      .owner = std::move(owner), .at = Bytes(static_cast<std::byte*>(shadow)), .size = size_bytes};
}

Result<std::unique_ptr<compute::Owned>> OpenClCompute::Hold(std::span<const std::byte> weights) {
  ALT_ASSIGN_OR_RETURN(DeviceBuffer buffer, device_->Allocate(weights.size(), "weights"));
  ALT_RETURN_IF_ERROR(device_->Write({buffer.get(), 0}, weights.data(), weights.size()));
  ALT_RETURN_IF_ERROR(device_->Wait());  // a loader may give the file's pages back now
  return std::unique_ptr<compute::Owned>(std::make_unique<OwnedRange>(
      addresses_, weights.data(), weights.size(), std::move(buffer), nullptr));
}

void OpenClCompute::Copy(Bytes to, Bytes from, size_t size_bytes) {
  const DevicePlace device_to = addresses_.Find(to.place(), size_bytes);
  const DevicePlace device_from = addresses_.Find(from.place(), size_bytes);
  Status status(ErrorCode::kInvalidArgument, "a copy of memory that is not this compute's");
  if (device_to.buffer != nullptr && device_from.buffer != nullptr) {
    status = device_->Copy(device_to, device_from, size_bytes);
  }
  if (copied_.ok()) copied_ = std::move(status);
}

// --- a tape --------------------------------------------------------------------------------------

class OpenClCompute::Player final : public compute::Player {
 public:
  static Result<std::unique_ptr<compute::Player>> Create(OpenClCompute& compute,
                                                         const TapeLimits& limits);

  Status Play(const Tape& tape) override;
  Status Finish() override;

 private:
  friend class Walk;

  explicit Player(OpenClCompute& compute) : compute_(compute) {}
  Status BringLent(const Tape& tape);
  Status FetchLent(const Tape& tape);

  OpenClCompute& compute_;
  size_t max_blocks_ = 0;                  // of 32 columns, of all rows
  DeviceBuffer codes_, scales_, offsets_;  // of what a product reads: see PreparedRows
  std::vector<DeviceBuffer> staged_;       // of lent memory
  AddressTable lent_;
};

/// From step to step, launching.
class OpenClCompute::Walk {
 public:
  Walk(Player& player, size_t n_rows)
      : player_(player), device_(*player.compute_.device_), n_rows_(n_rows) {}

  template <typename Other>
  Status operator()(const Other&) {
    ALT_CHECK(false);  // Known has refused it
  }
  Status operator()(const compute::NormStep& step);
  Status operator()(const compute::ProductsStep& step);
  Status operator()(const compute::AddProductStep& step);
  Status operator()(const compute::GluStep& step);

 private:
  template <typename T>
  Status Find(const T* address, uint64_t count, const char* what, DevicePlace* place) const;
  Status FindRows(Floats floats, size_t width, const char* what, DevicePlace* place) const {
    return Find(floats.place(), n_rows_ * width, what, place);
  }
  Status Norm(Floats in, Floats out, const NormWeights& norm, size_t parts, size_t width);
  Status Quantize(Floats in, size_t cols);
  Status Multiply(const Output& output, Floats to, size_t stride, bool adds);

  Player& player_;
  OpenClDevice& device_;
  const size_t n_rows_;
};

template <typename T>
Status OpenClCompute::Walk::Find(const T* address, uint64_t count, const char* what,
                                 DevicePlace* place) const {
  *place = player_.lent_.Find(address, count * sizeof(T));
  if (place->buffer == nullptr) {
    *place = player_.compute_.addresses_.Find(address, count * sizeof(T));
  }
  if (place->buffer != nullptr) return Status();
  return Status(ErrorCode::kInvalidArgument,
                std::string(what) + " is neither lent nor this compute's");
}

Status OpenClCompute::Walk::operator()(const compute::NormStep& step) {
  return Norm(step.in, step.out, step.norm, step.parts, step.width);
}

Status OpenClCompute::Walk::operator()(const compute::ProductsStep& step) {
  const size_t cols = step.outputs[0].linear->w.cols;
  if (step.norm.is_there()) {
    ALT_RETURN_IF_ERROR(Norm(step.in, step.normed, step.norm, 1, cols));
  }
  ALT_RETURN_IF_ERROR(Quantize(step.norm.is_there() ? step.normed : step.in, cols));
  for (const Output& output : step.Outputs()) {
    ALT_RETURN_IF_ERROR(Multiply(output, output.out, output.Stride(), false));
  }
  return Status();
}

Status OpenClCompute::Walk::operator()(const compute::AddProductStep& step) {
  const Output& product = step.product;
  const size_t width = product.linear->w.rows;
  ALT_RETURN_IF_ERROR(Quantize(step.in, product.linear->w.cols));
  if (!step.norm.is_there()) return Multiply(product, step.x, width, true);
  ALT_RETURN_IF_ERROR(Multiply(product, product.out, width, false));
  ALT_RETURN_IF_ERROR(Norm(product.out, step.normed, step.norm, 1, width));
  DevicePlace x, normed;
  ALT_RETURN_IF_ERROR(FindRows(step.x, width, "a sum", &x));
  ALT_RETURN_IF_ERROR(FindRows(step.normed, width, "a normed product", &normed));
  const size_t n = n_rows_ * width;
  return device_.Launch(DeviceKernel::kAdd, {n, kItemsPerGroup}, x, normed, cl_ulong{n});
}

Status OpenClCompute::Walk::operator()(const compute::GluStep& step) {
  DevicePlace gate, up, out;
  ALT_RETURN_IF_ERROR(FindRows(step.gate, step.width, "a gate", &gate));
  ALT_RETURN_IF_ERROR(FindRows(step.up, step.width, "what a gate is for", &up));
  ALT_RETURN_IF_ERROR(FindRows(step.out, step.width, "the output of a gate", &out));
  const size_t n = n_rows_ * step.width;
  const cl_uint is_gelu = step.activation == kernels::Activation::kGeluTanh ? 1 : 0;
  return device_.Launch(DeviceKernel::kGlu, {n, kItemsPerGroup}, gate, up, out, cl_ulong{n},
                        is_gelu);
}

Status OpenClCompute::Walk::Norm(Floats in, Floats out, const NormWeights& norm, size_t parts,
                                 size_t width) {
  DevicePlace from, to, weight;
  ALT_RETURN_IF_ERROR(FindRows(in, parts * width, "the input of a norm", &from));
  ALT_RETURN_IF_ERROR(FindRows(out, parts * width, "the output of a norm", &to));
  ALT_RETURN_IF_ERROR(Find(norm.weight, width, "the weight of a norm", &weight));
  const cl_uint lanes = player_.compute_.norm_lanes_;
  return device_.Launch(DeviceKernel::kNorm, {n_rows_ * parts * 4 * lanes, 4 * lanes}, from, to,
                        static_cast<cl_uint>(width), weight, norm.offset, norm.eps, lanes);
}

Status OpenClCompute::Walk::Quantize(Floats in, size_t cols) {
  DevicePlace from;
  ALT_RETURN_IF_ERROR(FindRows(in, cols, "the input of a product", &from));
  const size_t n_blocks = n_rows_ * (cols / kernels::kBlockCols);
  ALT_CHECK(n_blocks <= player_.max_blocks_);
  return device_.Launch(DeviceKernel::kQuantize, {n_blocks, kItemsPerGroup}, from,
                        static_cast<cl_uint>(n_blocks), player_.codes_.get(), player_.scales_.get(),
                        player_.offsets_.get());
}

/// Of what Quantize() was told last.
Status OpenClCompute::Walk::Multiply(const Output& output, Floats to, size_t stride, bool adds) {
  const compute::WeightMatrix& w = output.linear->w;
  ALT_ASSIGN_OR_RETURN(const uint32_t type, DeviceTypeOf(w));
  DevicePlace weights, bias, out;
  ALT_RETURN_IF_ERROR(
      Find(w.data, kernels::GroupedBytes(w.type, w.rows, w.cols), "a weight matrix", &weights));
  if (output.linear->bias != nullptr) {
    ALT_RETURN_IF_ERROR(Find(output.linear->bias, w.rows, "a bias", &bias));
  }
  const size_t n_floats = (n_rows_ - 1) * stride + w.rows;
  ALT_RETURN_IF_ERROR(Find(to.place(), n_floats, "the output of a product", &out));
  return device_.Launch(DeviceKernel::kProduct, {w.rows, kernels::kGroupRows, n_rows_},
                        cl_uint{type}, weights, static_cast<cl_uint>(w.rows),
                        static_cast<cl_uint>(w.cols / kernels::kBlockCols), player_.codes_.get(),
                        player_.scales_.get(), player_.offsets_.get(), bias, out,
                        static_cast<cl_uint>(stride), cl_uint{adds});
}

// --- the player ----------------------------------------------------------------------------------

Result<std::unique_ptr<compute::Player>> OpenClCompute::Player::Create(OpenClCompute& compute,
                                                                       const TapeLimits& limits) {
  std::unique_ptr<Player> player(new Player(compute));
  const size_t blocks_of_row = std::max(limits.widest, limits.widest_glu) / kernels::kBlockCols;
  player->max_blocks_ = limits.max_rows * blocks_of_row;
  const std::string purpose = "working memory for " + std::to_string(limits.max_rows) + " rows";
  const auto allocate = [&](size_t bytes_per_block) {
    return compute.device_->Allocate(player->max_blocks_ * bytes_per_block, purpose);
  };
  ALT_ASSIGN_OR_RETURN(player->codes_, allocate(kernels::kBlockCols));
  ALT_ASSIGN_OR_RETURN(player->scales_, allocate(sizeof(float)));
  ALT_ASSIGN_OR_RETURN(player->offsets_, allocate(sizeof(float)));
  return std::unique_ptr<compute::Player>(std::move(player));
}

/// Lent memory gets a place on the device, with its values where steps read them.
Status OpenClCompute::Player::BringLent(const Tape& tape) {
  lent_.Clear();
  staged_.clear();
  for (const Tape::LentFloats& lent : tape.lent()) {
    const size_t size_bytes = lent.floats.size_bytes();
    ALT_ASSIGN_OR_RETURN(DeviceBuffer buffer,
                         compute_.device_->Allocate(size_bytes, "memory lent to a tape"));
    if (lent.loan != Tape::Loan::kWritten) {
      ALT_RETURN_IF_ERROR(
          compute_.device_->Write({buffer.get(), 0}, lent.floats.data(), size_bytes));
    }
    lent_.Add(lent.floats.data(), size_bytes, buffer.get());
    staged_.push_back(std::move(buffer));
  }
  return Status();
}

Status OpenClCompute::Player::FetchLent(const Tape& tape) {
  for (size_t i = 0; i < staged_.size(); ++i) {
    const Tape::LentFloats& lent = tape.lent()[i];
    if (lent.loan == Tape::Loan::kRead) continue;
    ALT_RETURN_IF_ERROR(compute_.device_->Read(lent.floats.data(), {staged_[i].get(), 0},
                                               lent.floats.size_bytes()));
  }
  return Status();
}

Status OpenClCompute::Player::Play(const Tape& tape) {
  for (const compute::Step& step : tape.steps()) {
    ALT_RETURN_IF_ERROR(std::visit(Known(), step));
  }
  Status status = BringLent(tape);
  Walk walk(*this, tape.n_rows());
  for (const compute::Step& step : tape.steps()) {
    if (status.ok()) status = std::visit(walk, step);
  }
  if (status.ok()) status = FetchLent(tape);
  return status;
}

Status OpenClCompute::Player::Finish() {
  // What was launched before an error still touches lent memory: wait in any case.
  Status status = compute_.device_->Wait();
  Status copied = std::exchange(compute_.copied_, Status());
  return copied.ok() ? status : copied;
}

Result<std::unique_ptr<compute::Player>> OpenClCompute::NewPlayer(const TapeLimits& limits) {
  return Player::Create(*this, limits);
}

}  // namespace altteul::tests
