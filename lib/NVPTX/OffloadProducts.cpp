// Products of matrices on the device: calls of cuBLASLt, or a kernel of ours for few rows.
#include "LoopKernel.h"
#include "Offload.h"
#include "SkinnyProducts.h"
#include "gqa/CPU/Products.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Runtime/Runtime.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"

using namespace mlir;

namespace gqa {
namespace {

/// Whether rows are known to overlap, or to lie in the other direction.
bool overlapRows(Value matrix) {
  auto type = dyn_cast<MemRefType>(matrix.getType());
  if (!type || type.getRank() < 2)
    return false;
  auto [strides, offset] = type.getStridesAndOffset();
  unsigned rows = unsigned(type.getRank()) - 2, columns = rows + 1;
  return type.getDimSize(rows) != 1 && !ShapedType::isDynamic(strides[rows]) &&
         strides[rows] < std::max<int64_t>(type.getDimSize(columns), 1);
}

/// What gqa_rt_cuda_matmul takes.
bool isForLibrary(const Product &product) {
  auto overlaps = [](const Product::Operand &operand) { return overlapRows(operand.value); };
  return product.a.type == product.b.type &&
         (product.c.type == product.a.type || product.c.type == GQA_RT_F32) &&
         llvm::none_of(ArrayRef{product.a, product.b, product.c}, overlaps);
}

void widen(OpBuilder &builder, linalg::LinalgOp op, OpOperand &operand) {
  Location loc = op.getLoc();
  Value narrow = operand.get();
  auto type = cast<MemRefType>(narrow.getType());
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(unsigned(dim)))
      sizes.push_back(memref::DimOp::create(builder, loc, narrow, dim));
  Value wide =
      memref::AllocOp::create(builder, loc, MemRefType::get(type.getShape(), builder.getF32Type()), sizes);
  AffineMap each = builder.getMultiDimIdentityMap(unsigned(type.getRank()));
  SmallVector<utils::IteratorType> parallel(size_t(type.getRank()), utils::IteratorType::parallel);
  linalg::GenericOp::create(
      builder, loc, narrow, wide, ArrayRef<AffineMap>{each, each}, parallel,
      [](OpBuilder &inner, Location at, ValueRange elements) {
        linalg::YieldOp::create(
            inner, at, arith::ExtFOp::create(inner, at, inner.getF32Type(), elements[0]).getResult());
      });
  operand.set(wide);
  OpBuilder behind(op->getBlock(), std::next(op->getIterator()));
  memref::DeallocOp::create(behind, loc, wide);
}

/// Of two operands of different types, those that are narrower than f32 become f32 in memory of their own.
void widenOperands(linalg::LinalgOp op) {
  Type x = getElementTypeOrSelf(op->getOperand(0)), y = getElementTypeOrSelf(op->getOperand(1));
  if (x == y || x.isF64() || y.isF64() || !getElementTypeOrSelf(op->getOperand(2)).isF32())
    return;
  op.emitRemark("multiplies ") << x << " by " << y
                               << ": what is narrower is widened in memory first, in each call";
  OpBuilder builder(op);
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!getElementTypeOrSelf(operand->get()).isF32())
      widen(builder, op, *operand);
}

DeviceProduct takeProduct(linalg::LinalgOp op, const Product &product) {
  bool accumulates = !takeZeroFill(op, product);
  Value rounded = accumulates ? Value() : takeRounding(op, product.c.value);
  return {op, product, rounded ? rounded : product.c.value, accumulates};
}

/// Calls of the library, one behind the other.
void buildCalls(OpBuilder &builder, ArrayRef<DeviceProduct> products) {
  for (const DeviceProduct &p : products) {
    auto map = [&](Value buffer, bool written) -> Value {
      return tile::DeviceMapOp::create(builder, p.op->getLoc(), buffer.getType(), buffer, /*write=*/false,
                                       /*update=*/written);
    };
    Value x = map(p.left(), false), y = map(p.right(), false), z = map(p.result, true);
    tile::DeviceMatmulOp::create(builder, p.op->getLoc(), p.product.a.transposed, p.product.b.transposed,
                                 p.accumulates, x, y, z);
    tile::DeviceUnmapOp::create(builder, p.op->getLoc());
  }
}

