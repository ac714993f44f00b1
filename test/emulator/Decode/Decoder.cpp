#include "Decoder.h"

#include "Execute/Bind.h"
#include "Flow.h"
#include "Layout.h"
#include "Match.h"
#include "Registers.h"
#include "Tracking.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

/// Whether a CTA needs what only mbarriers, bulk copies, wgmma and setmaxnreg use.
bool usesAsync(std::string_view pattern) {
  for (std::string_view start : {"mbarrier ", "cp async bulk ", "wgmma ", "setmaxnreg "})
    if (pattern.starts_with(start))
      return true;
  return false;
}

class Decoder {
public:
  Decoder(const Module &module, const Function &f, const Symbols &symbols)
      : module(module), f(f), symbols(symbols) {}

  Kernel decode() {
    kernel.name = f.name;
    kernel.registers = f.registers;
    local = layOut(module, f, kernel);
    for (const Label &label : f.labels)
      labels[label.name] = label.target;
    for (const Instruction &i : f.body)
      instruction(i);
    finish();
    return std::move(kernel);
  }

private:
  void instruction(const Instruction &i);
  void finish();
  void connect(const Flow &flow);
  void emit(const RegisterFile &file);
  std::vector<Effects> effects() const;
  std::optional<uint64_t> address(const std::string &name) const;

  const Module &module;
  const Function &f;
  const Symbols &symbols;
  Kernel kernel;
  Symbols local; ///< addresses of shared and local variables and parameters
  OperandReader::Labels labels;
  std::map<std::string, std::vector<Match>> known; ///< by opcode
  std::vector<Pending> code;
};

std::optional<uint64_t> Decoder::address(const std::string &name) const {
  for (const Symbols *names : {&local, &symbols})
    if (auto at = names->find(name); at != names->end())
      return at->second;
  return std::nullopt;
}

void Decoder::instruction(const Instruction &i) {
  OperandReader::Symbol symbol = [this](const std::string &name) { return address(name); };
  auto found = known.find(i.opcode);
  if (found == known.end())
    found = known.emplace(i.opcode, matchOpcode(i.opcode, i.line)).first;
  std::string why;
  for (const Match &form : found->second) {
    Pending p;
    p.match = form;
    p.match.insn = &p.insn;
    p.match.line = p.insn.line = i.line;
    p.insn.pipe = form.form->pipe;
    OperandReader reader(module, f, i, p.match, p.insn, labels, symbol);
    std::string error = reader.read(p.slots);
    if (error.empty()) {
      check(form.form->needs, module, i.opcode, i.line);
      checkSuffixes(form.suffixes, module, i.opcode, i.line);
      kernel.usesAsync |= usesAsync(form.form->pattern);
      p.insn.run = form.form->bind(p.match);
      if (!p.insn.run)
        throw PtxError(i.line, "'" + i.opcode + "' has a combination of suffixes that is not supported");
      if (reader.readsClock)
        p.insn.run = bind::clock(p.match);
      if (i.guard >= 0)
        p.insn.guard = static_cast<uint32_t>(i.guard) | (i.guardNegated ? kNegated : 0);
      code.push_back(std::move(p));
      return;
    }
    why = why.empty() ? error : why;
  }
  throw PtxError(i.line, "'" + i.opcode + "': " + why);
}

bool isExit(const Pending &p) {
  std::string_view pattern = p.match.form->pattern;
  return pattern.starts_with("ret") || pattern == "exit";
}
bool isBranch(const Pending &p) { return p.match.form->pattern.starts_with("bra"); }

std::vector<Effects> Decoder::effects() const {
  std::vector<Effects> all;
  for (const Pending &p : code) {
    Effects e;
    e.isBranch = isBranch(p);
    e.isExit = isExit(p);
    e.isGuarded = p.insn.guard != kNone;
    e.target = p.insn.target;
    if (e.isGuarded)
      e.uses.push_back(p.insn.guard & ~kNegated);
    bool reads = isWgmma(p) && readsSums(p, code);
    for (const Slot &s : p.slots) {
      if (s.kind != Slot::Kind::Register)
        continue;
      if (s.defines)
        e.defines.push_back(s.reg);
      if (s.updates ? reads
                    : !s.defines || e.isGuarded) // a guarded definition leaves some lanes as they were
        e.uses.push_back(s.reg);
    }
    all.push_back(std::move(e));
  }
  return all;
}

