// Prefetches of lines, whose addresses cost as little as they can.
#include "LineStreams.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <numeric>

using namespace mlir;

namespace gqa {

/// How far in front of its second request a line's first one is, to L2. Processors seem to drop requests that
/// find all miss buffers in use; the second one finds most lines in L2 (see README.md). Not a power of two:
/// lines of K and V that are so far apart would share sets.
static constexpr int64_t kBytesAhead = 6 << 10;
static constexpr int64_t kNearL1 = 3, kNearL2 = 2; // localities of memref.prefetch

/// A buffer whose rows are one behind the other, as its type says, as one long row.
static Value asOneRow(VectorBuilder &b, Value buffer) {
  auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
  Value count = b.mul(b.size(buffer, 0), b.size(buffer, 1));
  auto type = contiguousRowsType({getConstantIntValue(count).value_or(ShapedType::kDynamic)},
                                 cast<MemRefType>(buffer.getType()).getElementType());
  OpFoldResult one = b.getIndexAttr(1);
  return memref::ReinterpretCastOp::create(b, type, data.getBaseBuffer(), OpFoldResult(data.getOffset()),
                                           ArrayRef<OpFoldResult>(getAsOpFoldResult(count)), ArrayRef(one));
}

LineStreams::LineStreams(VectorBuilder &b, ValueRange buffers, int64_t blockKeys) : b(b) {
  int64_t ofBlock = llvm::divideCeil(blockKeys, std::max<int64_t>(buffers.size(), 1));
  for (Value buffer : buffers) {
    auto type = cast<MemRefType>(buffer.getType());
    int64_t rows = type.isDynamicDim(0) ? ofBlock : type.getDimSize(0);
    int64_t perRow = linesOfRow(buffer), bits = type.getElementTypeBitWidth();
    auto strides = type.getStridesAndOffset().first;
    bool flat = strides[0] == type.getDimSize(1) && strides[1] == 1 && strides[0] * bits % kLineBits == 0;
    // Whatever the strides are: rows that are not contiguous are packed first, and then these lines are not
    // read.
    Value view = flat ? asOneRow(b, buffer) : b.withContiguousRows(buffer);
    streams.push_back({view, flat, perRow, rows * perRow});
  }
}

int64_t LineStreams::lines() const {
  int64_t sum = 0;
  for (const Stream &stream : streams)
    sum += stream.lines;
  return sum;
}

void LineStreams::fetch(Value number, int64_t shares, int64_t part, int64_t parts) {
  if (!llvm::all_of(streams, [](const Stream &stream) { return stream.flat; })) {
    if (part > 0) // addresses cost more, and what they have in common is computed once
      return;
    parts = 1;
  }
  int64_t most = 0;
  for (const Stream &stream : streams)
    most = std::max<int64_t>(most, llvm::divideCeil(stream.lines, shares));
  int64_t all = most * int64_t(streams.size()), begin = all * part / parts, end = all * (part + 1) / parts;
  if (part > 0 && begin < end)
    b.keepOrder(); // or a compiler moves prefetches to the front of a loop's body
  for (int64_t turn = begin; turn < end; ++turn)
    fetchLine(streams[turn % streams.size()], turn / int64_t(streams.size()), number, shares);
}

/// Line `i` of share `number`, if it has so many. Shares that are no whole number of lines overlap.
void LineStreams::fetchLine(const Stream &stream, int64_t i, Value number, int64_t shares) {
  int64_t count = llvm::divideCeil(stream.lines, shares), perRow = stream.linesOfRow;
  if (i >= count)
    return;
  int64_t common = std::gcd(stream.lines, shares); // small constants are shifts and additions
  Value first = b.divPositive(b.mul(number, b.index(stream.lines / common)), shares / common);
  bool inOneRow = stream.lines % shares == 0 && perRow % count == 0;
  if (stream.flat) // one address, and constants from there
    prefetch(stream, b.index(0), b.add(first, b.index(i)));
  else if (inOneRow)
    prefetch(stream, b.divPositive(first, perRow), b.add(b.remPositive(first, perRow), b.index(i)));
  else
    prefetch(stream, b.divPositive(b.add(first, b.index(i)), perRow),
             b.remPositive(b.add(first, b.index(i)), perRow));
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
  int64_t ofLine = kLineBits / type.getElementTypeBitWidth(), ofRow = stream.linesOfRow * ofLine;
  if (stream.flat)
    line = b.add(b.mul(row, b.index(stream.linesOfRow)), line);
  Value column = b.mul(line, b.index(ofLine));
  int64_t ahead = kBytesAhead * 8 / type.getElementTypeBitWidth();
  if (stream.flat)
    request(stream, row, b.add(column, b.index(ahead)), kNearL2);
  else
    request(stream, b.add(row, b.index(llvm::divideCeil(ahead, ofRow))), column, kNearL2);
  request(stream, row, column, kNearL1);
}

void LineStreams::request(const Stream &stream, Value row, Value column, int64_t locality) {
  SmallVector<Value> place = stream.flat ? SmallVector<Value>{column} : SmallVector<Value>{row, column};
  memref::PrefetchOp::create(b, stream.buffer, place, /*isWrite=*/false, locality, /*isDataCache=*/true);
}

} // namespace gqa
