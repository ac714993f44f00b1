// A scan over the characters of a module, because MLIR's parser recurses once per bracket and has no limit.
#include "gqa/Pipeline/Prescan.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

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

/// True for `permutation =` and `dimensions =` behind a closing bracket, as linalg.transpose and its like are
/// written, without a list of integers after it: MLIR's parser does not survive that.
bool lacksList(llvm::StringRef text, size_t position) {
  llvm::StringRef rest = text.substr(position);
  if ((!rest.consume_front("permutation") && !rest.consume_front("dimensions")) ||
      !text.take_front(position).rtrim().ends_with(")"))
    return false;
  rest = rest.ltrim();
  if (!rest.consume_front("="))
    return false;
  rest = rest.ltrim();
  if (!rest.consume_front("[") || !rest.contains(']'))
    return true;
  llvm::StringRef list = rest.take_until([](char c) { return c == ']'; }).trim();
  llvm::SmallVector<llvm::StringRef> items;
  list.split(items, ',');
  return !list.empty() && llvm::any_of(items, [](llvm::StringRef item) {
    int64_t number;
    return item.trim().getAsInteger(10, number);
  });
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
    } else if ((c == 'p' || c == 'd') && lacksList(text, i)) {
      return llvm::createStringError("line %zu: expected a list of integers behind '='", line);
    }
    line += c == '\n';
  }
  return llvm::Error::success();
}

} // namespace gqa
