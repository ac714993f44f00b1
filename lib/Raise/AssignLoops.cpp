// What the loops around a written slice count: sequences, heads, tokens, or several of these at once.
#include "SlicedWrite.h"

#include <algorithm>

using namespace mlir;

namespace gqa {

void SlicedWrite::replace(unsigned variable, AffineExpr by) {
  write->row = context.substitute(write->row, variable, by);
  write->position.affine = context.space.substitute(write->position.affine, variable, by);
  for (auto &[data, factor] : write->position.data)
    data = evaluator.expandAll(context.substitute(data, variable, by));
  for (Condition &guard : write->guards)
    guard.expr = context.substitute(guard.expr, variable, by);
  for (auto &[dim, place] : digits)
    place = context.space.substitute(place, variable, by);
}

/// One loop that counts several things, the last one fastest: the places along `dims`, and tokens, in some
/// order.
bool SlicedWrite::splitLoop(unsigned loop, ArrayRef<unsigned> dims) {
  int64_t total = context.space.sizeOf(loop), places = 1;
  for (unsigned dim : dims)
    places *= context.space.sizeOf(dim);
  if (total % places != 0 || (total != places && write->count != 1))
    return false;
  SmallVector<unsigned> order(dims); // by variable: of dimensions it is their number
  if (total != places) {
    write->count = total / places;
    write->token = context.space.addVariable(write->count);
    order.push_back(cast<AffineDimExpr>(write->token).getPosition());
  }
  llvm::sort(order);
  do {
    AffineExpr number = context.space.constant(0);
    for (unsigned variable : order)
      number = number * context.space.sizeOf(variable) + getAffineDimExpr(variable, number.getContext());
    auto isRight = [&](unsigned dim) {
      return context.space.substitute(digits[dim], loop, number) == write->coordinates[dim];
    };
    if (llvm::all_of(dims, isRight)) {
      replace(loop, number);
      return true;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

/// What each loop counts: places along a dimension, tokens, or, one loop alone, all of these.
bool SlicedWrite::assignLoops() {
  SmallVector<unsigned> loops;
  for (auto &[value, place] : inductions)
    if (auto variable = dyn_cast<AffineDimExpr>(place))
      loops.push_back(variable.getPosition());
  SmallVector<unsigned> dims = llvm::map_to_vector(digits, [](auto &entry) { return entry.first; });
  if (loops.size() == 1)
    return splitLoop(loops.front(), dims);
  for (unsigned loop : loops) {
    unsigned *dim = llvm::find_if(dims, [&](unsigned dim) { return dependsOn(digits[dim], loop); });
    if (!splitLoop(loop, dim == dims.end() ? ArrayRef<unsigned>() : ArrayRef<unsigned>(*dim)))
      return false;
    if (dim != dims.end())
      dims.erase(dim);
  }
  return dims.empty();
}

} // namespace gqa
