#include "Decoder.h"

#include "Execute/Bind.h"
#include "Flow.h"
#include "Layout.h"
#include "Match.h"
#include "Operands.h"
#include "Registers.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

/// One instruction on its way: which form it has, and its operands before registers have places.
struct Pending {
  Insn insn;
  Match match;
  std::vector<Slot> slots;
};

bool usesAsync(std::string_view pattern);

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
  void checkTarget(const Form &form, const Instruction &i) const;
  void finish();
  void connect(const Flow &flow);
  void track(const Flow &flow);
  void emit(const RegisterFile &file);
  std::vector<Effects> effects() const;
  bool readsSums(const Pending &wgmma) const;
  void trackAsync(const Flow &flow);
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

void Decoder::checkTarget(const Form &form, const Instruction &i) const {
  bool has = form.needs == Needs::Anything || (form.needs == Needs::Sm90 && module.sm >= 90) ||
             module.target == "sm_90a";
  if (!has)
    throw PtxError(i.line, "'" + i.opcode + "' needs .target " +
                               (form.needs == Needs::Sm90 ? "sm_90" : "sm_90a") + ", found " + module.target);
}

bool usesAsync(std::string_view pattern) {
  for (std::string_view start : {"mbarrier ", "cp async bulk ", "wgmma ", "setmaxnreg "})
    if (pattern.starts_with(start))
      return true;
  return false;
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
    OperandReader reader(f, i, p.match, p.insn, labels, symbol);
    std::string error = reader.read(p.slots);
    if (error.empty()) {
      checkTarget(*form.form, i);
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

bool isPredicate(const Slot &s) {
  return s.kind == Slot::Kind::Truth || (s.kind == Slot::Kind::Register && s.isPredicate);
}
bool isWgmma(const Pending &p) { return p.match.form->pattern.starts_with("wgmma mma_async"); }

bool isExit(const Pending &p) {
  std::string_view pattern = p.match.form->pattern;
  return pattern.starts_with("ret") || pattern == "exit";
}
bool isBranch(const Pending &p) { return p.match.form->pattern.starts_with("bra"); }

/// The predicate behind the accumulators of a wgmma says whether they are read. Compilers often set it to a
/// constant right before, so that the accumulators need no value.
bool Decoder::readsSums(const Pending &wgmma) const {
  const Slot &scale = *std::find_if(wgmma.slots.begin(), wgmma.slots.end(), isPredicate);
  if (scale.kind == Slot::Kind::Truth)
    return scale.bits != 0;
  const Pending *setter = nullptr;
  for (const Pending &p : code)
    for (const Slot &s : p.slots)
      if (s.kind == Slot::Kind::Register && s.defines && s.reg == scale.reg) {
        if (setter)
          return true; // set more than once
        setter = &p;
      }
  bool constant = setter && setter->insn.guard == kNone && setter->slots.size() == 4 &&
                  setter->slots[2].kind == Slot::Kind::Constant &&
                  setter->slots[3].kind == Slot::Kind::Constant;
  if (!constant || !(setter->match.has("eq") || setter->match.has("ne")) || setter->match.types.size() != 1)
    return true;
  bool equal = setter->slots[2].bits == setter->slots[3].bits;
  return (equal == setter->match.has("eq")) != scale.negated;
}

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
    bool reads = isWgmma(p) && readsSums(p);
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
  track(flow);
  trackAsync(flow);
  emit(file);
  std::copy_n(f.maxThreads, 3, kernel.maxThreads.begin());
  std::copy_n(f.requiredThreads, 3, kernel.requiredThreads.begin());
  kernel.minBlocks = f.minBlocks;
  kernel.maxRegisters = f.maxRegisters;
  kernel.ptxVersion = module.ptxMajor * 10 + module.ptxMinor;
  kernel.sm = module.sm;
}

void Decoder::connect(const Flow &flow) {
  for (uint32_t at = 0; at < code.size(); ++at)
    if (isBranch(code[at]))
      code[at].insn.join = flow.join(at);
}

/// Registers that may be read before they are written carry a mask of defined lanes; so do the targets of
/// moves from them, since undefined values may be moved about.
void Decoder::track(const Flow &flow) {
  std::vector<bool> tracked = flow.undefinedAtEntry();
  auto moves = [](const Pending &p) {
    std::string_view pattern = p.match.form->pattern;
    return pattern.starts_with("mov ") && p.slots.size() == 2 && p.slots[1].kind == Slot::Kind::Register;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const Pending &p : code)
      if (moves(p) && tracked[p.slots[1].reg] && !tracked[p.slots[0].reg])
        changed = tracked[p.slots[0].reg] = true;
  }
  std::vector<uint32_t> index(tracked.size());
  for (size_t r = 0; r < tracked.size(); ++r)
    if (tracked[r])
      index[r] = kernel.trackedRegisters++;
  if (!kernel.trackedRegisters)
    return;
  for (Pending &p : code) {
    Tracking t;
    bool copy = moves(p) && tracked[p.slots[1].reg];
    if (copy)
      t.copies.push_back({index[p.slots[1].reg], index[p.slots[0].reg]});
    if (p.insn.guard != kNone && tracked[p.insn.guard & ~kNegated]) {
      t.guard = index[p.insn.guard & ~kNegated];
      t.guardRegister = p.insn.guard & ~kNegated;
    }
    for (const Slot &s : p.slots)
      if (s.kind == Slot::Kind::Register && tracked[s.reg] && !copy) {
        if (s.defines)
          t.writes.push_back(index[s.reg]);
        else
          t.reads.push_back({index[s.reg], s.reg});
        if (s.updates)
          t.sums.push_back({index[s.reg], s.reg});
      }
    if (!t.sums.empty())
      t.scale = std::find_if(p.slots.begin(), p.slots.end(), isPredicate) - p.slots.begin();
    if (t.guard < 0 && t.reads.empty() && t.writes.empty() && t.copies.empty())
      continue;
    if (kernel.tracked.size() == 0xFFFF)
      throw PtxError(p.insn.line, "too many uses of registers that may be undefined");
    kernel.tracked.push_back(std::move(t));
    p.insn.tracked = kernel.tracked.size();
  }
}

