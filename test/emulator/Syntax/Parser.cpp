#include "Parser.h"

#include <bit>
#include <charconv>
#include <cstring>

namespace gqa::emulator {

Type typeNamed(std::string_view name) {
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"pred", Type::Pred}, {"b8", Type::B8},       {"u8", Type::U8},         {"s8", Type::S8},
      {"b16", Type::B16},   {"u16", Type::U16},     {"s16", Type::S16},       {"f16", Type::F16},
      {"bf16", Type::BF16}, {"b32", Type::B32},     {"u32", Type::U32},       {"s32", Type::S32},
      {"f32", Type::F32},   {"f16x2", Type::F16X2}, {"bf16x2", Type::BF16X2}, {"tf32", Type::TF32},
      {"b64", Type::B64},   {"u64", Type::U64},     {"s64", Type::S64},       {"f64", Type::F64},
      {"b128", Type::B128}};
  for (auto [spelling, type] : kTypes)
    if (spelling == name)
      return type;
  return Type::None;
}

unsigned sizeOf(Type type) {
  switch (type) {
  case Type::None:
  case Type::Pred:
    return 0;
  case Type::B8:
  case Type::U8:
  case Type::S8:
    return 1;
  case Type::B16:
  case Type::U16:
  case Type::S16:
  case Type::F16:
  case Type::BF16:
    return 2;
  case Type::B64:
  case Type::U64:
  case Type::S64:
  case Type::F64:
    return 8;
  case Type::B128:
    return 16;
  default:
    return 4;
  }
}

Token Parser::take() {
  if (lexer.peek().kind == Token::Kind::End)
    fail("unexpected end of the text");
  return lexer.take();
}

bool Parser::accept(std::string_view spelling) {
  if (!lexer.peek().is(spelling))
    return false;
  lexer.take();
  return true;
}

void Parser::expect(std::string_view spelling) {
  if (!accept(spelling))
    fail("expected '" + std::string(spelling) + "', found '" + std::string(lexer.peek().text) + "'");
}

std::string Parser::word(const char *what) {
  if (lexer.peek().kind == Token::Kind::End)
    fail("unexpected end of the text");
  if (lexer.peek().kind != Token::Kind::Word)
    fail(std::string("expected ") + what + ", found '" + std::string(lexer.peek().text) + "'");
  return std::string(lexer.take().text);
}

uint64_t Parser::integer() {
  bool negative = accept("-");
  if (lexer.peek().kind != Token::Kind::Integer)
    fail("expected a whole number, found '" + std::string(lexer.peek().text) + "'");
  uint64_t value = lexer.take().value;
  return negative ? -value : value;
}

void Parser::fail(const std::string &message) const { throw PtxError(lexer.peek().line, message); }

Module Parser::module() {
  header();
  while (lexer.peek().kind != Token::Kind::End)
    moduleItem();
  return std::move(result);
}

unsigned Parser::decimal(std::string_view digits, const char *what) const {
  unsigned value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() ||
      (end != digits.data() + digits.size() && end + 1 != digits.data() + digits.size()))
    fail(std::string("expected ") + what + ", found '" + std::string(digits) + "'");
  return value;
}

/// The version of PTX that first knew a target.
unsigned versionOf(const std::string &target, unsigned sm) {
  if (target == "sm_90a")
    return 80;
  constexpr std::pair<unsigned, unsigned> kFirst[] = {{120, 87}, {103, 88}, {100, 86}, {89, 78},
                                                      {87, 74},  {86, 71},  {80, 70}};
  for (auto [least, version] : kFirst)
    if (sm >= least)
      return version;
  return 0;
}

void Parser::header() {
  expect(".version");
  std::string_view version = take().text;
  size_t dot = version.find('.');
  if (dot == version.npos)
    fail("expected a version such as 8.0, found '" + std::string(version) + "'");
  result.version = 10 * decimal(version.substr(0, dot), "a version such as 8.0") +
                   decimal(version.substr(dot + 1), "a version such as 8.0");
  expect(".target");
  result.target = word("a target such as sm_80");
  if (result.target.rfind("sm_", 0) != 0)
    fail("unknown target '" + result.target + "'");
  result.sm = decimal(std::string_view(result.target).substr(3), "the number of a target such as sm_80");
  if (unsigned first = versionOf(result.target, result.sm); result.version < first)
    fail(result.target + " needs .version " + std::to_string(first / 10) + "." + std::to_string(first % 10) +
         ", found " + std::string(version));
  while (accept(","))
    word("a target option");
  if (accept(".address_size") && integer() != 64)
    fail("only 64-bit addresses are supported");
}

