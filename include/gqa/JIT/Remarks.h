// What compiling has to say to people: remarks about a module, and the log of the library.
#ifndef GQA_JIT_REMARKS_H
#define GQA_JIT_REMARKS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <functional>
#include <string>

namespace gqa {

/// Something that was found out about a module while it was compiled.
struct Remark {
  enum class Kind {
    Done,   ///< a pass has changed something
    Left,   ///< a pass has left something as it is, and why
    Note,   ///< about the code that was made
    Warning ///< of a pass or of the parser
  };
  Kind kind = Kind::Note;
  std::string pass;  ///< raise, share-kv, decompose, ...; "" for notes and warnings
  std::string name;  ///< what kind of remark the pass makes, such as NotShared; "" for notes and warnings
  std::string text;  ///< one line
  std::string place; ///< FILE:LINE:COLUMN, or "" where that is not known
};

using RemarkHandler = std::function<void(const Remark &)>;

/// Each remark as two lines, where and what, and a line that counts them.
std::string explain(llvm::ArrayRef<Remark> remarks);

/// How much a line of the log matters; the numbers are those of gqa_log_level.
enum class LogLevel { Error = 1, Warning = 2, Info = 3 };

using LogHandler = std::function<void(LogLevel, llvm::StringRef)>;

/// From now on, lines of the log go to `handler`, on the thread that they are about; null: nowhere. The log
/// belongs to the process. May be called at any time; a handler that is replaced may still be running.
void setLogHandler(LogHandler handler);

/// Writes a line to the log.
void log(LogLevel level, const llvm::Twine &line);

/// `handler`, and the log if somebody reads it.
RemarkHandler withLog(RemarkHandler handler);

} // namespace gqa

#endif // GQA_JIT_REMARKS_H
