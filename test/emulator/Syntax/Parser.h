// Recursive descent over PTX text. Parser.cpp reads modules and variables, FunctionParser.cpp what is inside
// functions.
#pragma once
#include "Lexer.h"
#include "Module.h"

#include <unordered_map>

namespace gqa::emulator {

class Parser {
public:
  explicit Parser(std::string_view text) : lexer(text) {}
  Module module();

private:
  using Scope = std::unordered_map<std::string, int>;

  void header();
  void moduleItem();
  void pragma();
  void section();
  Variable variable(Space space, bool isExtern);
  void pointee();
  void initialiser(Variable &variable);

  void function(bool isEntry);
  void parameters(std::vector<Variable> &params);
  bool functionDirective(Function &f);
  void cluster(Function &f);
  void body(Function &f);
  void closeBlock(Function &f);
  void statement(Function &f);
  bool bodyDirective(Function &f);
  void registers(Function &f);
  void label(Function &f, std::string name, unsigned line);
  void instruction(Function &f);
  Operand operand();
  Operand registerOperand();
  Operand memoryOperand();
  int findRegister(const std::string &name) const;

  Token take();
  bool accept(std::string_view spelling);
  void expect(std::string_view spelling);
  std::string word(const char *what);
  uint64_t integer();
  /// All of `digits` but perhaps one letter behind them, as in sm_90a.
  unsigned decimal(std::string_view digits, const char *what) const;
  [[noreturn]] void fail(const std::string &message) const;

  Lexer lexer;
  Module result;
  std::vector<Scope> scopes; ///< registers by name, innermost last
  struct Block {
    size_t firstLabel = 0, firstInstruction = 0;
  };
  std::vector<Block> blocks; ///< those that are open, innermost last
};

} // namespace gqa::emulator