/// Registers of wgmma carry what is in flight: every instruction that uses one of them says so.
void Decoder::trackAsync(const Flow &flow) {
  std::vector<uint32_t> index(f.registers.size(), kNone);
  auto isOperand = [](const Slot &s) { return s.kind == Slot::Kind::Register && !s.isPredicate && !s.wide; };
  for (const Pending &p : code)
    if (isWgmma(p))
      for (const Slot &s : p.slots)
        if (isOperand(s) && index[s.reg] == kNone) {
          index[s.reg] = kernel.asyncRegisters.size();
          Flow::Range range = flow.ranges()[s.reg];
          if (flow.undefinedAtEntry()[s.reg])
            range = {0, ~0u};
          kernel.asyncRegisters.push_back({s.reg, range.first, range.last});
        }
  if (kernel.asyncRegisters.empty())
    return;
  for (Pending &p : code) {
    Tracking t = p.insn.tracked ? kernel.tracked[p.insn.tracked - 1] : Tracking();
    for (const Slot &s : p.slots)
      if (isOperand(s) && index[s.reg] != kNone)
        (!isWgmma(p) ? t.touches : s.updates ? t.accumulators : t.fragments).push_back(index[s.reg]);
    if (t.touches.empty() && t.accumulators.empty())
      continue;
    if (!p.insn.tracked) {
      if (kernel.tracked.size() == 0xFFFF)
        throw PtxError(p.insn.line, "too many uses of registers that wgmma uses, too");
      kernel.tracked.emplace_back();
      p.insn.tracked = kernel.tracked.size();
    }
    kernel.tracked[p.insn.tracked - 1] = std::move(t);
  }
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
