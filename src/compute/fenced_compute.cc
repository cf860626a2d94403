// SPDX-License-Identifier: Apache-2.0

#include "compute/fenced_compute.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "compute/cpu_player.h"
#include "compute/step_addresses.h"

namespace altteul::compute {
namespace {

const std::byte* BytesAt(const void* address) { return static_cast<const std::byte*>(address); }

bool Covers(std::span<const std::byte> bytes, const void* begin, size_t size) {
  const std::less_equal<const std::byte*> is_not_behind;
  return is_not_behind(bytes.data(), BytesAt(begin)) &&
         is_not_behind(BytesAt(begin) + size, bytes.data() + bytes.size());
}

/// Counts down to a fault; true once, when it is there.
bool IsNow(size_t& fails_in) { return fails_in != 0 && --fails_in == 0; }

}  // namespace

/// Memory or weights, taken back when nothing that was queued can still need them.
class FencedCompute::OwnedPiece final : public Owned {
 public:
  OwnedPiece(FencedCompute& compute, std::unique_ptr<FencedMemory::Piece> piece)
      : compute_(compute), piece_(std::move(piece)) {}
  ~OwnedPiece() override {
    compute_.Drain();
    const auto is_this = [this](const FencedMemory::Piece* piece) { return piece == piece_.get(); };
    const auto is_held = [this](const Held& held) { return held.fenced == piece_->begin(); };
    std::erase_if(compute_.allocated_, is_this);
    std::erase_if(compute_.held_, is_held);
  }

 private:
  FencedCompute& compute_;
  std::unique_ptr<FencedMemory::Piece> piece_;
};

/// What the addresses of one tape mean here.
class FencedCompute::TapeAddresses final : public AddressMap {
 public:
  TapeAddresses(const FencedCompute& compute, const Tape& tape) : compute_(compute), tape_(tape) {}

  /// Memory of its own for what the tape was lent.
  Status Stage(FencedMemory& memory) {
    for (const Tape::LentFloats& lent : tape_.lent()) {
      ALT_ASSIGN_OR_RETURN(std::unique_ptr<FencedMemory::Piece> piece,
                           memory.Take(lent.floats.size_bytes(), "what a tape was lent"));
      staged_.push_back(std::move(piece));
    }
    return Status();
  }
  std::span<float> Staged(size_t lent) const {
    return {reinterpret_cast<float*>(staged_[lent]->begin()), tape_.lent()[lent].floats.size()};
  }

  Status Check() const {
    Status status;
    const auto steps = tape_.steps();
    for (size_t i = 0; i < steps.size() && status.ok(); ++i) {
      ForEachAddress(steps[i], tape_.n_rows(), [&](const StepAddress& address) {
        if (status.ok() && !IsKnown(address)) status = Unknown(i, address);
      });
    }
    return status;
  }

  // Check() has seen them all.
  void* Find(const void* address) const override {
    for (size_t i = 0; i < staged_.size(); ++i) {
      const auto host = std::as_bytes(tape_.lent()[i].floats);
      if (Covers(host, address, 1)) return staged_[i]->begin() + (BytesAt(address) - host.data());
    }
    if (compute_.IsMemory(address, 1)) return const_cast<void*>(address);
    const Held* held = compute_.FindHeld(address, 1);
    ALT_CHECK(held != nullptr);
    // Nobody writes weights; if a step does, their pages fault.
    return const_cast<std::byte*>(held->fenced + (BytesAt(address) - held->host.data()));
  }

 private:
  bool IsKnown(const StepAddress& address) const {
    if (address.kind == AddressKind::kWeight) {
      return compute_.FindHeld(address.begin, address.bytes) != nullptr;
    }
    if (compute_.IsMemory(address.begin, address.bytes)) return true;
    if (address.kind == AddressKind::kCache) return false;
    const auto lent = tape_.lent();
    return std::any_of(lent.begin(), lent.end(), [&](const Tape::LentFloats& each) {
      return Covers(std::as_bytes(each.floats), address.begin, address.bytes);
    });
  }
  static Status Unknown(size_t step, const StepAddress& address) {
    const char* why = address.kind == AddressKind::kWeight
                          ? " bytes, were not handed over, or were given back"
                          : " bytes, lie neither in memory of this compute nor in what it was lent";
    return Status(ErrorCode::kInvalidArgument, "step " + std::to_string(step) +
                                                   " of a tape: " + address.what + ", " +
                                                   std::to_string(address.bytes) + why);
  }