/// A kernel of all products, with what their blocks compute in front of them and behind.
void buildFused(IndexBuilder &b, ArrayRef<DeviceProduct> group) {
  SmallVector<FusedProducts> products = fuseEpilogues(group);
  RowGroup prologue = findPrologue(group, products);
  buildSkinnyKernel(b, b.getLoc(), products, prologue);
  for (linalg::LinalgOp op : prologue.members)
    op->erase();
  for (FusedProducts &each : products)
    if (each.epilogue)
      each.epilogue->erase();
}

/// One kernel behind all that the products depend on; where they turn out to have many rows, calls.
void buildSkinny(ArrayRef<DeviceProduct> group) {
  linalg::LinalgOp last = group.back().op;
  IndexBuilder b(last.getLoc(), last);
  Value rows = b.size(group.front().result, group.front().batchDims());
  if (getConstantIntValue(rows))
    return buildFused(b, group);
  auto compare = [&](arith::CmpIPredicate predicate, int64_t bound) -> Value {
    return arith::CmpIOp::create(b, predicate, rows, b.index(bound));
  };
  Value isSkinny = arith::AndIOp::create(b, compare(arith::CmpIPredicate::sge, 1),
                                         compare(arith::CmpIPredicate::sle, kMostSkinnyRows));
  auto alone =
      llvm::map_to_vector(group, [](const DeviceProduct &each) { return FusedProducts{{each}, {}}; });
  b.branch(isSkinny, [&] { buildSkinnyKernel(b, last.getLoc(), alone); }, [&] { buildCalls(b, group); });
}

} // namespace

bool isMatrixProduct(linalg::LinalgOp op) {
  FailureOr<linalg::ContractionDimensions> loops = linalg::inferContractionDims(op);
  return succeeded(loops) && linalg::isaContractionOpInterface(op) && !loops->m.empty() &&
         !loops->n.empty() && !loops->k.empty();
}

std::string whyNotByLibrary(linalg::LinalgOp op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto elementOf = [&](unsigned operand) { return getElementTypeOrSelf(op->getOperand(operand).getType()); };
  Type x = elementOf(0), y = elementOf(1), z = elementOf(2);
  bool areTypesTaken = typeCodeOf(x) && x == y && (z == x || (z.isF32() && !x.isF64()));
  if (!areTypesTaken)
    return out << "expected two operands of one type, f16, bf16, f32 or f64, "
                  "and a result of that type or f32; found "
               << x << " times " << y << " into " << z,
           text;
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    if (auto type = dyn_cast<MemRefType>(operand.getType()); !type || !type.isLastDimUnitStride())
      return out << "expected contiguous rows; those of operand " << index << " are not", text;
    else if (overlapRows(operand))
      return out << "expected rows that are apart; those of operand " << index << " overlap, or go backwards",
             text;
  return "expected the loops of linalg.matmul or linalg.batch_matmul, with operands that may be transposed";
}

int64_t offloadProducts(func::FuncOp function) {
  SmallVector<linalg::LinalgOp> products;
  function.walk([&](linalg::LinalgOp op) {
    if (matchProduct(op, /*generic=*/true))
      products.push_back(op);
  });
  SmallVector<DeviceProduct> taken;
  for (linalg::LinalgOp op : products) {
    widenOperands(op);
    if (Product product = *matchProduct(op, /*generic=*/true); isForLibrary(product))
      taken.push_back(takeProduct(op, product));
  }
  for (ArrayRef<DeviceProduct> group : groupProducts(taken)) {
    if (isForSkinnyKernel(group))
      buildSkinny(group);
    else
      for (const DeviceProduct &each : group) {
        OpBuilder builder(each.op);
        buildCalls(builder, each);
      }
  }
  for (DeviceProduct &each : taken)
    each.op->erase();
  return int64_t(taken.size());
}

} // namespace gqa
