// Transposes, reshapes, slices and loops.
#include "Scramble.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <numeric>

using namespace mlir;

namespace gqa::roundtrip {

void insertBehind(Scrambler &s, Value value) {
  if (Operation *op = value.getDefiningOp())
    s.rewriter.setInsertionPointAfter(op);
  else
    s.rewriter.setInsertionPointToStart(&s.function.getBody().front());
}

void replaceUses(Scrambler &s, Value value, Value other, ArrayRef<Operation *> makers) {
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : value.getUses())
    if (!llvm::is_contained(makers, use.getOwner()))
      uses.push_back(&use);
  if (uses.size() > 1 && s.random.oneIn(3))
    uses = {s.random.pickOf(uses)};
  for (OpOperand *use : uses)
    s.rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(other); });
}

Value transpose(Scrambler &s, Value value, ArrayRef<int64_t> permutation) {
  Location loc = value.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, loc, value);
  Value empty = tensor::EmptyOp::create(s.rewriter, loc, applyPermutation(sizes, permutation),
                                        getElementTypeOrSelf(value));
  if (s.random.oneIn(2))
    return linalg::TransposeOp::create(s.rewriter, loc, value, empty, permutation)->getResult(0);
  AffineMap identity = s.rewriter.getMultiDimIdentityMap(permutation.size());
  AffineMap permuted = AffineMap::getPermutationMap(permutation, s.rewriter.getContext());
  bool onRead = s.random.oneIn(2);
  SmallVector<AffineMap> maps = {onRead ? inversePermutation(permuted) : identity,
                                 onRead ? identity : permuted};
  SmallVector<utils::IteratorType> iterators(permutation.size(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             s.rewriter, loc, empty.getType(), value, empty, maps, iterators,
             [](OpBuilder &b, Location loc, ValueRange in) { linalg::YieldOp::create(b, loc, in[0]); })
      .getResult(0);
}

Value mapElements(Scrambler &s, Value value, Type element,
                  llvm::function_ref<Value(OpBuilder &, Value)> body) {
  Location loc = value.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, loc, value);
  Value empty = tensor::EmptyOp::create(s.rewriter, loc, sizes, element);
  SmallVector<AffineMap> maps(2, s.rewriter.getMultiDimIdentityMap(sizes.size()));
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(s.rewriter, loc, empty.getType(), value, empty, maps, iterators,
                                   [&](OpBuilder &b, Location loc, ValueRange in) {
                                     linalg::YieldOp::create(b, loc, body(b, in[0]));
                                   })
      .getResult(0);
}

linalg::GenericOp rebuild(Scrambler &s, linalg::GenericOp op, ValueRange inputs, ArrayRef<AffineMap> maps) {
  s.rewriter.setInsertionPoint(op);
  auto copy = linalg::GenericOp::create(s.rewriter, op.getLoc(), op.getResultTypes(), inputs, op.getOutputs(),
                                        maps, op.getIteratorTypesArray());
  s.rewriter.inlineRegionBefore(op.getRegion(), copy.getRegion(), copy.getRegion().begin());
  s.rewriter.replaceOp(op, copy.getResults());
  return copy;
}

namespace {

/// Tensors that hold something: no empty ones, and no numbers to start from.
SmallVector<Value> tensorsOf(Scrambler &s, int64_t leastRank) {
  SmallVector<Value> tensors;
  auto add = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (type && type.getRank() >= leastRank && !value.use_empty())
      tensors.push_back(value);
  };
  for (BlockArgument argument : s.function.getArguments())
    add(argument);
  for (Operation &op : s.function.getBody().front())
    if (!isa<tensor::EmptyOp, linalg::FillOp, arith::ConstantOp>(op))
      for (Value result : op.getResults())
        add(result);
  return tensors;
}

bool transposePair(Scrambler &s) {
  SmallVector<Value> tensors = tensorsOf(s, 2);
  Value value = s.random.pickOf(tensors);
  SmallVector<int64_t> permutation = s.random.permutation(cast<RankedTensorType>(value.getType()).getRank());
  insertBehind(s, value);
  Value there = transpose(s, value, permutation);
  Value back = transpose(s, there, invertPermutationVector(permutation));
  SmallVector<Operation *> makers = {there.getDefiningOp()};
  for (Operation *user : value.getUsers())
    if (isa<tensor::DimOp>(user))
      makers.push_back(user);
  replaceUses(s, value, back, makers);
  return true;
}

/// The generic reads one of its operands in another order.
bool permuteOperand(Scrambler &s) {
  auto op = s.pick<linalg::GenericOp>([](linalg::GenericOp op) { return op.getNumDpsInputs() > 0; });
  if (!op)
    return false;
  unsigned which = s.random.below(op.getNumDpsInputs());
  Value operand = op.getInputs()[which];
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || type.getRank() < 2)
    return false;
  SmallVector<int64_t> permutation = s.random.permutation(type.getRank());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<AffineExpr> results(maps[which].getResults());
  maps[which] =
      AffineMap::get(maps[which].getNumDims(), 0, applyPermutation(results, permutation), op.getContext());
  SmallVector<Value> inputs(op.getInputs());
  s.rewriter.setInsertionPoint(op);
  inputs[which] = transpose(s, operand, permutation);
  rebuild(s, op, inputs, maps);
  return true;
}