void Parser::moduleItem() {
  Token token = lexer.peek();
  bool isExtern = false;
  while (lexer.peek().is(".visible") || lexer.peek().is(".extern") || lexer.peek().is(".weak") ||
         lexer.peek().is(".common"))
    isExtern |= take().text == ".extern";
  if (accept(".entry"))
    return function(true);
  if (accept(".func"))
    return function(false);
  if (accept(".file")) {
    integer();
    take();
    while (accept(","))
      integer();
    return;
  }
  if (accept(".pragma"))
    return pragma();
  if (accept(".section"))
    return section();
  for (auto [spelling, space] :
       {std::pair{".global", Space::Global}, {".const", Space::Const}, {".shared", Space::Shared}})
    if (accept(spelling)) {
      result.variables.push_back(variable(space, isExtern));
      expect(";");
      return;
    }
  throw PtxError(token.line, "unknown directive '" + std::string(lexer.peek().text) + "'");
}

void Parser::pragma() {
  do
    take();
  while (accept(","));
  expect(";");
}

/// Debug information, which nothing here reads.
void Parser::section() {
  while (!accept("{"))
    take();
  while (!accept("}"))
    take();
}

Variable Parser::variable(Space space, bool isExtern) {
  Variable v;
  v.space = space;
  v.isExtern = isExtern;
  v.line = lexer.peek().line;
  unsigned lanes = 1, align = 0;
  while (lexer.peek().kind == Token::Kind::Word && lexer.peek().text[0] == '.') {
    std::string directive = word("a directive");
    if (directive == ".align")
      align = integer();
    else if (directive == ".v2" || directive == ".v4")
      lanes = directive[2] - '0';
    else if (directive == ".ptr")
      pointee();
    else if (v.type = typeNamed(std::string_view(directive).substr(1)); sizeOf(v.type) == 0)
      fail("'" + directive + "' is not understood in the declaration of a variable");
  }
  v.name = word("a name");
  uint64_t count = 1;
  while (accept("[")) {
    if (accept("]")) {
      v.isUnbounded = true;
      count = 0;
      continue;
    }
    count *= integer();
    expect("]");
  }
  unsigned element = sizeOf(v.type) * lanes;
  v.size = count * element;
  v.align = align ? align : element;
  if (!std::has_single_bit(v.align) || v.align > (1u << 20))
    throw PtxError(v.line,
                   "'" + v.name + "' has the alignment " + std::to_string(v.align) + ", not a power of two");
  if (v.size > (uint64_t(1) << 40))
    throw PtxError(v.line, "'" + v.name + "' is too large");
  if (accept("="))
    initialiser(v);
  return v;
}

/// What a pointer parameter points to: `.ptr .global .align 16`.
void Parser::pointee() {
  while (lexer.peek().is(".global") || lexer.peek().is(".const") || lexer.peek().is(".shared") ||
         lexer.peek().is(".local"))
    take();
  if (accept(".align"))
    integer();
}

void Parser::initialiser(Variable &v) {
  if (v.size > (uint64_t(1) << 30))
    throw PtxError(v.line, "'" + v.name + "' is too large for an initial value");
  v.initial.assign(v.size, 0);
  unsigned width = sizeOf(v.type), depth = 0;
  uint64_t at = 0;
  auto element = [&] {
    if (at + width > v.size)
      fail("too many initial values for '" + v.name + "'");
    Operand o;
    bool negative = accept("-");
    if (lexer.peek().kind == Token::Kind::Word) {
      std::string symbol = word("a name");
      if (symbol == "generic" && accept("(")) {
        symbol = word("a variable");
        expect(")");
      }
      if (width != 8)
        fail("an address needs 64 bits");
      v.addresses.push_back({at, symbol, accept("+") ? static_cast<int64_t>(integer()) : 0});
    } else {
      Token token = take();
      uint64_t bits = token.value;
      if (token.kind == Token::Kind::Float64 && v.type == Type::F32)
        bits = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
      if (negative && token.kind == Token::Kind::Integer)
        bits = -bits;
      else if (negative)
        bits ^= uint64_t(1) << (8 * width - 1);
      std::memcpy(v.initial.data() + at, &bits, width);
    }
    at += width;
  };
  if (!lexer.peek().is("{"))
    return element();
  do {
    while (accept("{"))
      ++depth;
    if (!lexer.peek().is("}"))
      element();
    while (depth && accept("}"))
      --depth;
  } while (depth && (expect(","), true));
}

} // namespace gqa::emulator

gqa::emulator::Module gqa::emulator::parseModule(std::string_view text) { return Parser(text).module(); }
