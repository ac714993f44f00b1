#include "Operands.h"
#include "Types.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace gqa::emulator {
struct OperandReader::Token {
  char kind;
  unsigned width = 0; ///< bytes of the register
  Type type = Type::None;
  unsigned widest = 0; ///< a wider register, up to so many bytes, will do
  bool optional = false, discards = false;
  unsigned count = 0; ///< registers of a vector; 0: no vector
};

/// Registers of the accumulators of `.m64nNkK.type`: N * 64 values over 128 threads.
unsigned OperandReader::accumulators() const {
  for (std::string_view s : match.suffixes)
    if (s.starts_with("m64n")) {
      unsigned n = 0;
      std::from_chars(s.data() + 4, s.data() + s.size(), n);
      return match.type() == Type::F16 ? n / 4 : n / 2;
    }
  return 0;
}

OperandReader::Token OperandReader::parse(std::string_view text) const {
  Token t{text[0]};
  size_t at = 1;
  for (; at < text.size(); ++at)
    switch (char c = text[at]) {
    case 't':
    case 'u':
    case 'v':
      t.type = match.type(c - 't');
      t.width = sizeOf(t.type);
      break;
    case 'w':
      t.type = Type::U64;
      t.width = 2 * sizeOf(match.type(0));
      break;
    case 'f':
      t.type = Type::F32;
      t.width = 4;
      break;
    case 'b':
      t.type = Type::None;
      break;
    case '+':
      t.widest = 4;
      break;
    case '*':
      t.widest = 8;
      break;
    case '?':
      t.optional = true;
      break;
    case '_':
      t.discards = true;
      break;
    case 'x':
      ++at;
      t.count = text[at] == 'A'   ? accumulators()
                : text[at] != 'V' ? text[at] - '0'
                : match.has("v4") ? 4
                : match.has("v2") ? 2
                                  : 0;
      if (text[at] == 'A')
        t.type = match.type() == Type::F16 ? Type::F16X2 : Type::F32;
      break;
    default:
      t.width = c - '0';
      t.type = Type::U32;
      break;
    }
  return t;
}

std::string OperandReader::read(std::vector<Slot> &slots) {
  std::string_view rest = match.form->operands;
  unsigned given = 0;
  while (!rest.empty()) {
    std::string_view text = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    Token token = parse(text);
    if (given == i.operands.size()) {
      if (token.optional)
        continue;
      return "an operand is missing";
    }
    if (std::string error = operand(token, i.operands[given], slots); !error.empty())
      return "operand " + std::to_string(given + 1) + ": " + error;
    ++given;
  }
  if (given != i.operands.size())
    return "expected " + std::to_string(given) + " operands, found " + std::to_string(i.operands.size());
  insn.count = given;
  return {};
}