  const FencedCompute& compute_;
  const Tape& tape_;
  std::vector<std::unique_ptr<FencedMemory::Piece>> staged_;  // [lent]
};

// --- the player ----------------------------------------------------------------------------------

class FencedCompute::FencedPlayer final : public Player, public AddressMap {
 public:
  explicit FencedPlayer(FencedCompute& compute) : compute_(compute) {}
  ~FencedPlayer() override { compute_.Drain(); }

  Status Create(const TapeLimits& limits) {
    ALT_ASSIGN_OR_RETURN(
        player_, CpuPlayer::Create(compute_.kernels(), *compute_.device_team_, limits, this));
    return Status();
  }

  Status Play(const Tape& tape) override {
    auto queued = std::make_unique<Queued>();
    queued->tape = tape;
    for (const Tape::LentFloats& lent : tape.lent()) {
      // Nothing may be read of what is only to be written.
      const bool is_read = lent.loan != Tape::Loan::kWritten;
      queued->values.emplace_back(lent.floats.size(), std::numeric_limits<float>::quiet_NaN());
      if (is_read) std::copy(lent.floats.begin(), lent.floats.end(), queued->values.back().begin());
    }
    compute_.n_steps_ = tape.steps().size();
    if (IsNow(compute_.tape_fails_in_)) queued->failing_step = compute_.failing_step_;
    Queued* const one = queued.get();
    queued_.push_back(std::move(queued));
    compute_.Queue([this, one] {
      if (error_.ok() && compute_.copy_error_.ok()) error_ = PlayNow(*one);
    });
    return Status();
  }

  Status Finish() override {
    compute_.Drain();
    Status copied = std::exchange(compute_.copy_error_, Status());
    const Status played = std::exchange(error_, Status());
    const auto queued = std::exchange(queued_, {});
    if (!copied.ok()) return copied;
    ALT_RETURN_IF_ERROR(played);
    for (const auto& one : queued) {
      const auto lent = one->tape.lent();
      for (size_t i = 0; i < lent.size(); ++i) {
        if (lent[i].loan == Tape::Loan::kRead) continue;
        std::copy(one->values[i].begin(), one->values[i].end(), lent[i].floats.begin());
      }
    }
    return Status();
  }

  void* Find(const void* address) const override { return addresses_->Find(address); }

 private:
  struct Queued {
    Tape tape;
    std::vector<std::vector<float>> values;  // [lent] before, then behind it
    size_t failing_step = SIZE_MAX;

    bool fails() const { return failing_step != SIZE_MAX; }
  };

  /// On the compute's own thread.
  Status PlayNow(Queued& queued) {
    Tape tape = queued.tape;
    const size_t n_steps = std::min(queued.failing_step, tape.steps().size());
    if (queued.fails()) {
      tape.Clear(queued.tape.n_rows());
      for (const Tape::LentFloats& lent : queued.tape.lent()) tape.Lend(lent.floats, lent.loan);
      for (size_t i = 0; i < n_steps; ++i) tape.Add(queued.tape.steps()[i]);
    }
    TapeAddresses addresses(compute_, tape);
    ALT_RETURN_IF_ERROR(addresses.Stage(compute_.memory_));
    ALT_RETURN_IF_ERROR(addresses.Check());
    {
      const FencedMemory::Gate gate(compute_.memory_);
      for (size_t i = 0; i < queued.values.size(); ++i) {
        std::copy(queued.values[i].begin(), queued.values[i].end(), addresses.Staged(i).begin());
      }
      addresses_ = &addresses;
      ALT_RETURN_IF_ERROR(player_->Play(tape));
      addresses_ = nullptr;
      for (size_t i = 0; i < queued.values.size(); ++i) {
        const std::span<const float> staged = addresses.Staged(i);
        std::copy(staged.begin(), staged.end(), queued.values[i].begin());
      }
    }
    if (!queued.fails()) return Status();
    return Status(ErrorCode::kIoError,
                  "step " + std::to_string(n_steps) + " of a tape failed, as it was told to");
  }

