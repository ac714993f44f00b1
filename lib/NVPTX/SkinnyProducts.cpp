// Products of one operand of few rows by several weights, as in a decode step, in one launch. Such a product
// takes as long as its weights take to arrive, and a launch on top. A block has the columns of one tile; its
// warps have parts of the sum, and bring the weights from memory to registers, 16 bytes a lane, which are the
// tensor cores' left operand as they lie there: in which order a sum takes its elements is free, as long as
// both operands agree.
#include "SkinnyProducts.h"
#include "LoopKernel.h"
#include "NVVMBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostWarps = 8;
constexpr int64_t kPiece = 8;      // elements of 16 bytes
constexpr int64_t kTogether = 2;   // steps of a chunk: of weights along the sum, that is a line of the cache
constexpr int64_t kColumnBits = 2; // a lane is four times its row, and its column

/// How weights lie, and so what a step of a warp is. Lane 4 g + c multiplies rows g and g + 8 of its left
/// operands, which are columns of the product, by column g of the right one, which is a row.
struct Form {
  bool alongSum; // elements of a sum are contiguous, as in torch's linear layers; else columns of the product
                 // are
  int64_t columns; // of a tile
  int64_t depth;   // elements of the sum that a step takes
  int64_t words;   // that a lane loads for it
  int64_t sums;    // numbers of a lane

  explicit Form(bool alongSum)
      : alongSum(alongSum), columns(alongSum ? 16 : 64), depth(alongSum ? 32 : 16), words(alongSum ? 12 : 18),
        sums(alongSum ? 4 : 16) {}

  /// The lane and the number in it that have a column of the tile and a row.
  std::pair<Value, Value> find(IndexBuilder &b, Value column, Value row) const {
    Value eight = b.index(8), two = b.index(2);
    Value outer = b.div(column, eight), inner = b.rem(column, eight);
    Value laneRow = alongSum ? inner : outer, pair = alongSum ? outer : inner;
    return {b.add(b.mul(laneRow, b.index(4)), b.div(row, two)), b.add(b.mul(pair, two), b.rem(row, two))};
  }
};

/// A matrix as a kernel reads it, of one matrix of the batch.
struct Rows {
  Value buffer;
  SmallVector<Value> batch; // its number, or nothing
  Value rows, columns;
  bool alongSum; // a row has elements of one sum
};

/// How many elements a sum has.
int64_t depthOf(const DeviceProduct &product) {
  return cast<MemRefType>(product.right().getType())
      .getShape()[product.batchDims() + product.product.b.transposed];
}

class Member {
public:
  Member(NVVMBuilder &b, const DeviceProduct &product, const Form &form)
      : b(b), product(product), form(form), batchDims(product.batchDims()) {
    batch = batchDims ? b.size(product.result, 0) : b.index(1);
    m = b.size(product.result, batchDims);
    n = b.size(product.result, batchDims + 1);
    k = b.index(depthOf(product));
    tiles = b.ceilDiv(n, b.index(form.columns));
  }

  Value blocks() { return b.mul(batch, tiles); }

  /// What each lane sums, of a block.
  SmallVector<Value> buildSums(const KernelOperands &operands, Value block, int64_t warps) {
    SmallVector<Value> number;
    if (batchDims)
      number.push_back(b.div(block, tiles));
    x = {operands.lookup(product.left()), number, m, k, /*alongSum=*/true};
    weights = {operands.lookup(product.right()), number, form.alongSum ? n : k, form.alongSum ? k : n,
               form.alongSum};
    column = firstColumn(block);
    Value lane = tile::WarpLaneOp::create(b, b.getIndexType());
    warp = tile::WarpIdOp::create(b, b.getIndexType());
    laneRow = b.div(lane, b.index(1 << kColumnBits));
    laneColumn = b.rem(lane, b.index(1 << kColumnBits));
    SmallVector<Value> none(size_t(form.sums), b.f32(0));
    SmallVector<Type> types(size_t(form.sums), b.getF32Type());
    int64_t chunks = depthOf(product) / (form.depth * kTogether);
    return buildChoice(
        b, isAligned(), types,
        [&] { return addApart(chunks * kTogether, warps, chunks ? addChunks(chunks, warps, none) : none); },
        [&] { return addApart(0, warps, none); });
  }

