#include "Diagnostics.h"

#include "gqa/JIT/JITModule.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace gqa {
namespace {

/// How a line about `location` begins.
std::string prefix(Location location) {
  std::string place = placeOf(location);
  return place.empty() ? place : place + ": ";
}

std::string oneLine(const Diagnostic &diagnostic) {
  std::string text = prefix(diagnostic.getLocation()) + diagnostic.str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

} // namespace

std::string placeOf(Location location) {
  std::string text;
  location->walk([&](Location inner) {
    auto file = dyn_cast<FileLineColLoc>(inner);
    if (!file || file.getLine() == 0) // 0: the text as a whole
      return WalkResult::advance();
    text = (file.getFilename().strref() + ":" + Twine(file.getLine()) + ":" + Twine(file.getColumn())).str();
    return WalkResult::interrupt();
  });
  return text;
}

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
    out << prefix(diagnostic.getLocation()) << (warning ? "warning: " : "remark: ") << diagnostic.str()
        << '\n';
    return success();
  });
}

llvm::Error makeError(const Twine &message) { return llvm::createStringError(message); }

llvm::Error makeArgumentError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

} // namespace gqa