  FencedCompute& compute_;
  std::unique_ptr<CpuPlayer> player_;
  std::vector<std::unique_ptr<Queued>> queued_;
  const TapeAddresses* addresses_ = nullptr;
  Status error_;
};

// --- the compute ---------------------------------------------------------------------------------

FencedCompute::FencedCompute(ThreadTeam& team, int n_threads)
    : team_(team),
      device_team_(std::make_unique<ThreadTeam>(n_threads)),
      thread_([this] { Work(); }) {}

FencedCompute::~FencedCompute() {
  Drain();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

/// To be done when somebody waits for it: as late as a device could.
void FencedCompute::Queue(std::function<void()> job) { jobs_.push_back(std::move(job)); }

void FencedCompute::Drain() {
  if (jobs_.empty()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  works_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !works_; });
}

void FencedCompute::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return works_ || ends_; });
    if (ends_) return;
    for (; !jobs_.empty(); jobs_.pop_front()) jobs_.front()();
    works_ = false;
    changed_.notify_all();
  }
}

Result<Memory> FencedCompute::Allocate(uint64_t size_bytes, const std::string& purpose) {
  if (IsNow(allocate_fails_in_)) {
    return Status(ErrorCode::kOutOfMemory, "no " + std::to_string(size_bytes) + " bytes for " +
                                               purpose + ", as it was told to");
  }
  ALT_ASSIGN_OR_RETURN(std::unique_ptr<FencedMemory::Piece> piece,
                       memory_.Take(size_bytes, purpose));
  allocated_.push_back(piece.get());
  const Bytes at(piece->begin());
  return Memory{.owner = std::make_unique<OwnedPiece>(*this, std::move(piece)),
                .at = at,
                .size = static_cast<size_t>(size_bytes)};
}

void FencedCompute::Copy(Bytes to, Bytes from, size_t size_bytes) {
  const bool fails = IsNow(copy_fails_in_);
  Queue([this, to, from, size_bytes, fails] { CopyNow(to, from, size_bytes, fails); });
}

void FencedCompute::CopyNow(Bytes to, Bytes from, size_t size_bytes, bool fails) {
  if (!copy_error_.ok()) return;
  const std::string bytes = "a copy of " + std::to_string(size_bytes) + " bytes";
  if (fails) {
    copy_error_ = Status(ErrorCode::kIoError, bytes + " failed, as it was told to");
  } else if (!IsMemory(to.place(), size_bytes) || !IsMemory(from.place(), size_bytes)) {
    copy_error_ = Status(ErrorCode::kInvalidArgument, bytes + " that are not of this compute");
  } else {
    const FencedMemory::Gate gate(memory_);
    std::memmove(to.place(), from.place(), size_bytes);
  }
}

Result<std::unique_ptr<Owned>> FencedCompute::Hold(std::span<const std::byte> weights) {
  ALT_ASSIGN_OR_RETURN(std::unique_ptr<FencedMemory::Piece> piece,
                       memory_.TakeCopy(weights.data(), weights.size(), "weights"));
  held_.push_back({.host = weights, .fenced = piece->begin()});
  return std::unique_ptr<Owned>(std::make_unique<OwnedPiece>(*this, std::move(piece)));
}

Result<std::unique_ptr<Player>> FencedCompute::NewPlayer(const TapeLimits& limits) {
  auto player = std::make_unique<FencedPlayer>(*this);
  ALT_RETURN_IF_ERROR(player->Create(limits));
  return std::unique_ptr<Player>(std::move(player));
}

bool FencedCompute::IsMemory(const void* begin, size_t size_bytes) const {
  return std::any_of(allocated_.begin(), allocated_.end(), [&](const FencedMemory::Piece* piece) {
    return Covers({piece->begin(), piece->size()}, begin, size_bytes);
  });
}

/// The one that goes on longest behind it, because bytes may be held twice.
const FencedCompute::Held* FencedCompute::FindHeld(const void* begin, size_t size_bytes) const {
  const Held* found = nullptr;
  const auto end = [](const Held& held) { return held.host.data() + held.host.size(); };
  for (const Held& held : held_) {
    if (!Covers(held.host, begin, size_bytes)) continue;
    if (found == nullptr || std::less<const std::byte*>()(end(*found), end(held))) found = &held;
  }
  return found;
}

size_t FencedCompute::held_bytes() const {
  size_t bytes = 0;
  for (const Held& held : held_) bytes += held.host.size();
  return bytes;
}

}  // namespace altteul::compute