  /// Of the sums of all warps the results, thread by thread along the columns.
  void buildResults(const KernelOperands &operands, Value block, Value room, int64_t warps) {
    Value result = operands.lookup(product.result), threads = b.index(warps * kLanes);
    Value first = firstColumn(block), count = b.mul(m, b.index(form.columns));
    auto points = scf::ForOp::create(b, threadOf(b), count, threads);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(points.getBody());
    Value place = points.getInductionVar(), width = b.index(form.columns);
    Value row = b.div(place, width), inTile = b.rem(place, width), at = b.add(first, inTile);
    auto [lane, number] = form.find(b, inTile, row);
    b.branch(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at, n), [&, lane = lane, number = number] {
      Value sum = memref::LoadOp::create(b, room, ValueRange{number, b.index(0), lane});
      for (int64_t warp = 1; warp < warps; ++warp)
        sum = b.addF(sum, memref::LoadOp::create(b, room, ValueRange{number, b.index(warp), lane}));
      SmallVector<Value> indices;
      if (batchDims)
        indices.push_back(b.div(block, tiles));
      indices.append({row, at});
      store(result, sum, indices);
    });
  }

private:
  Value firstColumn(Value block) {
    return b.mul(batchDims ? b.rem(block, tiles) : block, b.index(form.columns));
  }

  using Build = function_ref<SmallVector<Value>(Value, ValueRange)>;
  SmallVector<Value> loop(Value from, int64_t to, int64_t step, ValueRange carried, Build build) {
    auto loop = scf::ForOp::create(b, from, b.index(to), b.index(step), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b, build(loop.getInductionVar(), loop.getRegionIterArgs()));
    return loop.getResults();
  }

  /// The warp's chunks, whole ones, of which each has some. Those of the next one are asked for before one is
  /// multiplied: registers that a loop carries are the only ones that ptxas does not load when they are
  /// needed.
  SmallVector<Value> addChunks(int64_t chunks, int64_t warps, ValueRange none) {
    auto load = [&](Value chunk) {
      SmallVector<Value> words;
      for (int64_t i = 0; i < kTogether; ++i) {
        Value step = b.add(b.mul(chunk, b.index(kTogether)), b.index(i));
        llvm::append_range(words, loadStep(step, /*whole=*/true));
      }
      return words;
    };
    auto multiply = [&](ValueRange words, ValueRange sums) {
      SmallVector<Value> result(sums);
      for (int64_t i = 0; i < kTogether; ++i)
        result = multiplyStep(words.slice(size_t(i * form.words), size_t(form.words)), result);
      return result;
    };
    SmallVector<Value> carried(none);
    llvm::append_range(carried, load(warp));
    carried = loop(b.add(warp, b.index(warps)), chunks, warps, carried, [&](Value chunk, ValueRange so) {
      SmallVector<Value> next = load(chunk),
                         sums = multiply(so.drop_front(none.size()), so.take_front(none.size()));
      llvm::append_range(sums, next);
      return sums;
    });
    return multiply(ValueRange(carried).drop_front(none.size()), ValueRange(carried).take_front(none.size()));
  }

  /// The steps from `first` on, element by element.
  SmallVector<Value> addApart(int64_t first, int64_t warps, ValueRange sums) {
    int64_t steps = llvm::divideCeil(depthOf(product), form.depth);
    return loop(b.add(warp, b.index(first)), steps, warps, sums,
                [&](Value step, ValueRange so) { return multiplyStep(loadStep(step, /*whole=*/false), so); });
  }

  /// Whether 16 bytes may be loaded where pieces begin: strides are known to be multiples, buffers may be
  /// views.
  Value isAligned() {
    Value bits = b.index(0);
    for (Value buffer : {x.buffer, weights.buffer}) {
      auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
      Value offset = b.mul(data.getOffset(), b.index(2));
      bits = b.createOrFold<arith::OrIOp>(
          bits, b.add(memref::ExtractAlignedPointerAsIndexOp::create(b, buffer), offset));
    }
    Value low = arith::AndIOp::create(b, bits, b.index(2 * kPiece - 1));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low, b.index(0));
  }

  /// The words of both operands; `whole` where the step has all of its elements, and pieces are aligned.
  SmallVector<Value> loadStep(Value step, bool whole) {
    Value begin = b.mul(step, b.index(form.depth));
    SmallVector<Value> words = form.alongSum ? loadAlong(begin, whole) : loadAcross(begin, whole);
    int64_t piece = form.depth / 4;
    Value own = b.add(begin, b.mul(laneColumn, b.index(piece)));
    llvm::append_range(words, loadWords(x, laneRow, own, piece, whole));
    return words;
  }

  SmallVector<Value> multiplyStep(ValueRange words, ValueRange sums) {
    return form.alongSum ? multiplyAlong(words, sums) : multiplyAcross(words, sums);
  }

  /// Rows g and g + 8 of the tile, of each a piece.
  SmallVector<Value> loadAlong(Value begin, bool whole) {
    SmallVector<Value> words;
    for (int64_t half : {0, 8}) {
      Value row = b.add(b.add(column, laneRow), b.index(half));
      Value own = b.add(begin, b.mul(laneColumn, b.index(kPiece)));
      llvm::append_range(words, loadWords(weights, row, own, kPiece, whole));
    }
    return words;
  }

  /// Two products of 16 elements: a lane's piece has four of the first and four of the second.
  SmallVector<Value> multiplyAlong(ValueRange words, ValueRange sums) {
    SmallVector<Value> result(sums);
    ValueRange low = words.take_front(4), high = words.slice(4, 4), right = words.drop_front(8);
    for (size_t i : {0, 2})
      result =
          b.multiply({low[i], high[i], low[i + 1], high[i + 1]}, {right[i], right[i + 1]}, result, element());
    return result;
  }

  /// Pieces of four rows, which are elements 4 c and so on of the sum.
  SmallVector<Value> loadAcross(Value begin, bool whole) {
    SmallVector<Value> words;
    for (int64_t i = 0; i < 4; ++i) {
      Value row = b.add(b.add(begin, b.mul(laneColumn, b.index(4))), b.index(i));
      Value own = b.add(column, b.mul(laneRow, b.index(kPiece)));
      llvm::append_range(words, loadWords(weights, row, own, kPiece, whole));
    }
    return words;
  }

  /// A product for each of a lane's eight columns, in rows g; rows g + 8 are empty. Two elements of a column
  /// come from two rows.
  SmallVector<Value> multiplyAcross(ValueRange words, ValueRange sums) {
    SmallVector<Value> result;
    Value none = b.i32(0), zero = b.f32(0);
    for (size_t i = 0; i < size_t(kPiece); ++i) {
      int64_t halves = i % 2 ? 0x7632 : 0x5410;
      auto pair = [&](size_t row) {
        return b.permute(words[4 * row + i / 2], words[4 * row + 4 + i / 2], halves);
      };
      NVVMBuilder::Values four = b.multiply({pair(0), none, pair(2), none}, words.drop_front(16),
                                            {sums[2 * i], sums[2 * i + 1], zero, zero}, element());
      result.append({four[0], four[1]});
    }
    return result;
  }

  /// `count` elements of a row as words of two. Rows that do not exist are the last one, as are columns of
  /// weights that lie across: nobody stores what they become.
  SmallVector<Value> loadWords(const Rows &from, Value row, Value begin, int64_t count, bool whole) {
    if (!whole)
      return loadApart(from, row, begin, count);
    auto type = VectorType::get(count, element());
    SmallVector<Value> indices(from.batch);
    Value last = b.sub(from.columns, b.index(count));
    indices.append({from.alongSum ? clamp(row, from.rows) : row, from.alongSum ? begin : b.min(begin, last)});
    Value piece = vector::LoadOp::create(b, type, from.buffer, indices, /*nontemporal=*/false,
                                         llvm::MaybeAlign(uint64_t(2 * count)));
    return split(piece, count);
  }

  /// The same one by one; what is behind the end of the sum is 0, in both operands.
  SmallVector<Value> loadApart(const Rows &from, Value row, Value begin, int64_t count) {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < count; ++i) {
      Value at = b.add(begin, b.index(i));
      SmallVector<Value> indices(from.batch);
      indices.append({clamp(row, from.rows), clamp(at, from.columns)});
      Value bits =
          arith::BitcastOp::create(b, b.getI16Type(), memref::LoadOp::create(b, from.buffer, indices));
      Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, from.alongSum ? at : row, k);
      elements.push_back(b.select(exists, bits, arith::ConstantIntOp::create(b, 0, 16)));
    }
    return split(vector::FromElementsOp::create(b, VectorType::get(count, b.getI16Type()), elements), count);
  }

  SmallVector<Value> split(Value piece, int64_t count) {
    Value words = vector::BitCastOp::create(b, VectorType::get(count / 2, b.getI32Type()), piece);
    SmallVector<Value> result;
    for (int64_t i = 0; i < count / 2; ++i)
      result.push_back(vector::ExtractOp::create(b, words, i));
    return result;
  }

  void store(Value result, Value sum, ArrayRef<Value> indices) {
    Type type = getElementTypeOrSelf(result.getType());
    if (product.accumulates) {
      Value there = memref::LoadOp::create(b, result, indices);
      sum = b.addF(sum, type.isF32() ? there : Value(arith::ExtFOp::create(b, b.getF32Type(), there)));
    }
    memref::StoreOp::create(b, type.isF32() ? sum : Value(arith::TruncFOp::create(b, type, sum)), result,
                            indices);
  }

  Value clamp(Value index, Value size) { return b.min(index, b.sub(size, b.index(1))); }
  Type element() { return getElementTypeOrSelf(product.right().getType()); }

  NVVMBuilder &b;
  const DeviceProduct &product;
  const Form &form;
  unsigned batchDims;
  Value batch, m, n, k, tiles;
  Rows x, weights; // in the kernel
  Value column;    // the first one of the block's tile
  Value warp, laneRow, laneColumn;
};

