// The textual form of gqa.attention: operands, then clauses in any order, then the score region and the
// types.
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using Operand = OpAsmParser::UnresolvedOperand;

namespace gqa {
namespace {

/// What the clauses of one operation said, before types are known.
struct Clauses {
  std::optional<Operand> mask, bias, kvLen, offset, sinks, scale;
  SmallVector<Operand> captures;
  SmallVector<OpAsmParser::Argument> arguments; // of the score region
};

/// `(` %operand or literal `)`: exactly one of `operand` and `literal` is set.
template <typename ParseLiteral>
ParseResult parseOperandOrLiteral(OpAsmParser &parser, std::optional<Operand> &operand,
                                  ParseLiteral literal) {
  if (parser.parseLParen())
    return failure();
  Operand parsed;
  OptionalParseResult result = parser.parseOptionalOperand(parsed);
  if (result.has_value()) {
    if (failed(*result))
      return failure();
    operand = parsed;
  } else if (literal()) {
    return failure();
  }
  return parser.parseRParen();
}

ParseResult parseOperandClause(OpAsmParser &parser, std::optional<Operand> &operand) {
  operand.emplace();
  return failure(parser.parseLParen() || parser.parseOperand(*operand) || parser.parseRParen());
}

ParseResult parseDouble(OpAsmParser &parser, OperationState &state, StringRef name) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  state.addAttribute(name, parser.getBuilder().getF64FloatAttr(value));
  return success();
}

/// `layout(q = "bshd", o = "bshd")`
ParseResult parseLayouts(OpAsmParser &parser, OperationState &state) {
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
    StringRef which;
    std::string layout;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&which) || parser.parseEqual() || parser.parseString(&layout))
      return failure();
    if (!llvm::is_contained({"q", "k", "v", "o"}, which))
      return parser.emitError(loc, "layout of '") << which << "', expected q, k, v or o";
    std::string name = (which + "_layout").str();
    if (state.attributes.get(name))
      return parser.emitError(loc, "layout of '") << which << "' given twice";
    state.addAttribute(name, parser.getBuilder().getStringAttr(layout));
    return success();
  });
}

ParseResult parseWindow(OpAsmParser &parser, OperationState &state) {
  int64_t left, right;
  if (parser.parseLParen() || parser.parseInteger(left) || parser.parseComma() ||
      parser.parseInteger(right) || parser.parseRParen())
    return failure();
  state.addAttribute("window", parser.getBuilder().getDenseI64ArrayAttr({left, right}));
  return success();
}

ParseResult parseDeadRow(OpAsmParser &parser, OperationState &state) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLParen() || parser.parseKeyword(&keyword) || parser.parseRParen())
    return failure();
  std::optional<DeadRow> value = symbolizeDeadRow(keyword);
  if (!value)
    return parser.emitError(loc, "dead_row '") << keyword << "', expected zero, nan or uniform";
  state.addAttribute("dead_row", DeadRowAttr::get(parser.getContext(), *value));
  return success();
}

/// `(%s, %b, %h, %i, %j, %argument = %captured, ...)`
ParseResult parseScoreHeader(OpAsmParser &parser, Clauses &clauses) {
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
    if (parser.parseArgument(clauses.arguments.emplace_back()))
      return failure();
    if (clauses.arguments.size() <= 5)
      return success();
    return failure(parser.parseEqual() || parser.parseOperand(clauses.captures.emplace_back()));
  });
}

ParseResult parseClause(OpAsmParser &parser, OperationState &state, Clauses &clauses, StringRef keyword,
                        SMLoc loc) {
  Builder &builder = parser.getBuilder();
  if (keyword == "causal")
    return state.addAttribute("causal", builder.getUnitAttr()), success();
  if (keyword == "mask")
    return parseOperandClause(parser, clauses.mask);
  if (keyword == "bias")
    return parseOperandClause(parser, clauses.bias);
  if (keyword == "kv_len")
    return parseOperandClause(parser, clauses.kvLen);
  if (keyword == "sinks")
    return parseOperandClause(parser, clauses.sinks);
  if (keyword == "scale")
    return parseOperandOrLiteral(parser, clauses.scale, [&] { return parseDouble(parser, state, "scale"); });
  if (keyword == "offset")
    return parseOperandOrLiteral(parser, clauses.offset, [&]() -> ParseResult {
      int64_t value;
      if (parser.parseInteger(value))
        return failure();
      state.addAttribute("offset", builder.getI64IntegerAttr(value));
      return success();
    });
  if (keyword == "softcap")
    return failure(parser.parseLParen() || parseDouble(parser, state, "softcap") || parser.parseRParen());
  if (keyword == "window")
    return parseWindow(parser, state);
  if (keyword == "dead_row")
    return parseDeadRow(parser, state);
  if (keyword == "layout")
    return parseLayouts(parser, state);
  return parser.emitError(loc, "unknown clause '")
         << keyword
         << "' of gqa.attention, expected causal, offset, window, scale, softcap, mask, bias, kv_len, sinks, "
            "dead_row or layout";
}

