// Products of one operand of few rows by several weights, as in a decode step, in one launch. Such a product
// takes as long as its weights take to arrive, and a launch on top. A block has the columns of one tile, and
// its warps have parts of the sum, which they add up in shared memory.
#include "SkinnyProducts.h"
#include "LoopKernel.h"
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32, kMostWarps = 8;
constexpr int64_t kTogether = 2; // steps of a chunk: of weights along the sum, that is a line of the cache

/// How many elements a sum has.
int64_t depthOf(const DeviceProduct &product) {
  return cast<MemRefType>(product.right().getType())
      .getShape()[product.batchDims() + product.product.b.transposed];
}

class Member {
public:
  Member(NVVMBuilder &b, const DeviceProduct &product, const SkinnyForm &form)
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
    SkinnyRows x{operands.lookup(product.left()), number, m, k, /*alongSum=*/true};
    SkinnyRows weights{operands.lookup(product.right()), number, form.alongSum ? n : k, form.alongSum ? k : n,
                       form.alongSum};
    SkinnyStep step(b, form, x, weights, firstColumn(block));
    Value warp = tile::WarpIdOp::create(b, b.getIndexType());
    SmallVector<Value> none(size_t(form.sums), b.f32(0));
    SmallVector<Type> types(size_t(form.sums), b.getF32Type());
    int64_t chunks = depthOf(product) / (form.depth * kTogether);
    return buildChoice(
        b, step.isAligned(), types,
        [&] {
          SmallVector<Value> sums = chunks ? addChunks(step, warp, chunks, warps, none) : none;
          return addApart(step, warp, chunks * kTogether, warps, sums);
        },
        [&] { return addApart(step, warp, 0, warps, none); });
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
  SmallVector<Value> addChunks(SkinnyStep &steps, Value warp, int64_t chunks, int64_t warps,
                               ValueRange none) {
    auto load = [&](Value chunk) {
      SmallVector<Value> words;
      for (int64_t i = 0; i < kTogether; ++i) {
        Value step = b.add(b.mul(chunk, b.index(kTogether)), b.index(i));
        llvm::append_range(words, steps.load(step, /*whole=*/true));
      }
      return words;
    };
    auto multiply = [&](ValueRange words, ValueRange sums) {
      SmallVector<Value> result(sums);
      for (int64_t i = 0; i < kTogether; ++i)
        result = steps.multiply(words.slice(size_t(i * form.words), size_t(form.words)), result);
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
  SmallVector<Value> addApart(SkinnyStep &steps, Value warp, int64_t first, int64_t warps, ValueRange sums) {
    int64_t count = llvm::divideCeil(depthOf(product), form.depth);
    return loop(b.add(warp, b.index(first)), count, warps, sums, [&](Value step, ValueRange so) {
      return steps.multiply(steps.load(step, /*whole=*/false), so);
    });
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

  NVVMBuilder &b;
  const DeviceProduct &product;
  const SkinnyForm &form;
  unsigned batchDims;
  Value batch, m, n, k, tiles;
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
  SkinnyForm form;
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
