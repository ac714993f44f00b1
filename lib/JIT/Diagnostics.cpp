#include "Diagnostics.h"

#include "gqa/JIT/JITModule.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace gqa {
namespace {

/// FILE:LINE:COLUMN of the first place in `location` that is in a file.
std::string place(Location location) {
  std::string text;
  location->walk([&](Location inner) {
    auto file = dyn_cast<FileLineColLoc>(inner);
    if (!file || file.getLine() == 0) // 0: the text as a whole
      return WalkResult::advance();
    text = (file.getFilename().strref() + ":" + Twine(file.getLine()) + ":" + Twine(file.getColumn()) + ": ")
               .str();
    return WalkResult::interrupt();
  });
  return text;
}

std::string oneLine(const Diagnostic &diagnostic) {
  std::string text = place(diagnostic.getLocation()) + diagnostic.str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

} // namespace

DiagnosticCollector::DiagnosticCollector(MLIRContext *context)
    : handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
          return failure();
        text += (text.empty() ? "" : "\n") + oneLine(diagnostic);
        for (Diagnostic &note : diagnostic.getNotes())
          text += "\n  note: " + oneLine(note);
        return success();
      }) {}

llvm::Error DiagnosticCollector::take(StringRef otherwise) {
  return makeError(text.empty() ? otherwise : StringRef(text));
}

void printRemarks(MLIRContext &context, llvm::raw_ostream &out) {
  context.getDiagEngine().registerHandler([&out](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      return failure();
    bool warning = diagnostic.getSeverity() == DiagnosticSeverity::Warning;
    out << place(diagnostic.getLocation()) << (warning ? "warning: " : "remark: ") << diagnostic.str()
        << '\n';
    return success();
  });
}

llvm::Error makeError(const Twine &message) { return llvm::createStringError(message); }

llvm::Error makeArgumentError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

} // namespace gqa
