// What was recognised and what was not, and why: the report of gqa-simplify.
#ifndef GQA_RAISE_REPORT_H
#define GQA_RAISE_REPORT_H

#include "gqa/Raise/Build.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace gqa {

/// Between raise and report the findings travel as attributes: an array of dictionaries on the function, one
/// for each candidate, and on each raised operation its place in that array.
inline constexpr llvm::StringLiteral kCandidatesAttr = "gqa.candidates";
inline constexpr llvm::StringLiteral kCandidateAttr = "gqa.candidate";
/// The place of an operation that another one's entry describes.
inline constexpr int64_t kNoPlace = -1;

/// The report's entry for a raised attention, as raised: before neutral masks fold away and heads are shared.
mlir::DictionaryAttr describeRaised(AttentionOp op, const Findings &findings, mlir::Operation *exponential);

/// The same in a sentence.
std::string summarize(mlir::DictionaryAttr raised);

/// The report's entry for something that looks like attention and is left alone.
mlir::DictionaryAttr describeDeclined(const Refusal &refusal);

/// Writes a JSON array with an object for each candidate in program order (`-` is standard output; no path:
/// nothing is written), and removes the findings from the module.
llvm::Error writeReport(mlir::ModuleOp module, llvm::StringRef path);

/// Writes JSON to a file (`-` is standard output), indented.
llvm::Error writeJSON(const llvm::json::Value &report, llvm::StringRef path);

} // namespace gqa

#endif // GQA_RAISE_REPORT_H
