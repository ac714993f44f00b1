// How an opcode with its suffixes is found in the table of instructions.
#pragma once
#include "Execute/Kernel.h"
#include "Needs.h"

#include <string>
#include <string_view>
#include <vector>

namespace gqa::emulator {

struct Match;
/// Chooses the handler for a form, given the suffixes; may set fields of the instruction. Null: no such
/// combination.
using Bind = Handler (*)(Match &);

/// One row of the table.
///
/// `pattern`: the mnemonic and its suffixes in order, without dots. `a|b` is one of, `[a|b]` one of or none;
/// `#` in a word stands for a number.
///
/// `operands`: one token for each operand. The first letter says what it is: D result, S source (register,
/// literal or address of a variable), U a source that becomes the result (accumulators of wgmma; read if the
/// next predicate holds), Q result predicate, P source predicate, M memory, T memory with as many coordinates
/// as the suffix 1d to 5d says, L label, I literal, X a result with an optional predicate (`%r|%p`), E one
/// with a predicate, R a predicate with an optional second one, _ nothing but `_`. The second says what its
/// register is: t of the first type of the opcode, u of the second, v of the third, w an integer twice as
/// wide as the first, f an f32, 2, 4 or 8 an integer of so many bytes, with b behind it anything; `+` allows
/// wider ones up to 32 bits, `*` up to 64. `xN` asks for a vector of N, `xV` for as many as the suffix v2 or
/// v4 says, `xA` for the accumulators of a wgmma. `_` may stand for a result with a `_`; `?` may be left out.
struct Form {
  std::string_view pattern;
  std::string_view operands;
  Class pipe;
  Bind bind;
  Needs needs = {};
};

struct Match {
  const Form *form = nullptr;
  Insn *insn = nullptr;
  unsigned line = 0;
  std::vector<std::string_view> suffixes; ///< those that are there, in order
  std::vector<Type> types;                ///< those of them that name types

  bool has(std::string_view suffix) const {
    for (std::string_view s : suffixes)
      if (s == suffix)
        return true;
    return false;
  }
  Type type(unsigned n = 0) const { return n < types.size() ? types[n] : Type::None; }
};

/// The forms of an opcode, which differ in their operands. \throws PtxError naming the opcode and what is
/// known of its mnemonic, if there is none.
std::vector<Match> matchOpcode(std::string_view opcode, unsigned line);

/// The table.
const std::vector<Form> &instructionTable();

} // namespace gqa::emulator
