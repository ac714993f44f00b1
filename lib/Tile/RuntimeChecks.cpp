// What the verifier of gqa.attention says about static sizes, said again at run time about dynamic ones: a
// kernel trusts its operands to agree. Comments name the constraint of GQAOps.td.
#include "AttentionFunction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

class Checks {
public:
  explicit Checks(IndexBuilder &b) : b(b) {}

  void equal(Value size, Value expected, const Twine &message) { require(isEqual(size, expected), message); }

  void equalOrOne(Value size, Value expected, const Twine &message) {
    require(b.createOrFold<arith::OrIOp>(isEqual(size, expected), isEqual(size, b.index(1))), message);
  }

  void atMost(Value size, Value limit, const Twine &message) {
    require(b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sle, size, limit), message);
  }

  /// `size` is not 0, or `other` is.
  void notZeroUnless(Value size, Value other, const Twine &message) {
    Value zero = b.index(0);
    Value notZero = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, size, zero);
    require(b.createOrFold<arith::OrIOp>(notZero, isEqual(other, zero)), message);
  }

private:
  Value isEqual(Value a, Value b2) {
    if (a == b2)
      return arith::ConstantOp::create(b, b.getBoolAttr(true));
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b2);
  }

  void require(Value condition, const Twine &message) {
    if (!matchPattern(condition, m_One())) // what is known to hold needs no check
      cf::AssertOp::create(b, condition, ("gqa.attention: " + message).str());
  }

  IndexBuilder &b;
};

/// New tokens must be as those in the cache, and all together as many as the attention was told.
void checkTokens(StringRef name, const TokenBuffers &tokens, int64_t expected, Checks &checks,
                 IndexBuilder &b) {
  if (!tokens.fresh)
    return;
  for (auto [dim, what] : {std::pair(0, "in batch size"), std::pair(1, "in the number of heads"),
                           std::pair(3, "in their head dimension")})
    checks.equal(b.size(tokens.fresh, dim), b.size(tokens.cached, dim),
                 Twine("the cached and the fresh ") + name + " differ " + what); // append_kv_c2
  if (!ShapedType::isDynamic(expected))
    checks.equal(b.add(b.size(tokens.cached, 2), b.size(tokens.fresh, 2)), b.index(expected),
                 Twine("the cached and the fresh ") + name + " do not have " + Twine(expected) +
                     " tokens together"); // append_kv_c3
}

/// What narrow tokens are made of.
void checkFactors(StringRef name, const TokenBuffers &tokens, StringRef layout, Checks &checks,
                  IndexBuilder &b) {
  for (auto [what, factor] : {std::pair("scale", tokens.scale), std::pair("zero", tokens.zero)}) {
    int64_t rank = factor ? cast<MemRefType>(factor.getType()).getRank() : 0;
    for (int64_t dim = 0; dim < rank; ++dim)
      checks.equalOrOne(b.size(factor, dim), b.size(tokens.cached, dimOf("bhsd", layout[4 - rank + dim])),
                        Twine("the ") + what + " of " + name + " does not broadcast to it"); // dequantize_c2
  }
}

/// The rotation of the queries.
void checkAngles(RotaryOp rotary, const AttentionValues &values, Checks &checks, IndexBuilder &b) {
  if (!rotary)
    return;
  Value half = b.index(rotary.getRotaryDim() / 2);
  checks.atMost(b.index(rotary.getRotaryDim()), values.keyDim,
                "the rotation has more elements than the head dimension of q"); // rotary_c3
  SmallVector<Value> angles = {values.batch, b.size(values.q, 1), values.queries, half};
  for (auto [name, value] : {std::pair("cos", values.cos), std::pair("sin", values.sin)}) {
    int64_t rank = cast<MemRefType>(value.getType()).getRank();
    for (int64_t dim = 0; dim < rank; ++dim)
      checks.equalOrOne(b.size(value, dim), angles[4 - rank + dim],
                        Twine(name) + " does not broadcast to batch x heads x queries x pairs"); // rotary_c4
  }
}

bool mayBeEmpty(int64_t size) { return size == 0 || ShapedType::isDynamic(size); }

