// One function per operation: what it means, emitted as float64 loops in front of it; its results are
// returned.
#ifndef GQA_LIB_REFERENCE_REFERENCE_H
#define GQA_LIB_REFERENCE_REFERENCE_H

#include "Emitter.h"
#include "gqa/Dialect/GQA/GQA.h"

namespace gqa::reference {

Values evaluate(Emitter &e, AttentionOp op);
Values evaluate(Emitter &e, MergeOp op);
Values evaluate(Emitter &e, RotaryOp op);
Values evaluate(Emitter &e, RepeatHeadsOp op);
Values evaluate(Emitter &e, AppendKVOp op);
Values evaluate(Emitter &e, DequantizeOp op);

/// Indices in logical order (b, h, s, d), or sizes, permuted to a layout.
Values at(llvm::StringRef layout, Value b, Value h, Value s, Value d);

/// The part of (b, h, i, j) at which a tensor is read that broadcasts to them: compared from the last
/// dimension, 0 where its size is known to be 1.
Values broadcast(Emitter &e, Value tensor, ValueRange full);

/// The score region's (score, seen) for an f64 score and the indices b, h, i, j. Its f32 arithmetic is done
/// in f64; operations that exist only on f32 get their operands rounded.
std::pair<Value, Value> evaluateScore(Emitter &e, AttentionOp op, Value score, ValueRange indices);

} // namespace gqa::reference

#endif // GQA_LIB_REFERENCE_REFERENCE_H
