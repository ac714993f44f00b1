// The message that gqa_rt_last_error returns; set by every part of the runtime.
#ifndef GQA_LIB_RUNTIME_LASTERROR_H
#define GQA_LIB_RUNTIME_LASTERROR_H

#include <string>

namespace gqa::rt {

/// This thread's message.
std::string &lastError();

/// 0 if `error` is empty, else 1, and the error is this thread's last.
inline int report(const std::string &error) {
  if (error.empty())
    return 0;
  lastError() = error;
  return 1;
}

/// Ends the running call with the last error as its message. Objects of the caller's frame are not destroyed.
[[noreturn]] void failWithLastError();

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_LASTERROR_H
