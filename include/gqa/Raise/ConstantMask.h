// Numbers and tables that hide keys.
#ifndef GQA_RAISE_CONSTANTMASK_H
#define GQA_RAISE_CONSTANTMASK_H

#include "gqa/Raise/Evaluator.h"

namespace gqa {

/// True if adding `fill` to any score of the type, or selecting it, makes its probability exactly 0.
bool isAbsorbing(double fill, mlir::Type type);

/// The comparisons that a mask of constants and coordinates spells out, one of zeros and absorbing fills or
/// one of i1: `j <= i + c` and `j >= i - w`. None if it is anything else. `fill` is what hides, where a
/// number does; `trueHides` reads an i1 the other way round.
std::optional<llvm::SmallVector<Expr>> matchConstantMask(Evaluator &evaluator, Expr mask,
                                                         llvm::ArrayRef<unsigned> rows, unsigned key,
                                                         bool trueHides, double &fill);

} // namespace gqa

#endif // GQA_RAISE_CONSTANTMASK_H
