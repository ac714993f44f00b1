#include "Product.h"

#include "Execute/Numbers.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace gqa::emulator::blas {
namespace {

/// Where operand `name` has its bytes in matrix `i` of the batch.
uint64_t placeOf(const Operand &x, uint64_t base, int64_t i) {
  return base + static_cast<uint64_t>(i * x.stride * int64_t(x.elementBytes()));
}

std::string hex(uint64_t address) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

/// All columns of a matrix lie in one live allocation and, if they are read, have been written.
void checkMatrix(const char *name, const Operand &x, uint64_t at, bool read, DeviceMemory &memory) {
  uint64_t bytes = static_cast<uint64_t>(x.span()) * x.elementBytes();
  std::optional<Allocation> found = memory.find(at);
  std::string where = std::string(name) + " at " + hex(at) + " of " + std::to_string(bytes) + " bytes";
  if (found && found->freed)
    throw Fault(FaultKind::UseAfterFree, where + " lies in freed memory");
  if (!found || !found->contains(at, bytes))
    throw Fault(FaultKind::OutOfBounds,
                where + (found
                             ? " ends behind its allocation of " + std::to_string(found->end - found->begin) +
                                   " bytes, of which it begins at " + std::to_string(at - found->begin)
                             : " is not in device memory"));
  size_t column = static_cast<size_t>(x.rows) * x.elementBytes();
  for (int64_t j = 0; read && j < x.columns; ++j) {
    uint64_t from = at + static_cast<uint64_t>(j * x.leading) * x.elementBytes();
    const uint8_t *states = memory.state(from);
    const uint8_t *unwritten = std::find(states, states + column, DeviceMemory::kUnwritten);
    if (unwritten != states + column)
      throw Fault(FaultKind::UninitialisedMemory,
                  where + ": nobody has written byte " +
                      std::to_string(from - at + uint64_t(unwritten - states)));
  }
}

bool overlap(uint64_t a, uint64_t aBytes, uint64_t b, uint64_t bBytes) {
  return a < b + bBytes && b < a + aBytes;
}

/// The result is nobody else's memory, except C's if the two are the same.
void checkOverlap(const Form &f, const Places &p, int64_t i, int64_t j) {
  auto bytes = [](const Operand &x) { return static_cast<uint64_t>(x.span()) * x.elementBytes(); };
  uint64_t d = placeOf(f.d, p.d, i);
  auto check = [&](const char *name, const Operand &x, uint64_t base) {
    if (overlap(d, bytes(f.d), placeOf(x, base, j), bytes(x)))
      throw Fault(FaultKind::Race, std::string("D and ") + name + " share memory");
  };
  check("A", f.a, p.a);
  check("B", f.b, p.b);
  if (p.c != p.d && p.beta != 0)
    check("C", f.c, p.c);
  if (p.workspaceBytes && overlap(d, bytes(f.d), p.workspace, p.workspaceBytes))
    throw Fault(FaultKind::Race, "D and the workspace share memory");
}

void checkWorkspace(const Places &p, DeviceMemory &memory) {
  if (!p.workspaceBytes)
    return;
  std::optional<Allocation> found = memory.find(p.workspace);
  if (!found || found->freed || !found->contains(p.workspace, p.workspaceBytes))
    throw Fault(found && found->freed ? FaultKind::UseAfterFree : FaultKind::OutOfBounds,
                "the workspace at " + hex(p.workspace) + " of " + std::to_string(p.workspaceBytes) +
                    " bytes is not in live memory of the device");
  // What was there is lost, and what is there now is no number.
  std::memset(memory.host(p.workspace), 0xFF, p.workspaceBytes);
  std::memset(memory.state(p.workspace), DeviceMemory::kUnwritten, p.workspaceBytes);
}

template <class T> auto valueOf(T x) { return toFloat(x); }
inline double valueOf(double x) { return x; }
template <class T, class S> T rounded(S x) {
  if constexpr (std::is_same_v<T, double>)
    return x;
  else if constexpr (std::is_same_v<T, float>)
    return static_cast<float>(x);
  else
    return narrow<T>(x);
}

/// op(x) as sums of type S take it, one column after the other.
template <class T, class S>
std::vector<S> load(const Operand &x, bool transposed, uint64_t at, DeviceMemory &memory) {
  const T *from = reinterpret_cast<const T *>(memory.host(at));
  std::vector<S> values(static_cast<size_t>(x.rows * x.columns));
  for (int64_t j = 0; j < x.columns; ++j)
    for (int64_t i = 0; i < x.rows; ++i)
      values[static_cast<size_t>(transposed ? i * x.columns + j : j * x.rows + i)] =
          valueOf(from[j * x.leading + i]);
  return values;
}

template <class In, class Out, class S>
void multiplyOne(const Form &f, const Places &p, int64_t batch, DeviceMemory &memory) {
  std::vector<S> a = load<In, S>(f.a, f.transposeA, placeOf(f.a, p.a, batch), memory);
  std::vector<S> b = load<In, S>(f.b, f.transposeB, placeOf(f.b, p.b, batch), memory);
  const Out *c = reinterpret_cast<const Out *>(memory.host(placeOf(f.c, p.c, batch)));
  uint64_t at = placeOf(f.d, p.d, batch);
  constexpr int64_t kPart = 64; // of a sum
  std::vector<S> sums(static_cast<size_t>(f.m));
  for (int64_t j = 0; j < f.n; ++j) {
    std::fill(sums.begin(), sums.end(), S(0));
    for (int64_t l = 0; l < f.k; ++l) {
      const S *column = a.data() + l * f.m, factor = b[static_cast<size_t>(j * f.k + l)];
      for (size_t i = 0; i < sums.size(); ++i)
        sums[i] += column[i] * factor;
      if (p.roundsParts && l % kPart == kPart - 1)
        for (S &sum : sums)
          sum = S(valueOf(rounded<Out>(sum)));
    }
    Out *d = reinterpret_cast<Out *>(memory.host(at)) + j * f.d.leading;
    for (int64_t i = 0; i < f.m; ++i) {
      S value = S(p.alpha) * sums[static_cast<size_t>(i)];
      if (p.beta != 0)
        value += S(p.beta) * S(valueOf(c[j * f.c.leading + i]));
      d[i] = rounded<Out>(value);
    }
    std::memset(memory.state(at + static_cast<uint64_t>(j * f.d.leading) * sizeof(Out)),
                DeviceMemory::kWritten, static_cast<size_t>(f.m) * sizeof(Out));
  }
}

void dispatch(const Form &f, const Places &p, int64_t batch, DeviceMemory &memory) {
  bool wide = f.d.type == CUDA_R_32F;
  switch (f.a.type) {
  case CUDA_R_64F:
    return multiplyOne<double, double, double>(f, p, batch, memory);
  case CUDA_R_32F:
    return multiplyOne<float, float, double>(f, p, batch, memory);
  case CUDA_R_16F:
    return wide ? multiplyOne<F16, float, float>(f, p, batch, memory)
                : multiplyOne<F16, F16, float>(f, p, batch, memory);
  case CUDA_R_16BF:
    return wide ? multiplyOne<BF16, float, float>(f, p, batch, memory)
                : multiplyOne<BF16, BF16, float>(f, p, batch, memory);
  }
}

} // namespace

std::optional<Fault> multiply(const Form &f, const Places &p, DeviceMemory &memory) {
  try {
    for (int64_t i = 0; i < f.batch; ++i) {
      checkMatrix("A", f.a, placeOf(f.a, p.a, i), true, memory);
      checkMatrix("B", f.b, placeOf(f.b, p.b, i), true, memory);
      if (p.beta != 0)
        checkMatrix("C", f.c, placeOf(f.c, p.c, i), true, memory);
      checkMatrix("D", f.d, placeOf(f.d, p.d, i), false, memory);
      for (int64_t j = 0; j < f.batch; ++j)
        checkOverlap(f, p, i, j);
    }
    checkWorkspace(p, memory);
    for (int64_t i = 0; i < f.batch; ++i)
      dispatch(f, p, i, memory);
    return std::nullopt;
  } catch (const Fault &fault) {
    return fault;
  }
}

} // namespace gqa::emulator::blas
