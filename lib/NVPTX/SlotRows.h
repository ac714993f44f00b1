// Where matrix instructions of warps find the rows of a slot, swizzled or not.
#ifndef GQA_LIB_NVPTX_SLOTROWS_H
#define GQA_LIB_NVPTX_SLOTROWS_H

#include "Channels.h"

namespace gqa {

constexpr int64_t kPieceBytes = 16; // a row of an 8 x 8 matrix of 16-bit elements
constexpr int64_t kLoadBytes = 32;  // of each of the 16 rows of one matrix load

/// The places of a slot that a lane's matrix loads begin at: rows from its own on, 16 bytes of every 32.
class SlotRows {
public:
  /// `row`: of the lane, of which those of one matrix are in eight lanes in a row. `half`: which 16 bytes.
  SlotRows(NVVMBuilder &b, mlir::Type slots, mlir::Value memory, mlir::Value slot, mlir::Value first,
           mlir::Value row, mlir::Value half)
      : b(b) {
    row = b.add(b.toI32(first), row);
    if (auto ring = llvm::dyn_cast<tile::RingType>(slots)) {
      pitch = pitchOf(ring);
      panelBytes = 0; // one panel has all columns
      panelRowBytes = rowBytesOf(ring);
      mlir::Value base = b.advance(memory, b.mul(b.toI32(slot), b.i32(slotBytesOf(ring))));
      bases = {b.advance(base, b.add(b.mul(row, b.i32(pitch)), b.mul(half, b.i32(kPieceBytes))))};
      return;
    }
    auto channel = llvm::cast<tile::ChannelType>(slots);
    pitch = panelRowBytes = panelRowBytesOf(channel);
    panelBytes = panelBytesOf(channel);
    mlir::Value base = b.advance(memory, b.mul(b.toI32(slot), b.i32(slotBytesOf(channel))));
    base = b.advance(base, b.mul(row, b.i32(pitch)));
    // The swizzle: where a piece is depends on which of the pattern's lines of 128 bytes the row is in.
    int64_t pieces = pitch / kPieceBytes, rowsOfLine = kLineBytes / pitch;
    mlir::Value line = b.bitAnd(b.shiftRight(b.lane(), llvm::Log2_64(rowsOfLine)), pieces - 1);
    for (int64_t step = 0; step < panelRowBytes / kLoadBytes; ++step) {
      mlir::Value piece = mlir::arith::XOrIOp::create(b, b.add(half, b.i32(2 * step)), line);
      bases.push_back(b.advance(base, b.mul(piece, b.i32(kPieceBytes))));
    }
  }

  /// A multiple of 8 rows and the `load`-th 32 bytes of them further on.
  mlir::Value at(int64_t row, int64_t load) {
    int64_t loads = panelRowBytes / kLoadBytes, panel = load / loads, step = load % loads;
    bool swizzled = bases.size() > 1;
    int64_t offset = panel * panelBytes + row * pitch + (swizzled ? 0 : step * kLoadBytes);
    return b.advance(bases[swizzled ? size_t(step) : 0], offset);
  }

private:
  static constexpr int64_t kLineBytes = 128;

  NVVMBuilder &b;
  int64_t pitch, panelBytes, panelRowBytes;
  llvm::SmallVector<mlir::Value> bases; // one, or one for each 32 bytes of a panel's rows
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_SLOTROWS_H
