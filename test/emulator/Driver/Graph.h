// Captured work: the operations of a graph in the order of calls, which is one that the streams allow.
#pragma once
#include "Cuda.h"
#include "Memory/DeviceMemory.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace gqa::emulator {

/// One operation of a stream: done at once, or by each launch of the graph that it was captured in.
struct Operation {
  enum Kind { Kernel, Copy, Fill, Library, Allocate, Free };
  Kind kind;
  std::function<CUresult()> run;
  uint64_t address = 0; ///< of an allocation, and of what is freed
};

/// Addresses that belong to a graph: memory is there from its allocation in a launch until it is freed.
class Reservations {
public:
  explicit Reservations(std::shared_ptr<DeviceMemory> memory) : memory(std::move(memory)) {}
  ~Reservations() {
    for (uint64_t address : addresses)
      memory->forget(address);
  }
  Reservations(const Reservations &) = delete;
  uint64_t add(uint64_t bytes) {
    uint64_t address = memory->reserve(bytes);
    if (address)
      addresses.insert(address);
    return address;
  }

  const std::shared_ptr<DeviceMemory> memory;
  std::set<uint64_t> addresses;
  unsigned instances = 0; ///< executable graphs; one with allocations has one at most
};

/// How many operations of each stream come before something.
using Progress = std::map<CUstream, size_t>;

/// What is recorded between cuStreamBeginCapture and cuStreamEndCapture.
struct Capture {
  int mode = 0;
  std::thread::id thread;
  CUstream origin = nullptr;
  bool valid = true;
  std::vector<Operation> operations;
  std::shared_ptr<Reservations> memory;
  std::set<uint64_t> allocated;       ///< and not freed so far
  Progress counts;                    ///< operations of each stream
  std::map<CUstream, Progress> known; ///< of each stream: what it has waited for, itself included

  void add(CUstream stream, Operation operation) {
    operations.push_back(std::move(operation));
    known[stream][stream] = ++counts[stream];
  }
  void join(CUstream stream, const Progress &other) {
    for (auto [from, count] : other)
      known[stream][from] = std::max(known[stream][from], count);
  }
  /// Whether the stream it began in has waited for all others.
  bool isJoined() {
    for (auto [stream, count] : counts)
      if (known[origin][stream] < count)
        return false;
    return true;
  }
};

} // namespace gqa::emulator

struct CUgraph_st {
  std::vector<gqa::emulator::Operation> operations;
  std::shared_ptr<gqa::emulator::Reservations> memory;
};
struct CUgraphExec_st {
  std::vector<gqa::emulator::Operation> operations;
  std::shared_ptr<gqa::emulator::Reservations> memory;
  bool freesOnLaunch = false;
};
