// wgmma: products that four warps ask for together and that run beside them.
//
// The n-th wgmma of each of the four warps is the same product. It may run when all four have issued it, and
// has run when one of them has waited for it. Its sums are kept apart from the registers until then: a warp
// gets its 16 rows when it has waited for all products that add to them.
#pragma once
#include "Kernel.h"
#include "WgmmaOperand.h"

#include <array>
#include <deque>
#include <memory>

namespace gqa::emulator {

class Cta;
class Warp;

class Warpgroup {
public:
  explicit Warpgroup(Cta &cta) : cta(cta) {}

  void fence(Warp &w);
  void issue(Warp &w, const Insn &insn);
  void commit(Warp &w);
  /// Waits for all but the newest groups. \returns false if other warps must issue their part first.
  bool wait(Warp &w, uint32_t pending);

  /// An instruction other than wgmma reads or writes registers that wgmma uses somewhere.
  void touch(Warp &w, const Tracking &t, uint32_t mask);
  /// Under Completion::Random.
  void moveSome();
  void exit(Warp &w) const;

private:
  /// Of a register: used by products in flight, or by other instructions since a fence.
  enum : uint8_t { kSum = 1, kFragment = 2, kTouched = 4 };
  static constexpr unsigned kWarps = 4, kRows = 16, kMostK = 32;

  struct Sums {
    unsigned columns;
    std::vector<float> values;   ///< [64][columns]
    uint32_t users[kWarps] = {}; ///< products that a warp has issued and not waited for
  };
  struct Product {
    const Insn *insn;
    uint64_t a, b; ///< descriptors
    bool accumulates;
    uint8_t issued = 0, waited = 0; ///< by which warps
    bool done = false;
    uint32_t stamp = 0;
    std::shared_ptr<Sums> sums;
    std::vector<uint32_t> rowsA, rowsB;                   ///< in shared memory
    std::array<std::byte, kWarps * kRows * 32> fragments; ///< A from registers
  };
  /// What one of the four warps has done.
  struct Member {
    uint64_t issued = 0, waited = 0; ///< products, counted from the first
    std::vector<uint64_t> groups;    ///< products issued when each was committed
    std::vector<uint8_t> state;      ///< of the registers that wgmma uses
    std::vector<uint8_t> reads;      ///< products in flight that read a register as A
    bool fenced = false;
  };

  Member &member(Warp &w);
  uint64_t descriptorOf(Warp &w, uint32_t op) const;
  Product &productOf(Warp &w, const Insn &insn, Member &m);
  void checkLiterals(Warp &w, const Insn &insn) const;
  void checkRegisters(Warp &w, const Insn &insn, Member &m, const Product &p);
  void attachSums(Warp &w, const Insn &insn, Member &m, Product &p);
  void collect(Warp &w, const Insn &insn, Sums &sums);
  void takeFragments(Warp &w, const Insn &insn, Product &p);
  void readShared(Warp &w, Product &p, bool first);
  void finishFor(Warp &w, Member &m, Product &p);
  void deliver(Warp &w, const Product &p);
  void run(Product &last);
  void multiplyProduct(Product &p, float *a, float *b, unsigned k, unsigned n);

  Cta &cta;
  std::deque<Product> products;
  uint64_t first = 0; ///< number of the first of them
  Member members[kWarps];
};

/// Bits of Insn::extra of a wgmma.
struct WgmmaShape {
  unsigned columns; ///< N
  Format a, b;
  bool shortSums;     ///< f16 accumulators
  bool fromRegisters; ///< A
  uint32_t pack() const {
    return columns | uint32_t(a) << 10 | uint32_t(b) << 12 | uint32_t(shortSums) << 14 |
           uint32_t(fromRegisters) << 15;
  }
  static WgmmaShape unpack(uint32_t bits) {
    return {bits & 0x3FF, Format(bits >> 10 & 3), Format(bits >> 12 & 3), bool(bits >> 14 & 1),
            bool(bits >> 15 & 1)};
  }
  unsigned registers() const { return shortSums ? columns / 4 : columns / 2; }
};

} // namespace gqa::emulator
