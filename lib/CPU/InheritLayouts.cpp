// gqa-inherit-layouts: what a caller knows of the strides of its buffers is known in the function as well.
#include "gqa/CPU/Passes.h"

#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_INHERITLAYOUTS
#include "gqa/CPU/Passes.h.inc"

namespace {

/// What a cast that only forgets casts; null for others.
Value knownBefore(Value value) {
  auto cast = value.getDefiningOp<memref::CastOp>();
  return cast && memref::CastOp::canFoldIntoConsumerOp(cast) ? cast.getSource() : Value();
}

/// The only call of a private function; null if there are others, or other uses.
func::CallOp onlyCall(func::FuncOp function, const SymbolUserMap &users) {
  if (!function.isPrivate() || function.isExternal())
    return nullptr;
  ArrayRef<Operation *> all = users.getUsers(function);
  return all.size() == 1 ? dyn_cast<func::CallOp>(all.front()) : nullptr;
}

/// Gives arguments the types of what is cast to them. Returns whether there was any.
bool inherit(func::FuncOp function, func::CallOp call) {
  OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
  bool any = false;
  for (OpOperand &operand : call->getOpOperands()) {
    Value known = knownBefore(operand.get());
    if (!known || !isa<MemRefType>(known.getType()))
      continue;
    BlockArgument argument = function.getArgument(operand.getOperandNumber());
    auto cast = memref::CastOp::create(b, call.getLoc(), argument.getType(), argument);
    argument.replaceAllUsesExcept(cast, cast);
    argument.setType(known.getType());
    operand.set(known);
    any = true;
  }
  function.setType(b.getFunctionType(function.getBody().getArgumentTypes(), function.getResultTypes()));
  return any;
}

/// A view of dimensions in another order knows what is known of its source.
struct TransposeOfCast : OpRewritePattern<memref::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(memref::TransposeOp op, PatternRewriter &rewriter) const override {
    Value known = knownBefore(op.getIn());
    if (!known)
      return failure();
    Value view = memref::TransposeOp::create(rewriter, op.getLoc(), known, op.getPermutationAttr());
    rewriter.replaceOpWithNewOp<memref::CastOp>(op, op.getType(), view);
    return success();
  }
};

/// Tile operations take buffers of any strides.
struct TileOfCast : RewritePattern {
  explicit TileOfCast(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa_and_present<tile::TileDialect>(op->getDialect()) || op->getNumRegions() > 0)
      return failure();
    bool any = false;
    for (OpOperand &operand : op->getOpOperands())
      if (Value known = knownBefore(operand.get())) {
        rewriter.modifyOpInPlace(op, [&] { operand.set(known); });
        any = true;
      }
    return success(any);
  }
};

struct InheritLayoutsPass : impl::InheritLayoutsBase<InheritLayoutsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    memref::SubViewOp::getCanonicalizationPatterns(patterns, &getContext());
    patterns.add<TransposeOfCast, TileOfCast>(&getContext());
    FrozenRewritePatternSet frozen(std::move(patterns));
    SymbolTableCollection symbols;
    SymbolUserMap users(symbols, getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (func::CallOp call = onlyCall(function, users); call && inherit(function, call))
        (void)applyPatternsGreedily(function, frozen);
  }
};

} // namespace
} // namespace gqa
