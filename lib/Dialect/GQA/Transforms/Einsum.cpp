// Letters as loops, indexing maps and reshapes.
#include "Einsum.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace gqa {

SmallVector<OpFoldResult> Einsum::sizesOf(StringRef letters) const {
  return llvm::map_to_vector(letters, [&](char letter) { return sizes.at(letter); });
}

AffineMap Einsum::mapOf(StringRef letters, StringRef loops) const {
  auto results = llvm::map_to_vector(letters, [&](char letter) {
    return letter == '1' ? builder.getAffineConstantExpr(0) : builder.getAffineDimExpr(loops.find(letter));
  });
  return AffineMap::get(loops.size(), 0, results, builder.getContext());
}

Indexed Einsum::build(ArrayRef<Indexed> inputs, StringRef result, Value init, Step body) {
  std::string loops = result.str();
  for (const Indexed &input : inputs)
    for (char letter : input.letters)
      if (letter != '1' && !StringRef(loops).contains(letter))
        loops.push_back(letter);
  SmallVector<AffineMap> maps;
  SmallVector<Value> operands;
  for (const Indexed &input : inputs) {
    maps.push_back(mapOf(input.letters, loops));
    operands.push_back(input.tensor);
  }
  maps.push_back(mapOf(result, loops));
  SmallVector<utils::IteratorType> iterators(loops.size(), utils::IteratorType::reduction);
  std::fill_n(iterators.begin(), result.size(), utils::IteratorType::parallel);
  auto generic =
      linalg::GenericOp::create(builder, loc, init.getType(), operands, init, maps, iterators,
                                [&](OpBuilder &b, Location, ValueRange in) {
                                  linalg::YieldOp::create(b, loc, body(b, in.drop_back(), in.back()));
                                });
  return {generic.getResult(0), result.str()};
}

Indexed Einsum::emit(ArrayRef<Indexed> inputs, StringRef result, Type element, Element body) {
  Value empty = tensor::EmptyOp::create(builder, loc, sizesOf(result), element);
  return build(inputs, result, empty, [&](OpBuilder &b, ValueRange in, Value) { return body(b, in); });
}

Indexed Einsum::reduce(ArrayRef<Indexed> inputs, StringRef result, Value start, Step body) {
  Value empty = tensor::EmptyOp::create(builder, loc, sizesOf(result), start.getType());
  Value init = linalg::FillOp::create(builder, loc, start, empty).getResult(0);
  return build(inputs, result, init, body);
}

/// The groups of a reshape between `letters` and the same with `kg` for the dimension at `heads`.
static SmallVector<ReassociationIndices> groupsAround(size_t heads, size_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim <= static_cast<int64_t>(rank); ++dim)
    if (dim == static_cast<int64_t>(heads) + 1)
      groups.back().push_back(dim);
    else
      groups.push_back({dim});
  return groups;
}

Indexed Einsum::split(const Indexed &value) {
  size_t heads = value.letters.find('h');
  std::string letters = value.letters;
  letters.replace(heads, 1, "kg");
  auto type = cast<RankedTensorType>(value.tensor.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value.tensor);
  sizes[heads] = this->sizes.at('k');
  sizes.insert(sizes.begin() + heads + 1, this->sizes.at('g'));
  SmallVector<int64_t> shape = decomposeMixedValues(sizes).first;
  return {tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), value.tensor,
                                        groupsAround(heads, type.getRank()), sizes),
          letters};
}

Indexed Einsum::join(const Indexed &value) {
  size_t heads = value.letters.find('k');
  std::string letters = value.letters;
  letters.replace(heads, 2, "h");
  return {tensor::CollapseShapeOp::create(builder, loc, value.tensor, groupsAround(heads, letters.size())),
          letters};
}

} // namespace gqa