std::string OperandReader::operand(const Token &token, const Operand &o, std::vector<Slot> &slots) {
  switch (token.kind) {
  case 'Q':
    return o.kind == Operand::Kind::Sink ? "expected a predicate" : predicate(o, true, slots);
  case 'P':
    return predicate(o, false, slots);
  case 'M':
    return o.elements.empty() ? memory(o, slots) : "coordinates are not allowed here";
  case 'T': { // an address and the coordinates of a tensor
    if (std::string error = memory(o, slots); !error.empty())
      return error;
    unsigned rank = 0;
    for (std::string_view s : match.suffixes)
      if (s.size() == 2 && s[1] == 'd')
        rank = s[0] - '0';
    if (o.elements.size() != rank)
      return "expected " + std::to_string(rank) + " coordinates, found " + std::to_string(o.elements.size());
    Token coordinate{'S', 4, Type::S32};
    for (const Operand &e : o.elements)
      if (std::string error = value(coordinate, e, slots); !error.empty())
        return error;
    return {};
  }
  case '_':
    if (o.kind != Operand::Kind::Sink)
      return "expected '_'";
    slots.emplace_back();
    slots.back().kind = Slot::Kind::Sink;
    ++values;
    return {};
  case 'E':
    if (o.predicate < 0)
      return "a predicate is missing behind it";
    [[fallthrough]];
  case 'R':
  case 'X': { // with an optional predicate behind
    std::string error = token.kind == 'R' ? predicate(o, true, slots) : value(token, o, slots);
    Slot second;
    if (error.empty() && o.predicate >= 0) {
      Operand p;
      p.kind = Operand::Kind::Register;
      p.reg = o.predicate;
      return predicate(p, true, slots);
    }
    slots.push_back(second);
    return error;
  }
  case 'L': {
    auto found = labels.find(o.symbol);
    if (o.kind != Operand::Kind::Symbol || found == labels.end())
      throw PtxError(i.line, "unknown label '" + o.symbol + "'");
    insn.target = found->second;
    return {};
  }
  case 'I':
    if (o.kind != Operand::Kind::Integer)
      return "expected a whole number";
    slots.emplace_back();
    slots.back().kind = Slot::Kind::Constant;
    slots.back().bits = o.value;
    return {};
  default:
    break;
  }
  if (o.predicate >= 0)
    return "a predicate behind it is not allowed";
  if (o.kind != Operand::Kind::Vector)
    return token.count ? "expected a vector" : value(token, o, slots);
  if (token.count != o.elements.size())
    return token.count ? "expected a vector of " + std::to_string(token.count) + " registers"
                       : "a vector is not allowed here";
  auto isSink = [](const Operand &e) { return e.kind == Operand::Kind::Sink; };
  if (std::all_of(o.elements.begin(), o.elements.end(), isSink))
    return "a vector of nothing but '_'";
  Token element = token;
  element.count = 0;
  element.discards = true;
  for (const Operand &e : o.elements)
    if (std::string error = value(element, e, slots); !error.empty())
      return error;
  return {};
}

/// A result or a source that is held in a register of the token's width.
std::string OperandReader::value(const Token &token, const Operand &o, std::vector<Slot> &slots) {
  bool defines = token.kind != 'S';
  Slot slot;
  slot.defines = defines;
  slot.updates = token.kind == 'U';
  slot.wide = token.width == 8;
  switch (o.kind) {
  case Operand::Kind::Register: {
    const Register &r = f.registers[o.reg];
    unsigned width = sizeOf(r.type);
    if (r.type == Type::Pred || o.negated)
      return "a predicate is not allowed here";
    if (width != token.width && !(width > token.width && width <= token.widest))
      return "register " + r.name + " has " + std::to_string(8 * width) + " bits; expected " +
             std::to_string(8 * token.width);
    if (!mayBe(r.type, token.type))
      return "register " + r.name + " is of another type";
    slot.kind = Slot::Kind::Register;
    slot.reg = o.reg;
    if (width == 8)
      insn.wideData |= 1u << std::min(values, 7u);
    break;
  }
  case Operand::Kind::Sink:
    if (!token.discards || !defines || slot.updates)
      return "'_' is not allowed here";
    slot.kind = Slot::Kind::Sink;
    break;
  case Operand::Kind::Symbol:
    if (defines)
      return "unknown register '" + o.symbol + "'";
    if (isSpecial(o.symbol)) {
      if (std::string error = special(token, o.symbol, slot); !error.empty())
        return error;
      break;
    }
    if (std::optional<uint64_t> address = symbol(o.symbol)) {
      slot.kind = Slot::Kind::Constant;
      slot.bits = *address + o.value;
      break;
    }
    throw PtxError(i.line, "unknown name '" + o.symbol + "'");
  case Operand::Kind::Integer:
  case Operand::Kind::Float:
    if (defines)
      return "expected a register";
    if (std::string error = literal(token, o, slot); !error.empty())
      return error;
    if (slot.wide) // held as a register of that width would be
      insn.wideData |= 1u << std::min(values, 7u);
    break;
  default:
    return "expected a register or a number";
  }
  ++values;
  slots.push_back(std::move(slot));
  return {};
}

