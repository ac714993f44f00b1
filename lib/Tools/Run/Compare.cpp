#include "Compare.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

namespace gqa::run {
namespace {

double defaultTolerance(DLDataType type) {
  if (type.code == kDLBfloat)
    return 4e-2;
  if (type.code != kDLFloat)
    return 0;
  return type.bits == 16 ? 5e-3 : 1e-4;
}

struct Difference {
  double error = 0, largest = 0;
  int64_t worst = 0; ///< where the error is
  int64_t exceptional =
      -1; ///< the first place where one side is NaN or infinite and the other is not the same
};

/// How far two elements are apart; integers exactly, of which a double cannot hold all.
double distance(const Array &result, const Array &want, int64_t index) {
  auto isInteger = [](const Array &array) {
    return (array.type.dtype.code == kDLInt || array.type.dtype.code == kDLUInt) &&
           array.type.dtype.bits == 64;
  };
  auto wide = [index](const Array &array) {
    uint64_t bits;
    std::memcpy(&bits, array.raw() + index * 8, sizeof bits);
    return array.type.dtype.code == kDLUInt ? __int128(bits) : __int128(int64_t(bits));
  };
  if (isInteger(result) && isInteger(want))
    return std::abs(double(wide(result) - wide(want)));
  return std::abs(result.at(index) - want.at(index));
}

Difference difference(const Array &result, const Array &want) {
  Difference d;
  for (int64_t i = 0, count = result.count(); i < count; ++i) {
    double out = result.at(i), in = want.at(i);
    if (!std::isfinite(out) || !std::isfinite(in)) {
      bool same = (std::isnan(out) && std::isnan(in)) || out == in;
      if (!same && d.exceptional < 0)
        d.exceptional = i;
      continue;
    }
    d.largest = std::max(d.largest, std::abs(in));
    if (double error = distance(result, want, i); error > d.error) {
      d.error = error;
      d.worst = i;
    }
  }
  return d;
}

bool compareOne(const std::string &name, const Array &result, Array want, std::optional<double> given) {
  if (want.type.dtype.code == dlOpaque ||
      (result.type.dtype.code == kDLBfloat && want.type.dtype.code == kDLUInt))
    want.type.dtype.code = kDLBfloat;
  if (result.type.shape != want.type.shape) {
    llvm::outs() << name << ": wrong shape: " << toString(result.type) << ", expected " << toString(want.type)
                 << "\n";
    return false;
  }
  double tolerance = given.value_or(defaultTolerance(result.type.dtype));
  Difference d = difference(result, want);
  bool good = d.exceptional < 0 && d.error <= tolerance * d.largest;
  llvm::outs() << name << ": " << (good ? "good" : "wrong") << ": ";
  if (d.exceptional >= 0)
    llvm::outs() << "element " << d.exceptional << " is " << result.at(d.exceptional) << ", expected "
                 << want.at(d.exceptional) << "\n";
  else
    llvm::outs() << llvm::format("largest error %.3g at element %lld, largest value %.6g, allowed %.3g\n",
                                 d.error, static_cast<long long>(d.worst), d.largest, tolerance * d.largest);
  return good;
}

} // namespace

llvm::Expected<bool> compareResults(llvm::ArrayRef<Array> results, const std::string &path,
                                    std::optional<double> tolerance) {
  llvm::Expected<Arrays> wanted = readNpz(path, "out");
  if (!wanted)
    return wanted.takeError();
  if (wanted->size() != results.size())
    return fail(path + " has " + llvm::Twine(wanted->size()) + " results (out0, ...), the function returns " +
                llvm::Twine(results.size()));
  bool good = true;
  for (size_t i = 0; i < results.size(); ++i) {
    std::string name = "out" + std::to_string(i);
    auto want = wanted->find(name);
    if (want == wanted->end())
      return fail(path + " has no array '" + name + "'");
    good &= compareOne(name, results[i], want->second, tolerance);
  }
  return good;
}

} // namespace gqa::run
