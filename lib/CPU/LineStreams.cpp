// Prefetches of lines, whose addresses cost as little as they can.
#include "LineStreams.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <numeric>

using namespace mlir;

namespace gqa {

LineStreams::LineStreams(VectorBuilder &b, ValueRange buffers, int64_t blockKeys) : b(b) {
  for (Value buffer : buffers) {
    // Whatever the strides are: rows that are not contiguous are packed first, and then these lines are not
    // read.
    int64_t perRow = linesOfRow(buffer), rows = llvm::divideCeil(blockKeys, int64_t(buffers.size()));
    streams.push_back({b.withContiguousRows(buffer), perRow, rows * perRow});
  }
}

int64_t LineStreams::lines() const {
  int64_t sum = 0;
  for (const Stream &stream : streams)
    sum += stream.lines;
  return sum;
}

void LineStreams::fetch(Value number, int64_t shares) {
  SmallVector<SmallVector<std::pair<Value, Value>>> places; // (row, line of the row), of each stream
  size_t most = 0;
  for (const Stream &stream : streams) {
    int64_t common = std::gcd(stream.lines, shares); // small constants are shifts and additions
    Value first = b.divPositive(b.mul(number, b.index(stream.lines / common)), shares / common);
    int64_t perRow = stream.linesOfRow;
    int64_t count = llvm::divideCeil(stream.lines, shares);
    bool inOneRow = stream.lines % shares == 0 && stream.linesOfRow % count == 0;
    auto &ofStream = places.emplace_back();
    for (int64_t i = 0; i < count; ++i) {
      Value line = b.add(first, b.index(i));
      if (inOneRow) // one address, and constants from there
        ofStream.push_back({b.divPositive(first, perRow), b.add(b.remPositive(first, perRow), b.index(i))});
      else
        ofStream.push_back({b.divPositive(line, perRow), b.remPositive(line, perRow)});
    }
    most = std::max(most, ofStream.size());
  }
  for (size_t i = 0; i < most; ++i)
    for (auto [stream, ofStream] : llvm::zip(streams, places))
      if (i < ofStream.size())
        prefetch(stream, ofStream[i].first, ofStream[i].second);
}

void LineStreams::fetchApart(Value number, int64_t shares) {
  for (const Stream &stream : streams)
    if (stream.lines % shares != 0 || shares % stream.linesOfRow != 0)
      return fetch(number, shares);
  for (const Stream &stream : streams) {
    Value row = b.divPositive(number, stream.linesOfRow), line = b.remPositive(number, stream.linesOfRow);
    for (int64_t i = 0; i < stream.lines / shares; ++i)
      prefetch(stream, b.add(row, b.index(i * (shares / stream.linesOfRow))), line);
  }
}

void LineStreams::prefetch(const Stream &stream, Value row, Value line) {
  auto type = cast<MemRefType>(stream.buffer.getType());
  Value column = b.mul(line, b.index(kLineBits / type.getElementTypeBitWidth()));
  memref::PrefetchOp::create(b, stream.buffer, ValueRange{row, column}, /*isWrite=*/false,
                             /*localityHint=*/3, /*isDataCache=*/true);
}

} // namespace gqa