class SkinnyKernel {
public:
  SkinnyKernel(NVVMBuilder &b, ArrayRef<DeviceProduct> products)
      : b(b), form(/*alongSum=*/products[0].product.b.transposed) {
    for (const DeviceProduct &product : products) {
      members.emplace_back(b, product, form);
      Value blocks = members.back().blocks();
      ends.push_back(ends.empty() ? blocks : b.add(ends.back(), blocks));
      operands.use(product.left());
      operands.use(product.right());
      operands.use(product.result, /*written=*/true);
    }
    warps = std::clamp<int64_t>(depthOf(products[0]) / (form.depth * kTogether), 1, kMostWarps);
    operands.map(b);
  }

  void build() {
    buildKernel(
        b, {ends.back()}, /*work=*/nullptr,
        [&](ValueRange task) {
          operands.enter(b);
          auto type = MemRefType::get({form.sums, warps, kLanes}, b.getF32Type());
          Value room = tile::ScratchOp::create(b, type, ValueRange());
          SmallVector<Value> sums = buildSums(task[0], 0);
          Value lane = tile::WarpLaneOp::create(b, b.getIndexType()),
                warp = tile::WarpIdOp::create(b, b.getIndexType());
          for (auto [i, sum] : llvm::enumerate(sums))
            memref::StoreOp::create(b, sum, room, ValueRange{b.index(int64_t(i)), warp, lane});
          tile::BarrierOp::create(b);
          buildResults(task[0], 0, room);
        },
        warps);
    tile::DeviceUnmapOp::create(b);
  }

private:
  Value blockOf(Value task, size_t member) { return member ? b.sub(task, ends[member - 1]) : task; }

  Value isOf(Value task, size_t member) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, task, ends[member]);
  }

  SmallVector<Value> buildSums(Value task, size_t member) {
    auto here = [&] { return members[member].buildSums(operands, blockOf(task, member), warps); };
    if (member + 1 == members.size())
      return here();
    SmallVector<Type> types(size_t(form.sums), b.getF32Type());
    return buildChoice(b, isOf(task, member), types, here, [&] { return buildSums(task, member + 1); });
  }

  void buildResults(Value task, size_t member, Value room) {
    auto here = [&] { members[member].buildResults(operands, blockOf(task, member), room, warps); };
    if (member + 1 == members.size())
      return here();
    b.branch(isOf(task, member), here, [&] { buildResults(task, member + 1, room); });
  }

  NVVMBuilder &b;
  Form form;
  SmallVector<Member, 1> members;
  SmallVector<Value> ends; // behind the last block of each
  KernelOperands operands;
  int64_t warps = 1;
};

} // namespace

void buildSkinnyKernel(OpBuilder &builder, Location loc, ArrayRef<DeviceProduct> products) {
  NVVMBuilder b(loc, builder.getInsertionBlock(), builder.getInsertionPoint());
  SkinnyKernel(b, products).build();
}

} // namespace gqa
