// A PTX module as written: what the parser found, with names resolved no further than registers.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gqa::emulator {

/// An error in PTX text, in the form of ptxas: `line 12: message`.
struct PtxError : std::runtime_error {
  PtxError(unsigned line, const std::string &message)
      : std::runtime_error("line " + std::to_string(line) + ": " + message), line(line) {}
  unsigned line;
};

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  U8,
  S8,
  B16,
  U16,
  S16,
  F16,
  BF16,
  B32,
  U32,
  S32,
  F32,
  F16X2,
  BF16X2,
  TF32,
  B64,
  U64,
  S64,
  F64,
  B128
};
/// The type named by a suffix without its dot (`f32`), or None.
Type typeNamed(std::string_view name);
/// Bytes of one value; a predicate has none.
unsigned sizeOf(Type type);

enum class Space : uint8_t { Generic, Param, Const, Global, Local, Shared, SharedCluster };

struct Operand {
  enum class Kind : uint8_t { Register, Integer, Float, Symbol, Vector, Memory, Sink };
  Kind kind = Kind::Sink;
  bool negated = false;          ///< `!%p` or `-%r`
  bool isDouble = false;         ///< Float: `value` holds the bits of an f64, else of an f32.
  int reg = -1;                  ///< Register; base of Memory, or -1
  int predicate = -1;            ///< second half of `%r1|%p1`
  uint64_t value = 0;            ///< bits of a literal; offset of Memory
  std::string symbol;            ///< variable, label, special register; base of Memory if `reg` is -1
  std::vector<Operand> elements; ///< of a vector; coordinates behind an address
};

struct Instruction {
  unsigned line = 0;
  std::string opcode; ///< with all its suffixes
  int guard = -1;     ///< predicate register of `@%p`, or -1
  bool guardNegated = false;
  std::vector<Operand> operands;
};

struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type = Type::B8;
  uint64_t size = 0; ///< bytes; 0 for an array without a bound (dynamic shared memory)
  unsigned align = 1;
  unsigned line = 0;
  bool isExtern = false;
  bool isUnbounded = false;
  std::vector<uint8_t> initial; ///< empty, or `size` bytes
  struct Address {
    uint64_t at; ///< byte of `initial` where the 64-bit address goes
    std::string symbol;
    int64_t addend;
  };
  std::vector<Address> addresses;
};

struct Register {
  std::string name;
  Type type = Type::None;
};

struct Label {
  std::string name;
  unsigned target; ///< index of the next instruction
  unsigned line;
};

struct Function {
  std::string name;
  unsigned line = 0;
  bool isEntry = false;
  std::vector<Variable> params;
  std::vector<Register> registers;
  std::vector<Variable> variables; ///< shared, local and global variables declared inside
  std::vector<Instruction> body;
  std::vector<Label> labels;
  unsigned maxThreads[3] = {0, 0, 0};      ///< .maxntid; 0: not given
  unsigned requiredThreads[3] = {0, 0, 0}; ///< .reqntid; 0: not given
  unsigned minBlocks = 0;                  ///< .minnctapersm
  unsigned maxRegisters = 0;               ///< .maxnreg
};

struct Module {
  unsigned version = 0; ///< 78 of `.version 7.8`
  unsigned sm = 0;      ///< 80 of `sm_80`
  std::string target;
  std::vector<Variable> variables;
  std::vector<Function> functions;
};

/// Parses PTX text. \throws PtxError at the first thing that is not understood.
Module parseModule(std::string_view text);

} // namespace gqa::emulator
