// Blocks of the running call; shared by Memory.cpp and Call.cpp.
#ifndef GQA_LIB_RUNTIME_MEMORY_H
#define GQA_LIB_RUNTIME_MEMORY_H

#include <cstddef>

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

/// While it lives this thread runs a task of a parallel loop: its blocks are its own, and a failure has no
/// call to return to, because the frames in between are not compiled code.
class TaskScope {
public:
  TaskScope();
  ~TaskScope();

private:
  struct Call *call;
};

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_MEMORY_H
