// Whether two attentions are the same one, as far as their operations say.
#ifndef GQA_TEST_ROUNDTRIP_COMPAREATTENTIONS_H
#define GQA_TEST_ROUNDTRIP_COMPAREATTENTIONS_H

#include "Scramble.h"
#include "gqa/Dialect/GQA/GQA.h"

namespace gqa::roundtrip {

Facts factsOf(AttentionOp op);

/// Empty, or what differs: a parameter, or an operand or a region that says what the original says otherwise.
/// What operands hold is not looked at here.
std::string compareAttentions(AttentionOp original, AttentionOp raised);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_COMPAREATTENTIONS_H
