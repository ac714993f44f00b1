// Reads the operands of one instruction by the tokens of its form.
#pragma once
#include "Match.h"

#include <functional>
#include <map>
#include <optional>

namespace gqa::emulator {

/// An operand before registers have places.
struct Slot {
  enum class Kind : uint8_t {
    Register,
    Constant,
    Truth,
    Special,
    Sink,
    Nothing
  }; ///< Truth: a literal predicate
  Kind kind = Kind::Nothing;
  bool isPredicate = false, defines = false, updates = false, negated = false, wide = false;
  int reg = -1;
  uint64_t bits = 0;
  std::string special;
};

class OperandReader {
public:
  /// The address of a variable by its name.
  using Symbol = std::function<std::optional<uint64_t>(const std::string &)>;
  using Labels = std::map<std::string, uint32_t>;

  OperandReader(const Module &module, const Function &f, const Instruction &i, const Match &match, Insn &insn,
                const Labels &labels, const Symbol &symbol)
      : module(module), f(f), i(i), match(match), insn(insn), labels(labels), symbol(symbol) {}

  /// \returns what does not fit, empty if all does. \throws PtxError for what no form would accept.
  std::string read(std::vector<Slot> &slots);

  bool readsClock = false; ///< %clock and its kin, which change while the kernel runs

private:
  struct Token;
  std::string operand(const Token &token, const Operand &o, std::vector<Slot> &slots);
  std::string value(const Token &token, const Operand &o, std::vector<Slot> &slots);
  std::string predicate(const Operand &o, bool defines, std::vector<Slot> &slots);
  std::string memory(const Operand &o, std::vector<Slot> &slots);
  std::string literal(const Token &token, const Operand &o, Slot &slot);
  std::string special(const Token &token, const std::string &name, Slot &slot);
  bool hasShortAddresses() const;
  Token parse(std::string_view text) const;
  unsigned accumulators() const;

  const Module &module;
  const Function &f;
  const Instruction &i;
  const Match &match;
  Insn &insn;
  const Labels &labels;
  const Symbol &symbol;
  unsigned memories = 0, values = 0;
};

} // namespace gqa::emulator
