// What ThreadSanitizer has to be told: oneTBB is built without it, so that it does not see what its queues
// order.
#ifndef GQA_LIB_RUNTIME_HAPPENSBEFORE_H
#define GQA_LIB_RUNTIME_HAPPENSBEFORE_H

#ifdef GQA_THREAD_SANITIZER
extern "C" void __tsan_acquire(void *address);
extern "C" void __tsan_release(void *address);
#endif

namespace gqa::rt {

/// What this thread has written is there for whoever calls happensAfter with the same address later.
inline void happensBefore([[maybe_unused]] void *address) {
#ifdef GQA_THREAD_SANITIZER
  __tsan_release(address);
#endif
}

inline void happensAfter([[maybe_unused]] void *address) {
#ifdef GQA_THREAD_SANITIZER
  __tsan_acquire(address);
#endif
}

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_HAPPENSBEFORE_H