/// The clauses up to the attribute dictionary or the colon.
ParseResult parseClauses(OpAsmParser &parser, OperationState &state, Clauses &clauses) {
  StringRef keyword;
  llvm::SmallDenseSet<StringRef> seen;
  for (SMLoc loc = parser.getCurrentLocation(); succeeded(parser.parseOptionalKeyword(&keyword));
       loc = parser.getCurrentLocation()) {
    if (!seen.insert(keyword).second)
      return parser.emitError(loc, "clause '") << keyword << "' given twice";
    if (parseClause(parser, state, clauses, keyword, loc))
      return failure();
  }
  return success();
}

/// The region's argument types follow from the operands: the score, four indices, the captured values.
ParseResult parseScore(OpAsmParser &parser, Region &region, Clauses &clauses, ArrayRef<Type> operandTypes,
                       unsigned firstCapture) {
  SMLoc loc = parser.getCurrentLocation();
  if (parseScoreHeader(parser, clauses))
    return failure();
  if (clauses.arguments.size() < 5)
    return parser.emitError(loc, "score region with ")
           << clauses.arguments.size() << " arguments, expected the score, b, h, i, j and captured values";
  if (operandTypes.size() != firstCapture + clauses.captures.size())
    return parser.emitError(loc, "types of ")
           << operandTypes.size() << " operands, but there are " << firstCapture + clauses.captures.size();
  auto query = dyn_cast<ShapedType>(operandTypes[0]);
  Builder &builder = parser.getBuilder();
  Type score = query && query.getElementType().isF64() ? builder.getF64Type() : builder.getF32Type();
  SmallVector<Type> types = {score};
  types.append(4, builder.getIndexType());
  llvm::append_range(types, operandTypes.drop_front(firstCapture));
  for (auto [argument, type] : llvm::zip_equal(clauses.arguments, types))
    argument.type = type;
  return parser.parseRegion(region, clauses.arguments);
}

} // namespace

ParseResult AttentionOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<Operand> operands(3);
  Clauses clauses;
  FunctionType type;
  if (parser.parseOperand(operands[0]) || parser.parseComma() || parser.parseOperand(operands[1]) ||
      parser.parseComma() || parser.parseOperand(operands[2]) || parseClauses(parser, state, clauses) ||
      parser.parseOptionalAttrDict(state.attributes))
    return failure();
  if (auto duplicate = state.attributes.findDuplicate())
    return parser.emitError(parser.getNameLoc(), "'") << duplicate->getName().getValue() << "' given twice";
  if (parser.parseColon())
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseType(type))
    return failure();
  auto &segments = state.getOrAddProperties<Properties>().operandSegmentSizes;
  segments = {1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  unsigned segment = 3;
  for (const std::optional<Operand> &operand :
       {clauses.mask, clauses.bias, clauses.kvLen, clauses.offset, clauses.sinks, clauses.scale}) {
    if (operand)
      operands.push_back(*operand);
    segments[segment++] = operand.has_value();
  }
  Region *region = state.addRegion();
  if (succeeded(parser.parseOptionalKeyword("score")) &&
      parseScore(parser, *region, clauses, type.getInputs(), operands.size()))
    return failure();
  segments[segment] = clauses.captures.size();
  llvm::append_range(operands, clauses.captures);
  state.addTypes(type.getResults());
  return parser.resolveOperands(operands, type.getInputs(), loc, state.operands);
}

} // namespace gqa
