// Operands of an attention as the graph holds them.
#ifndef GQA_LIB_RAISE_BUILDOPERANDS_H
#define GQA_LIB_RAISE_BUILDOPERANDS_H

#include "gqa/Raise/Build.h"

namespace gqa {

/// A mask or a bias as `B|1 x Hq|1 x Sq|1 x Skv|1`; null if no tensor on the way is a view of them.
mlir::Value buildBroadcast(mlir::OpBuilder &builder, Evaluator &evaluator, const Axes &axes, Expr load);

/// K or V with as few heads as its access map needs: the largest group for which nothing depends on the place
/// in it.
std::optional<View> findShared(Evaluator &evaluator, const Axes &axes, Expr load, Axis inner, HeadMap &map,
                               Axis &heads);

/// The groups within which all heads of a K or V that is computed from repeated heads are the same.
std::optional<HeadMap> proveShared(Evaluator &evaluator, const Axes &axes, Expr load);

/// One head of each group.
Operand takeShared(mlir::OpBuilder &builder, mlir::Location loc, Operand operand, HeadMap map);

/// The operand's heads repeated as the map says.
mlir::Value buildRepeat(mlir::OpBuilder &builder, mlir::Location loc, const Operand &operand, HeadMap map);

} // namespace gqa

#endif // GQA_LIB_RAISE_BUILDOPERANDS_H
