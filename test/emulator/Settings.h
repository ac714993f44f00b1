// What the environment variable GQA_EMULATOR says: comma-separated `key=value`.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace gqa::emulator {

/// When asynchronous copies take place. Values read before the wait that completes them are wrong under Late
/// and by chance under Random; a source that changes too early shows under Late as well.
enum class Completion : uint8_t { Eager, Late, Random };

struct Settings {
  Completion completion = Completion::Late; ///< completion=eager|late|random:SEED
  uint64_t seed = 0;
  bool checks = true;       ///< checks=on|off|all
  bool globalOrder = false; ///< checks=all
  bool blocking = false;    ///< blocking=on: cuLaunchKernel itself reports what the kernel did wrong
  unsigned threads = 0;     ///< threads=N; 0: one for each core
  uint64_t steps = uint64_t(1) << 32; ///< steps=N: warp instructions of a launch before it counts as hung
  std::string report;                 ///< report=FILE: JSON lines are appended
  std::string ptx; ///< ptx=FILE: every module that is loaded is this text instead of its own
  std::string device = "GQA PTX emulator"; ///< device=NAME
  unsigned sm = 80;                        ///< sm=80: compute capability 8.0
  unsigned processors = 108;               ///< processors=N
  uint64_t memory = uint64_t(16) << 30;    ///< memory=BYTES, with K, M or G

  struct Failure {
    uint64_t call;  ///< the call that fails, counted from 1; 0: every call
    unsigned error; ///< its CUresult
  };
  std::map<std::string, Failure> failures; ///< fail=cuMemAlloc_v2@1 or fail=cuMemAlloc_v2@1:719

  /// \returns the text of an error, empty if all is well.
  std::string parse(const char *text);
};

} // namespace gqa::emulator
