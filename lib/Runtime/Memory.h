// Blocks of the running call; shared by Memory.cpp and Call.cpp.
#ifndef GQA_LIB_RUNTIME_MEMORY_H
#define GQA_LIB_RUNTIME_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace gqa::rt {

/// Stands in front of every block. 64 bytes, so that the memory behind it is aligned for any vector.
struct alignas(64) Block {
  Block *previous = nullptr, *next = nullptr; // neighbours in the owning call's list, or in the cache
  struct BlockList *owner = nullptr;          // the call that frees it if nobody else does
  void *start = nullptr;                      // what malloc returned
  size_t capacity = 0;                        // bytes behind the header
};

/// A doubly linked list of the blocks that one call has allocated.
struct BlockList {
  Block *first = nullptr;
  void insert(Block *block);
  void remove(Block *block);
  void freeAll();
};

/// The list of this thread's running call, or null outside of one.
BlockList *&currentBlocks();

/// Runs a task of a parallel loop, whose blocks are its own. False if it failed: why is this thread's last
/// error.
bool runTask(void (*task)(int64_t i, void *context), int64_t i, void *context);

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_MEMORY_H
