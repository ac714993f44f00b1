// MLIR's remarks and diagnostics as ours, and the log.
#include "gqa/JIT/Remarks.h"
#include "Diagnostics.h"
#include "RemarkScope.h"

#include "mlir/IR/Remarks.h"

#include <mutex>

using namespace mlir;

namespace gqa {
namespace {

class Streamer : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Streamer(const RemarkHandler &handler) : handler(handler) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    StringRef pass = remark.getCategoryName();
    if (!pass.consume_front("gqa-"))
      return;
    bool isDone = remark.getRemarkType() == llvm::remarks::Type::Passed;
    Remark found{isDone ? Remark::Kind::Done : Remark::Kind::Left, pass.str(), remark.getRemarkName().str(),
                 "", placeOf(remark.getLocation())};
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      if (argument.key == "Reason" || argument.key == "Remark")
        found.text += argument.val;
    handler(found);
  }

private:
  const RemarkHandler &handler;
};

using SharedHandler = std::shared_ptr<const LogHandler>; // a line may be on its way while it is replaced

std::mutex logMutex;

/// Never destroyed: what a handler holds may be gone when the process ends.
SharedHandler &logHandler() {
  static auto *handler = new SharedHandler;
  return *handler;
}

SharedHandler currentLogHandler() {
  std::lock_guard<std::mutex> lock(logMutex);
  return logHandler();
}

} // namespace

RemarkScope::RemarkScope(MLIRContext &context, const RemarkHandler &handler) : context(context) {
  if (!handler)
    return;
  remark::RemarkCategories categories;
  categories.passed = categories.missed = "gqa-.*";
  LogicalResult enabled =
      remark::enableOptimizationRemarks(context, std::make_unique<Streamer>(handler),
                                        std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
  assert(succeeded(enabled) && "the categories are a regular expression");
  (void)enabled;
  diagnostics.emplace(&context, [&handler](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      return failure();
    bool isWarning = diagnostic.getSeverity() == DiagnosticSeverity::Warning;
    handler({isWarning ? Remark::Kind::Warning : Remark::Kind::Note, "", "", diagnostic.str(),
             placeOf(diagnostic.getLocation())});
    return success();
  });
}

RemarkScope::~RemarkScope() {
  if (diagnostics)
    context.setRemarkEngine(nullptr);
}

std::string explain(ArrayRef<Remark> remarks) {
  std::string result;
  llvm::raw_string_ostream out(result);
  size_t done = 0, left = 0;
  for (const Remark &remark : remarks) {
    constexpr const char *words[] = {"done", "left", "note", "warning"};
    out << "  " << words[size_t(remark.kind)] << "  " << remark.place;
    if (!remark.pass.empty())
      out << "  [" << remark.pass << "]";
    out << "\n        " << remark.text << "\n";
    done += remark.kind == Remark::Kind::Done;
    left += remark.kind == Remark::Kind::Left;
  }
  out << done << " done, " << left << " left as they are\n";
  if (done + left == 0)
    out << "nothing in this module looks like attention: there is no exponential that is summed over\n";
  return result;
}

void setLogHandler(LogHandler handler) {
  auto shared = handler ? std::make_shared<const LogHandler>(std::move(handler)) : nullptr;
  std::lock_guard<std::mutex> lock(logMutex);
  logHandler().swap(shared);
}

void log(LogLevel level, const Twine &line) {
  if (auto handler = currentLogHandler())
    (*handler)(level, line.str());
}

RemarkHandler withLog(RemarkHandler handler) {
  if (!currentLogHandler())
    return handler;
  return [handler = std::move(handler)](const Remark &remark) {
    if (handler)
      handler(remark);
    std::string where = remark.place.empty() ? "" : remark.place + ": ";
    std::string by = remark.pass.empty() ? "" : remark.pass + ": ";
    log(remark.kind == Remark::Kind::Warning ? LogLevel::Warning : LogLevel::Info, where + by + remark.text);
  };
}

} // namespace gqa