void Decoder::finish() {
  if (code.empty() || !isExit(code.back()) || code.back().insn.guard != kNone ||
      std::any_of(f.labels.begin(), f.labels.end(),
                  [&](const Label &l) { return l.target == code.size(); })) {
    Instruction end;
    end.line = code.empty() ? f.line : code.back().insn.line;
    end.opcode = "ret";
    instruction(end);
  }
  // A branch to an exit is an exit: its lanes need not wait for those that go on.
  for (Pending &p : code)
    if (isBranch(p) && isExit(code[p.insn.target]) && code[p.insn.target].insn.guard == kNone) {
      p.match = code[p.insn.target].match;
      p.insn.run = code[p.insn.target].insn.run;
    }
  Flow flow(effects(), f.registers.size());
  RegisterFile file(f.registers, flow);
  connect(flow);
  trackUndefined(code, flow, kernel);
  trackWgmma(code, flow, kernel);
  emit(file);
  std::copy_n(f.maxThreads, 3, kernel.maxThreads.begin());
  std::copy_n(f.requiredThreads, 3, kernel.requiredThreads.begin());
  kernel.minBlocks = f.minBlocks;
  kernel.maxRegisters = f.maxRegisters;
  kernel.ptxVersion = module.version;
  kernel.sm = module.sm;
}

void Decoder::connect(const Flow &flow) {
  for (uint32_t at = 0; at < code.size(); ++at)
    if (isBranch(code[at]))
      code[at].insn.join = flow.join(at);
}

/// Gives every operand its final form: an offset into registers or constants, or a predicate.
class Places {
public:
  Places(Kernel &kernel, const RegisterFile &file) : kernel(kernel), file(file), sink(file.bytes()) {
    kernel.registerBytes = sink + kSlot;
  }

  uint32_t of(const Slot &s) {
    switch (s.kind) {
    case Slot::Kind::Register:
      return file.place(s.reg) | (s.negated ? kNegated : 0);
    case Slot::Kind::Constant:
      return constant(s.wide, s.bits);
    case Slot::Kind::Special:
      return special(s.special);
    case Slot::Kind::Sink:
      return sink;
    case Slot::Kind::Truth: // the predicate behind the last one is never written and stays false
      return file.predicates() | (s.bits ? kNegated : 0);
    case Slot::Kind::Nothing:
      break;
    }
    return kNone;
  }

private:
  static constexpr uint32_t kSlot = kLanes * 8;

  uint32_t constant(bool wide, uint64_t bits) {
    auto [at, isNew] = constants.emplace(std::pair{wide, bits}, kernel.constants.size());
    auto *bytes = reinterpret_cast<std::byte *>(&bits);
    for (unsigned lane = 0; isNew && lane < kLanes; ++lane)
      kernel.constants.insert(kernel.constants.end(), bytes, bytes + (wide ? 8 : 4));
    return at->second | kConstant;
  }
  uint32_t special(const std::string &name) {
    auto [at, isNew] = specials.emplace(name, kernel.registerBytes);
    if (isNew) {
      kernel.specials.push_back({kernel.registerBytes, name});
      kernel.registerBytes += kSlot;
    }
    return at->second;
  }

  Kernel &kernel;
  const RegisterFile &file;
  const uint32_t sink;                                     ///< written, never read
  std::map<std::pair<bool, uint64_t>, uint32_t> constants; ///< by width and bits
  std::map<std::string, uint32_t> specials;
};

void Decoder::emit(const RegisterFile &file) {
  Places places(kernel, file);
  for (Pending &p : code) {
    for (const Slot &s : p.slots)
      kernel.operands.push_back(places.of(s));
    if (p.insn.guard != kNone)
      p.insn.guard = file.place(p.insn.guard & ~kNegated) | (p.insn.guard & kNegated);
    kernel.code.push_back(p.insn);
  }
  const uint32_t *operands = kernel.operands.data();
  for (size_t n = 0; n < code.size(); operands += code[n++].slots.size())
    kernel.code[n].op = operands;
  kernel.predicates = file.predicates() + 1;
  kernel.liveRegisters = file.registers();
}

} // namespace

Kernel decode(const Module &module, const Function &function, const Symbols &symbols) {
  return Decoder(module, function, symbols).decode();
}

} // namespace gqa::emulator
