// One attention in the making: what is found out and built before its operation is.
#ifndef GQA_LIB_RAISE_ATTENTIONBUILDER_H
#define GQA_LIB_RAISE_ATTENTIONBUILDER_H

#include "gqa/Raise/Build.h"

#include "mlir/IR/PatternMatch.h"

namespace gqa {

/// The operands of one attention, before its operation is made.
struct Parts {
  Operand q, k, v;
  mlir::Value mask, bias, offsets, kvLen, sinks, scale;
  mlir::Value sinkRows; ///< sinks that differ by query, B x Hq x Sq
  std::string layout;
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>> output;
};

/// An attention over one of several sets of keys: in the order in which the graph has its rows, the value
/// dimension apart from them.
struct Partial {
  AttentionOp op;
  mlir::Value output, lse;
};

/// What is computed of an attention's rows, its dimensions being `from`, with those of the graph: reshaped,
/// and transposed where an axis is torn apart.
mlir::Value rearrange(mlir::OpBuilder &builder, mlir::Location loc, const IndexSpace &space,
                      mlir::Value value, llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> from,
                      llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> to);

/// Replaces what the graph has computed of the logarithm of the sum by `lse`, with dimensions `dims`,
/// wherever that is known.
void replaceLses(mlir::RewriterBase &rewriter, Evaluator &evaluator, const Axes &axes, mlir::Value lse,
                 llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> dims);

/// Builds one attention in front of what it replaces.
class AttentionBuilder {
public:
  AttentionBuilder(mlir::RewriterBase &rewriter, Evaluator &evaluator, Axes &axes, Findings &findings,
                   Refusal &refusal)
      : rewriter(rewriter), evaluator(evaluator), axes(axes), match(axes.match), findings(findings),
        refusal(refusal), loc(match.product->getLoc()) {}

  std::optional<AttentionOp> build();
  std::optional<Partial> buildPartial();

private:
  std::optional<AttentionOp> buildOp();
  bool refuse(mlir::Value value, const llvm::Twine &reason);
  bool buildOperands();
  bool computeOperand(Expr &operand, const Axis &tokens, const Axis &inner);
  bool widenOperands();
  void collectSizes();
  bool buildBias();
  bool buildMask();
  bool buildVectors();
  bool buildScalar();
  AttentionOp withLse(AttentionOp op);
  MergeOp mergeSinks(AttentionOp &op);
  mlir::Value buildResult(mlir::Value value, llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> from,
                          llvm::ArrayRef<llvm::SmallVector<unsigned, 2>> to) {
    return rearrange(rewriter, loc, evaluator.context.space, value, from, to);
  }

  mlir::RewriterBase &rewriter;
  Evaluator &evaluator;
  Axes &axes;
  AttentionMatch &match;
  Findings &findings;
  Refusal &refusal;
  mlir::Location loc;
  Visibility visibility;
  Parts parts;
  llvm::DenseMap<unsigned, mlir::Value> sizes;
};

/// The order in which the output holds its axes, and that order as a layout; none if an axis is torn apart:
/// then the axes are in their usual order.
std::optional<std::string> outputLayout(const Axes &axes,
                                        llvm::SmallVector<llvm::SmallVector<unsigned, 2>> &dims);

/// The output's dimensions, of which the value dimension is one.
struct OutputDims {
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>> dims;
  unsigned value;
  std::optional<unsigned> split; ///< the dimension of the graph that holds it behind rows, if one does
};

/// None if rows stand inside of the value dimension.
std::optional<OutputDims> valuesApart(const Axes &axes);

} // namespace gqa

#endif // GQA_LIB_RAISE_ATTENTIONBUILDER_H
