// SPDX-License-Identifier: Apache-2.0

#include "compress/stream_snapshot.h"

#include <cstring>
#include <string>
#include <utility>

namespace altteul::compress {
namespace {

std::string NameOf(size_t layer) { return "streams." + std::to_string(layer); }

/// A row a chunk: those of the original's stream, then those of the encoded model's.
Shape ShapeOf(const ActivationStream& stream) {
  return {.n_dims = 2, .dims = {2 * stream.n_chunks(), stream.X(0).size()}};
}

}  // namespace

Status KeepStreams(WorkFolder& folder, size_t layer, size_t last, const ActivationStream& before,
                   const ActivationStream& after) {
  const Shape shape = ShapeOf(before);
  ALT_ASSIGN_OR_RETURN(EncodedTensor piece, folder.NewTensor(NameOf(layer), DType::kF32, shape));
  size_t at = 0;
  for (const ActivationStream* stream : {&before, &after}) {
    for (size_t chunk = 0; chunk < stream->n_chunks(); ++chunk) {
      const std::span<const float> x = stream->X(chunk);
      std::memcpy(piece.mutable_bytes().data() + at, x.data(), x.size_bytes());
      piece.ReleasePages(at, x.size_bytes());
      stream->Release(chunk);
      at += x.size_bytes();
    }
  }
  ALT_RETURN_IF_ERROR(folder.KeepTensor(NameOf(layer), shape, piece));
  if (last != 0) folder.ForgetTensor(NameOf(last), DType::kF32);
  return Status();
}

StreamSnapshot FindStreams(WorkFolder& folder, size_t most, const ActivationStream& like) {
  for (size_t layer = most; layer > 0; --layer) {
    auto piece = folder.FindTensor(NameOf(layer), DType::kF32, ShapeOf(like));
    if (piece) return {.layer = layer, .piece = std::move(*piece)};
  }
  return {};
}

void StreamSnapshot::Restore(ActivationStream& before, ActivationStream& after) const {
  size_t at = 0;
  for (ActivationStream* stream : {&before, &after}) {
    for (size_t chunk = 0; chunk < stream->n_chunks(); ++chunk) {
      const std::span<float> x = stream->X(chunk);
      std::memcpy(x.data(), piece.bytes().data() + at, x.size_bytes());
      piece.ReleasePages(at, x.size_bytes());
      stream->Release(chunk);
      at += x.size_bytes();
    }
  }
}

}  // namespace altteul::compress
