#include "Parser.h"

namespace gqa::emulator {

void Parser::function(bool isEntry) {
  Function f;
  f.isEntry = isEntry;
  f.line = lexer.peek().line;
  std::vector<Variable> results;
  if (!isEntry && lexer.peek().is("("))
    parameters(results);
  f.name = word("the name of a function");
  if (lexer.peek().is("("))
    parameters(f.params);
  while (functionDirective(f))
    ;
  if (accept(";"))
    return; // a declaration; calls name what is missing
  if (!isEntry)
    throw PtxError(f.line, "function '" + f.name + "': only kernels (.entry) are supported");
  body(f);
  result.functions.push_back(std::move(f));
}

void Parser::parameters(std::vector<Variable> &params) {
  expect("(");
  while (!accept(")")) {
    expect(".param");
    params.push_back(variable(Space::Param, false));
    if (!lexer.peek().is(")"))
      expect(",");
  }
}

bool Parser::functionDirective(Function &f) {
  auto sizes = [&](unsigned (&into)[3]) {
    into[0] = integer();
    into[1] = accept(",") ? integer() : 1;
    into[2] = accept(",") ? integer() : 1;
  };
  if (accept(".maxntid"))
    sizes(f.maxThreads);
  else if (accept(".reqntid"))
    sizes(f.requiredThreads);
  else if (accept(".minnctapersm"))
    f.minBlocks = integer();
  else if (accept(".maxnreg"))
    f.maxRegisters = integer();
  else if (accept(".pragma"))
    pragma();
  else if (lexer.peek().is(".reqnctapercluster"))
    cluster(f);
  else if (!accept(".explicitcluster") && !accept(".noreturn"))
    return false;
  return true;
}

void Parser::cluster(Function &f) {
  take();
  uint64_t ctas = integer();
  while (accept(","))
    ctas *= integer();
  if (ctas != 1)
    throw PtxError(f.line, "kernel '" + f.name + "' asks for clusters of " + std::to_string(ctas) +
                               " CTAs; only clusters of one are supported");
}

void Parser::body(Function &f) {
  expect("{");
  scopes.assign(1, {});
  blocks.assign(1, {});
  while (!scopes.empty())
    statement(f);
}

void Parser::statement(Function &f) {
  if (accept("{")) {
    scopes.emplace_back();
    blocks.push_back({f.labels.size(), f.body.size()});
  } else if (accept("}")) {
    closeBlock(f);
    scopes.pop_back();
  } else if (accept(";")) {
  } else if (lexer.peek().kind == Token::Kind::Word && lexer.peek().text[0] == '.') {
    if (!bodyDirective(f))
      fail("unknown directive '" + std::string(lexer.peek().text) + "'");
  } else {
    instruction(f);
  }
}

bool Parser::bodyDirective(Function &f) {
  if (accept(".reg")) {
    registers(f);
  } else if (lexer.peek().is(".shared") || lexer.peek().is(".local")) {
    Space space = take().text == ".shared" ? Space::Shared : Space::Local;
    f.variables.push_back(variable(space, false));
    expect(";");
  } else if (accept(".loc")) {
    integer(), integer(), integer();
    while (accept(",")) { // function_name, inlined_at
      word("an attribute of .loc");
      if (lexer.peek().kind == Token::Kind::Word)
        take();
      if (accept("+"))
        integer();
      while (lexer.peek().kind == Token::Kind::Integer)
        integer();
    }
  } else if (accept(".pragma")) {
    pragma();
  } else {
    return false;
  }
  return true;
}

void Parser::registers(Function &f) {
  std::string typeWord = word("a type");
  Type type = typeNamed(std::string_view(typeWord).substr(1));
  if (type == Type::None || type == Type::B128)
    fail("registers of the type '" + typeWord + "' are not supported");
  auto declare = [&](std::string name) {
    if (f.registers.size() > 1000000)
      fail("too many registers");
    if (!scopes.back().emplace(name, f.registers.size()).second)
      fail("register '" + name + "' is declared twice");
    f.registers.push_back({std::move(name), type});
  };
  do {
    std::string name = word("a register");
    if (!accept("<")) {
      declare(name);
      continue;
    }
    uint64_t count = integer();
    expect(">");
    for (uint64_t i = 0; i < count; ++i)
      declare(name + std::to_string(i));
  } while (accept(","));
  expect(";");
}

/// The labels of an inner block are its own: they get names that no text can have.
void Parser::closeBlock(Function &f) {
  Block block = blocks.back();
  blocks.pop_back();
  if (blocks.empty())
    return;
  for (size_t n = block.firstLabel; n < f.labels.size(); ++n) {
    if (f.labels[n].name.find('#') != std::string::npos)
      continue; // of a block in this one
    std::string unique = f.labels[n].name + "#" + std::to_string(n);
    for (size_t at = block.firstInstruction; at < f.body.size(); ++at)
      for (Operand &o : f.body[at].operands)
        if (o.kind == Operand::Kind::Symbol && o.symbol == f.labels[n].name)
          o.symbol = unique;
    f.labels[n].name = unique;
  }
}

void Parser::label(Function &f, std::string name, unsigned line) {
  for (size_t n = blocks.back().firstLabel; n < f.labels.size(); ++n)
    if (f.labels[n].name == name)
      throw PtxError(line, "label '" + name + "' is defined twice");
  f.labels.push_back({std::move(name), static_cast<unsigned>(f.body.size()), line});
}

void Parser::instruction(Function &f) {
  Instruction i;
  i.line = lexer.peek().line;
  if (accept("@")) {
    i.guardNegated = accept("!");
    i.guard = findRegister(word("a predicate"));
    if (i.guard < 0 || f.registers[i.guard].type != Type::Pred)
      throw PtxError(i.line, "the guard after '@' must be a predicate register");
  }
  i.opcode = word("an instruction");
  if (i.guard < 0 && accept(":"))
    return label(f, i.opcode, i.line);
  while (!accept(";")) {
    i.operands.push_back(operand());
    if (!lexer.peek().is(";"))
      expect(",");
  }
  f.body.push_back(std::move(i));
}

Operand Parser::operand() {
  Operand o;
  if (accept("{")) {
    o.kind = Operand::Kind::Vector;
    do
      o.elements.push_back(operand());
    while (accept(","));
    expect("}");
    return o;
  }
  if (accept("["))
    return memoryOperand();
  bool invert = accept("!"), minus = !invert && accept("-");
  switch (lexer.peek().kind) {
  case Token::Kind::Word:
    o = registerOperand();
    o.negated = invert;
    if (minus)
      fail("a sign is allowed on numbers only");
    return o;
  case Token::Kind::Integer:
    o.kind = Operand::Kind::Integer;
    o.value = lexer.take().value;
    if (minus)
      o.value = -o.value;
    return o;
  case Token::Kind::Float32:
  case Token::Kind::Float64:
    o.kind = Operand::Kind::Float;
    o.isDouble = lexer.peek().kind == Token::Kind::Float64;
    o.value = lexer.take().value;
    if (minus)
      o.value ^= o.isDouble ? uint64_t(1) << 63 : 0x80000000u;
    return o;
  default:
    fail("expected an operand, found '" + std::string(lexer.peek().text) + "'");
  }
}

/// A register, a pair `%r|%p`, a special register, the sink `_`, a variable or a label.
Operand Parser::registerOperand() {
  Operand o;
  std::string name = word("an operand");
  if (name == "_") {
    o.kind = Operand::Kind::Sink;
  } else if (name == "WARP_SZ") {
    o.kind = Operand::Kind::Integer;
    o.value = 32;
  } else if ((o.reg = findRegister(name)) >= 0) {
    o.kind = Operand::Kind::Register;
  } else {
    o.kind = Operand::Kind::Symbol;
    o.symbol = name;
    if (accept("+"))
      o.value = integer();
    return o;
  }
  if (accept("|")) {
    std::string predicate = word("a predicate");
    o.predicate = findRegister(predicate);
    if (o.predicate < 0 && predicate != "_")
      fail("unknown register '" + predicate + "'");
  }
  return o;
}

/// `[%rd1+16]`, `[symbol+4]`, `[symbol]`, `[64]`, `[%rd1, {%r1, %r2}]`.
Operand Parser::memoryOperand() {
  Operand o;
  o.kind = Operand::Kind::Memory;
  if (lexer.peek().kind == Token::Kind::Word) {
    std::string name = word("an address");
    o.reg = findRegister(name);
    if (o.reg < 0)
      o.symbol = name;
    if (accept("+"))
      o.value = integer();
    else if (lexer.peek().is("-"))
      o.value = integer();
  } else {
    o.value = integer();
  }
  if (accept(",")) {
    expect("{");
    do
      o.elements.push_back(operand());
    while (accept(","));
    expect("}");
  }
  expect("]");
  return o;
}

int Parser::findRegister(const std::string &name) const {
  for (size_t i = scopes.size(); i-- > 0;)
    if (auto found = scopes[i].find(name); found != scopes[i].end())
      return found->second;
  return -1;
}

} // namespace gqa::emulator