/// The generic writes its result in another order.
bool permuteResult(Scrambler &s) {
  auto op = s.pick<linalg::GenericOp>([](linalg::GenericOp op) {
    return op.getNumResults() == 1 && cast<RankedTensorType>(op.getResult(0).getType()).getRank() > 1;
  });
  if (!op)
    return false;
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  SmallVector<int64_t> permutation = s.random.permutation(type.getRank());
  s.rewriter.setInsertionPoint(op);
  Value init = transpose(s, op.getOutputs()[0], permutation);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<AffineExpr> results(maps.back().getResults());
  maps.back() =
      AffineMap::get(maps.back().getNumDims(), 0, applyPermutation(results, permutation), op.getContext());
  auto copy = linalg::GenericOp::create(s.rewriter, op.getLoc(), init.getType(), op.getInputs(), init, maps,
                                        op.getIteratorTypesArray());
  s.rewriter.inlineRegionBefore(op.getRegion(), copy.getRegion(), copy.getRegion().begin());
  s.rewriter.replaceOp(op, transpose(s, copy.getResult(0), invertPermutationVector(permutation)));
  return true;
}

bool interchangeLoops(Scrambler &s) {
  auto op = s.pick<linalg::GenericOp>([](linalg::GenericOp op) { return op.getNumLoops() > 1; });
  if (!op)
    return false;
  SmallVector<unsigned> order = llvm::map_to_vector(s.random.permutation(op.getNumLoops()),
                                                    [](int64_t loop) { return static_cast<unsigned>(loop); });
  s.rewriter.setInsertionPoint(op);
  return succeeded(linalg::interchangeGenericOp(s.rewriter, op, order));
}

/// Two loops that all operands hold side by side become one.
bool collapseLoops(Scrambler &s) {
  auto pairOf = [](linalg::GenericOp op, Random &random) {
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    SmallVector<ReassociationIndices> pairs;
    for (int64_t loop = 0; loop + 1 < static_cast<int64_t>(op.getNumLoops()); ++loop)
      if (op.getIteratorTypesArray()[loop] == op.getIteratorTypesArray()[loop + 1] &&
          !ShapedType::isDynamic(ranges[loop]) && !ShapedType::isDynamic(ranges[loop + 1]) &&
          linalg::areDimSequencesPreserved(op.getIndexingMapsArray(), {{loop, loop + 1}}))
        pairs.push_back({loop, loop + 1});
    return pairs.empty() ? ReassociationIndices() : random.pickOf(pairs);
  };
  auto op = s.pick<linalg::GenericOp>([&](linalg::GenericOp op) {
    bool isPermuted =
        llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isProjectedPermutation(); });
    return isPermuted && !pairOf(op, s.random).empty();
  });
  if (!op)
    return false;
  s.rewriter.setInsertionPoint(op);
  auto collapsed = linalg::collapseOpIterationDims(op, {pairOf(op, s.random)}, s.rewriter);
  if (failed(collapsed))
    return false;
  s.rewriter.replaceOp(op, collapsed->results);
  return true;
}

using Groups = SmallVector<ReassociationIndices>;

/// `rank` dimensions, of which `dim` is two.
Groups groupsAround(int64_t dim, int64_t rank) {
  Groups groups;
  for (int64_t k = 0, next = 0; k < rank; ++k) {
    groups.push_back({next++});
    if (k == dim)
      groups.back().push_back(next++);
  }
  return groups;
}

/// A dimension split in two and joined again: by a factor, or as one of size 1.
bool splitPair(Scrambler &s) {
  SmallVector<Value> tensors = tensorsOf(s, 1);
  Value value = s.random.pickOf(tensors);
  auto type = cast<RankedTensorType>(value.getType());
  int64_t dim = s.random.below(type.getRank()), size = type.getDimSize(dim);
  SmallVector<int64_t> factors = {1};
  for (int64_t factor = 2; !ShapedType::isDynamic(size) && factor <= size; ++factor)
    if (size % factor == 0)
      factors.push_back(factor);
  int64_t factor = s.random.pickOf(factors);
  insertBehind(s, value);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, value.getLoc(), value);
  SmallVector<int64_t> shape(type.getShape());
  bool unitFirst = factor == 1 && s.random.oneIn(2);
  if (factor == 1) {
    shape.insert(shape.begin() + dim + !unitFirst, 1);
    sizes.insert(sizes.begin() + dim + !unitFirst, s.rewriter.getIndexAttr(1));
  } else {
    shape[dim] = size / factor;
    shape.insert(shape.begin() + dim + 1, factor);
    sizes[dim] = s.rewriter.getIndexAttr(size / factor);
    sizes.insert(sizes.begin() + dim + 1, s.rewriter.getIndexAttr(factor));
  }
  Groups groups = groupsAround(dim, type.getRank());
  SmallVector<Operation *> makers;
  for (Operation *user : value.getUsers())
    if (isa<tensor::DimOp>(user))
      makers.push_back(user);
  Value split =
      tensor::ExpandShapeOp::create(s.rewriter, value.getLoc(), type.clone(shape), value, groups, sizes);
  Value joined = tensor::CollapseShapeOp::create(s.rewriter, value.getLoc(), type, split, groups);
  makers.push_back(split.getDefiningOp());
  replaceUses(s, value, joined, makers);
  return true;
}