std::string OperandReader::literal(const Token &token, const Operand &o, Slot &slot) {
  slot.kind = Slot::Kind::Constant;
  slot.bits = o.value;
  bool isDecimal = token.width == 4 && o.isDouble;
  if (o.kind == Operand::Kind::Integer
          ? isFloat(token.type)
          : token.type != Type::None && !isFloat(token.type) && (isDecimal || !isBits(token.type)))
    return "a number of another type";
  if (o.kind == Operand::Kind::Float) {
    if (isDecimal)
      slot.bits = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(o.value)));
    else if (token.width == 8 && !o.isDouble)
      slot.bits =
          std::bit_cast<uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(o.value))));
    else if (token.width < 4)
      return "a floating-point number is not allowed here";
  }
  if (token.width < 8)
    slot.bits &= (uint64_t(1) << (8 * token.width)) - 1;
  return {};
}

std::string OperandReader::special(const Token &token, const std::string &name, Slot &slot) {
  if (!i.opcode.starts_with("mov.") && !i.opcode.starts_with("cvt."))
    return name + " can be read by mov and cvt only";
  if (isFloat(token.type))
    return name + " is a whole number";
  if (name.find("cluster") != name.npos)
    check({90, 78}, module, name, i.line);
  if (isClock(name)) {
    readsClock = true;
    slot.kind = Slot::Kind::Constant;
    return {};
  }
  slot.kind = Slot::Kind::Special;
  slot.special = name;
  return slot.wide ? name + " has 32 bits" : std::string();
}

std::string OperandReader::predicate(const Operand &o, bool defines, std::vector<Slot> &slots) {
  Slot slot;
  slot.defines = defines;
  slot.isPredicate = true;
  if (o.kind == Operand::Kind::Sink && defines) {
    slots.push_back(slot);
    return {};
  }
  if (o.kind == Operand::Kind::Integer && !defines) {
    slot.kind = Slot::Kind::Truth;
    slot.bits = o.value != 0;
    slots.push_back(std::move(slot));
    return {};
  }
  if (o.kind != Operand::Kind::Register || f.registers[o.reg].type != Type::Pred)
    return "expected a predicate";
  if (defines && o.negated)
    return "a result cannot be negated";
  slot.kind = Slot::Kind::Register;
  slot.reg = o.reg;
  slot.negated = o.negated;
  slots.push_back(std::move(slot));
  return {};
}

/// Whether an address of 32 bits will do.
bool OperandReader::hasShortAddresses() const {
  for (std::string_view space : {"shared", "shared::cta", "shared::cluster", "local", "const", "param"})
    if (match.has(space))
      return true;
  return false;
}

/// The base goes to the slots, the offset to the instruction.
std::string OperandReader::memory(const Operand &o, std::vector<Slot> &slots) {
  if (o.kind != Operand::Kind::Memory)
    return "expected an address in brackets";
  if (memories == 3)
    return "too many addresses";
  Slot slot;
  insn.offset[memories] = static_cast<int64_t>(o.value);
  if (o.reg >= 0) {
    unsigned width = sizeOf(f.registers[o.reg].type);
    if (width < 4 || isFloat(f.registers[o.reg].type))
      return "an address is a whole number of 32 or 64 bits";
    if (width < 8 && !hasShortAddresses())
      return "an address needs 64 bits here";
    slot.kind = Slot::Kind::Register;
    slot.reg = o.reg;
    slot.wide = width == 8;
  } else {
    slot.kind = Slot::Kind::Constant;
    slot.wide = true;
    if (o.symbol.empty() && !match.has("local"))
      return "only an address of local memory may be a number";
    if (!o.symbol.empty()) {
      std::optional<uint64_t> address = symbol(o.symbol);
      if (!address)
        throw PtxError(i.line, "unknown name '" + o.symbol + "'");
      slot.bits = *address;
    }
  }
  if (slot.wide)
    insn.wideAddress |= 1u << memories;
  ++memories;
  slots.push_back(std::move(slot));
  return {};
}

} // namespace gqa::emulator
