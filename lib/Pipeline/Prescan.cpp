// A scan over the characters of a module, because MLIR's parser recurses once per bracket and has no limit.
#include "gqa/Pipeline/Prescan.h"

#include <algorithm>

namespace gqa {
namespace {

constexpr int deepest = 256;

/// Skips a string that begins at `position`; its closing quote, or the end of the text.
size_t skipString(llvm::StringRef text, size_t position) {
  for (++position; position < text.size() && text[position] != '"' && text[position] != '\n'; ++position)
    if (text[position] == '\\')
      ++position;
  return position;
}

} // namespace

llvm::Error prescan(llvm::StringRef text) {
  if (text.trim().empty())
    return llvm::createStringError("the module is empty: expected MLIR text or bytecode, found no operation");
  if (text.starts_with("ML\xefR"))
    return llvm::Error::success();
  int depth = 0;
  size_t line = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') {
      i = skipString(text, i);
      c = i < text.size() ? text[i] : '\0';
    } else if (text.substr(i).starts_with("//")) {
      i = std::min(text.find('\n', i), text.size());
      c = '\n';
    } else if (text.substr(i).starts_with("->") || text.substr(i).starts_with(">=")) {
      ++i;
    } else if (c == '(' || c == '[' || c == '{' || c == '<') {
      if (++depth > deepest)
        return llvm::createStringError(
            "line %zu nests brackets more than %d deep, which the parser cannot take", line, deepest);
    } else if (c == ')' || c == ']' || c == '}' || c == '>') {
      depth = std::max(depth - 1, 0);
    }
    line += c == '\n';
  }
  return llvm::Error::success();
}

} // namespace gqa