/// A read of a captured tensor is moved into it, which takes an element to move to.
void checkCaptures(AttentionOp op, const AttentionValues &values, Checks &checks, IndexBuilder &b) {
  Value queryHeads = b.size(values.q, 1);
  Value scores =
      b.min(b.min(values.batch, queryHeads), b.min(values.queries, values.keys)); // 0: there are none
  for (auto [argument, capture] :
       llvm::zip(op.getScoreBlock().getArguments().drop_front(5), values.captures)) {
    bool isRead =
        llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<tensor::ExtractOp>(user); });
    int64_t rank = isRead ? cast<MemRefType>(capture.getType()).getRank() : 0;
    for (int64_t dim = 0; dim < rank; ++dim)
      if (mayBeEmpty(cast<MemRefType>(capture.getType()).getDimSize(dim)))
        checks.notZeroUnless(b.size(capture, dim), scores,
                             "the score region reads a captured tensor that is empty");
  }
}

} // namespace

void buildRuntimeChecks(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
  Checks checks(b);
  Value queryHeads = b.size(values.q, 1);
  checkTokens("k", values.k, op.getNumKeys(), checks, b);
  checkTokens("v", values.v, sizeOf(op.getV(), op.getVLayout(), 's'), checks, b);
  checkFactors("q", {values.q, nullptr, values.queryScale}, op.getQLayout(), checks, b);
  checkFactors("k", values.k, op.getKLayout(), checks, b);
  checkFactors("v", values.v, op.getVLayout(), checks, b);
  checkAngles(op.getQueryRotary(), values, checks, b);
  for (auto [name, value] : {std::pair("k", values.k.cached), std::pair("v", values.v.cached)})
    checks.equal(b.size(value, 0), values.batch,
                 Twine("q and ") + name + " differ in batch size"); // attention_c3
  checks.equal(b.size(values.v.cached, 1), values.kvHeads,
               "k and v differ in the number of heads"); // attention_c4
  checks.equal(b.mul(values.group, values.kvHeads), queryHeads,
               "the number of key/value heads does not divide the number of query heads"); // attention_c5
  Value valueRows = b.size(values.v.cached, 2);
  if (values.v.fresh)
    valueRows = b.add(valueRows, b.size(values.v.fresh, 2));
  checks.equal(valueRows, values.keys, "k and v differ in the number of keys"); // attention_c6
  checks.equal(b.size(values.k.cached, 3), values.keyDim,
               "q and k differ in their head dimension"); // attention_c7
  SmallVector<Value> output = {values.batch, queryHeads, values.queries, values.valueDim};
  for (auto [dim, size] : llvm::enumerate(output)) {
    checks.equal(b.size(values.output, dim), size,
                 "the output does not have the shape that q and v ask for"); // attention_c8
    if (values.lse && dim < 3)
      checks.equal(b.size(values.lse, dim), size,
                   "lse does not have the shape that q asks for"); // attention_c9
  }
  SmallVector<Value> scores = {values.batch, queryHeads, values.queries, values.keys};
  for (auto [name, value] : {std::pair("mask", values.mask), std::pair("bias", values.bias)}) {
    int64_t rank = value ? cast<MemRefType>(value.getType()).getRank() : 0;
    for (int64_t dim = 0; dim < rank; ++dim)
      checks.equalOrOne(b.size(value, dim), scores[4 - rank + dim],
                        Twine(name) +
                            " does not broadcast to batch x heads x queries x keys"); // attention_c10
  }
  for (auto [name, value] : {std::pair("kv_len", values.kvLen), std::pair("offset", values.offsets)})
    if (value)
      checks.equalOrOne(b.size(value, 0), values.batch,
                        Twine(name) + " needs one element, or one per batch"); // attention_c11
  if (values.sinks)
    checks.equal(b.size(values.sinks, 0), queryHeads,
                 "sinks needs one element per query head"); // attention_c12
  if (!op.hasScore())
    return;
  checkCaptures(op, values, checks, b);
  for (auto [name, size] : {std::pair("query heads", queryHeads), std::pair("queries", values.queries),
                            std::pair("keys", values.keys)})
    checks.atMost(size, b.index(INT32_MAX),
                  Twine("with a score region there are at most 2147483647 ") + name); // i32 in vectors
}

} // namespace gqa
