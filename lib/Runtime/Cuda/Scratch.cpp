#include "Scratch.h"

#include <algorithm>

namespace gqa::rt::cuda {
namespace {

constexpr int64_t kChunkBytes = 4 * Scratch::kMostBytes, kAlignment = 256;

} // namespace

Error Scratch::take(Device &device, CUstream stream, int64_t bytes, CUdeviceptr &memory) {
  bytes = std::max<int64_t>((bytes + kAlignment - 1) / kAlignment, 1) * kAlignment;
  for (Chunk &chunk : chunks)
    if (takeFrom(chunk, bytes, memory))
      return "";
  CUdeviceptr begin = 0;
  Error error = device.allocate(stream, kChunkBytes, begin);
  if (!error.empty())
    return error;
  chunks.push_back({begin, {{begin, kChunkBytes}}, {}});
  takeFrom(chunks.back(), bytes, memory);
  return "";
}

bool Scratch::takeFrom(Chunk &chunk, int64_t bytes, CUdeviceptr &memory) {
  auto place = std::find_if(chunk.free.begin(), chunk.free.end(),
                            [&](const auto &span) { return span.second >= bytes; });
  if (place == chunk.free.end())
    return false;
  int64_t rest = place->second - bytes;
  memory = place->first;
  chunk.free.erase(place);
  if (rest)
    chunk.free[memory + CUdeviceptr(bytes)] = rest;
  chunk.taken[memory] = bytes;
  return true;
}

bool Scratch::giveBack(CUdeviceptr memory) {
  for (Chunk &chunk : chunks) {
    auto part = chunk.taken.find(memory);
    if (part == chunk.taken.end())
      continue;
    auto [place, isNew] = chunk.free.insert(*part);
    chunk.taken.erase(part);
    auto behind = std::next(place);
    if (behind != chunk.free.end() && place->first + CUdeviceptr(place->second) == behind->first) {
      place->second += behind->second;
      chunk.free.erase(behind);
    }
    if (place == chunk.free.begin())
      return true;
    auto before = std::prev(place);
    if (before->first + CUdeviceptr(before->second) == place->first) {
      before->second += place->second;
      chunk.free.erase(place);
    }
    return true;
  }
  return false;
}

void Scratch::release(Device &device, CUstream stream) {
  for (const Chunk &chunk : chunks)
    (void)device.release(stream, chunk.memory);
  chunks.clear();
}

} // namespace gqa::rt::cuda
