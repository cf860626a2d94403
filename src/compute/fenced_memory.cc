// SPDX-License-Identifier: Apache-2.0

#include "compute/fenced_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace altteul::compute {

FencedMemory::Piece::~Piece() {
  if (begin_ == nullptr) return;
  fence_.pieces_.erase(std::find(fence_.pieces_.begin(), fence_.pieces_.end(), this));
  munmap(begin_, mapped_bytes_);
}

void FencedMemory::Piece::Protect(int how) const {
  ALT_CHECK(mprotect(begin_, mapped_bytes_, how) == 0);
}

Result<std::unique_ptr<FencedMemory::Piece>> FencedMemory::Map(uint64_t size_bytes,
                                                               bool is_constant,
                                                               const std::string& purpose) {
  ALT_CHECK(!is_open_);
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const Status refused(ErrorCode::kOutOfMemory,
                       "no " + std::to_string(size_bytes) + " bytes for " + purpose);
  if (size_bytes > (uint64_t{1} << 46)) return refused;
  std::unique_ptr<Piece> piece(new Piece(*this, static_cast<size_t>(size_bytes), is_constant));
  piece->mapped_bytes_ = std::max<uint64_t>(page, (size_bytes + page - 1) / page * page);
  void* mapping = mmap(nullptr, piece->mapped_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return refused;
  piece->begin_ = static_cast<std::byte*>(mapping);
  pieces_.push_back(piece.get());
  return piece;
}

Result<std::unique_ptr<FencedMemory::Piece>> FencedMemory::Take(uint64_t size_bytes,
                                                                const std::string& purpose) {
  ALT_ASSIGN_OR_RETURN(std::unique_ptr<Piece> piece, Map(size_bytes, false, purpose));
  piece->Protect(PROT_NONE);
  return piece;
}

Result<std::unique_ptr<FencedMemory::Piece>> FencedMemory::TakeCopy(const std::byte* from,
                                                                    size_t size_bytes,
                                                                    const std::string& purpose) {
  ALT_ASSIGN_OR_RETURN(std::unique_ptr<Piece> piece, Map(size_bytes, true, purpose));
  std::copy_n(from, size_bytes, piece->begin_);
  piece->Protect(PROT_NONE);
  return piece;
}

void FencedMemory::SetOpen(bool is_open) {
  ALT_CHECK(is_open != is_open_);
  is_open_ = is_open;
  for (const Piece* piece : pieces_) {
    const int open = piece->is_constant_ ? PROT_READ : PROT_READ | PROT_WRITE;
    piece->Protect(is_open ? open : PROT_NONE);
  }
}

}  // namespace altteul::compute