/// Two dimensions joined and split again, by collapse and expand, or by reshapes.
bool joinPair(Scrambler &s) {
  SmallVector<Value> tensors = tensorsOf(s, 2);
  Value value = s.random.pickOf(tensors);
  auto type = cast<RankedTensorType>(value.getType());
  int64_t dim = s.random.below(type.getRank() - 1);
  if (type.isDynamicDim(dim + 1)) // no access map says what a joined dimension is a part of
    return false;
  insertBehind(s, value);
  Location loc = value.getLoc();
  Groups groups = groupsAround(dim, type.getRank() - 1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(s.rewriter, loc, value);
  SmallVector<Operation *> makers;
  for (Operation *user : value.getUsers())
    if (isa<tensor::DimOp>(user))
      makers.push_back(user);
  Value joined = tensor::CollapseShapeOp::create(s.rewriter, loc, value, groups), split;
  if (type.hasStaticShape() && s.random.oneIn(3)) {
    auto shape = s.rewriter.getIndexTensorAttr(type.getShape());
    split = tensor::ReshapeOp::create(s.rewriter, loc, type, joined,
                                      arith::ConstantOp::create(s.rewriter, loc, shape));
  } else {
    split = tensor::ExpandShapeOp::create(s.rewriter, loc, type, joined, groups, sizes);
  }
  makers.push_back(joined.getDefiningOp());
  replaceUses(s, value, split, makers);
  return true;
}

/// A tensor behind itself, and its first or second half.
bool concatAndSlice(Scrambler &s) {
  SmallVector<Value> tensors = tensorsOf(s, 1);
  llvm::erase_if(tensors,
                 [](Value value) { return !cast<RankedTensorType>(value.getType()).hasStaticShape(); });
  if (tensors.empty())
    return false;
  Value value = s.random.pickOf(tensors);
  auto type = cast<RankedTensorType>(value.getType());
  int64_t dim = s.random.below(type.getRank());
  insertBehind(s, value);
  Value twice = tensor::ConcatOp::create(s.rewriter, value.getLoc(), dim, ValueRange{value, value});
  SmallVector<OpFoldResult> offsets(type.getRank(), s.rewriter.getIndexAttr(0)),
      strides(type.getRank(), s.rewriter.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(s.rewriter, value.getLoc(), value);
  if (s.random.oneIn(2))
    offsets[dim] = s.rewriter.getIndexAttr(type.getDimSize(dim));
  Value half = tensor::ExtractSliceOp::create(s.rewriter, value.getLoc(), twice, offsets, sizes, strides);
  replaceUses(s, value, half, {twice.getDefiningOp()});
  return true;
}

/// A type that knows less, and again the one that knows all.
bool forgetSizes(Scrambler &s) {
  SmallVector<Value> tensors = tensorsOf(s, 1);
  Value value = s.random.pickOf(tensors);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> open(type.getShape());
  open[s.random.below(open.size())] = ShapedType::kDynamic;
  insertBehind(s, value);
  Value cast = tensor::CastOp::create(s.rewriter, value.getLoc(), type.clone(open), value);
  Value back = tensor::CastOp::create(s.rewriter, value.getLoc(), type, cast);
  replaceUses(s, value, back, {cast.getDefiningOp()});
  return true;
}

/// The same computed again for one of its users.
bool computeTwice(Scrambler &s) {
  SmallVector<Value> tensors = tensorsOf(s, 1);
  llvm::erase_if(tensors, [](Value value) { return !value.getDefiningOp() || value.hasOneUse(); });
  if (tensors.empty())
    return false;
  Value value = s.random.pickOf(tensors);
  insertBehind(s, value);
  Operation *copy = s.rewriter.clone(*value.getDefiningOp());
  unsigned result = cast<OpResult>(value).getResultNumber();
  SmallVector<OpOperand *> uses = llvm::map_to_vector(value.getUses(), [](OpOperand &use) { return &use; });
  OpOperand *use = s.random.pickOf(uses);
  s.rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(copy->getResult(result)); });
  return true;
}

} // namespace

ArrayRef<Rewrite> movementRewrites() {
  static const Rewrite rewrites[] = {
      {"transpose-pair", transposePair}, {"permute-operand", permuteOperand},
      {"permute-result", permuteResult}, {"interchange-loops", interchangeLoops},
      {"collapse-loops", collapseLoops}, {"split-pair", splitPair},
      {"join-pair", joinPair},           {"concat-slice", concatAndSlice},
      {"forget-sizes", forgetSizes},     {"compute-twice", computeTwice}};
  return rewrites;
}

} // namespace gqa::roundtrip
