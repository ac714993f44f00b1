#include "Match.h"

#include <unordered_map>

namespace gqa::emulator {
namespace {

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(by, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// Words may stand for a number by `#`.
bool isWord(std::string_view word, std::string_view pattern) {
  size_t at = pattern.find('#');
  if (at == pattern.npos)
    return word == pattern;
  std::string_view end = pattern.substr(at + 1);
  if (word.size() <= pattern.size() - 1 || !word.starts_with(pattern.substr(0, at)) || !word.ends_with(end))
    return false;
  std::string_view digits = word.substr(at, word.size() - pattern.size() + 1);
  return digits.size() <= 3 && digits.find_first_not_of("0123456789") == digits.npos;
}

bool isOneOf(std::string_view word, std::string_view alternatives) {
  for (std::string_view a : split(alternatives, '|'))
    if (isWord(word, a))
      return true;
  return false;
}

/// Tries one form from suffix `at` and group `group` on; an optional group is first tried as present.
bool matches(const std::vector<std::string_view> &words, size_t at,
             const std::vector<std::string_view> &groups, size_t group) {
  if (group == groups.size())
    return at == words.size();
  std::string_view g = groups[group];
  bool optional = g.front() == '[';
  if (optional)
    g = g.substr(1, g.size() - 2);
  if (at < words.size() && isOneOf(words[at], g) && matches(words, at + 1, groups, group + 1))
    return true;
  return optional && matches(words, at, groups, group + 1);
}

using Index =
    std::unordered_map<std::string_view, std::vector<std::pair<const Form *, std::vector<std::string_view>>>>;

const Index &formsByMnemonic() {
  static const Index index = [] {
    Index built;
    for (const Form &form : instructionTable()) {
      std::vector<std::string_view> groups = split(form.pattern, ' ');
      for (std::string_view mnemonic : split(groups.front(), '|'))
        built[mnemonic].push_back({&form, groups});
    }
    return built;
  }();
  return index;
}

} // namespace

std::vector<Match> matchOpcode(std::string_view opcode, unsigned line) {
  std::vector<std::string_view> words = split(opcode, '.');
  auto found = formsByMnemonic().find(words.front());
  if (found == formsByMnemonic().end())
    throw PtxError(line, "unknown instruction '" + std::string(words.front()) + "' in '" +
                             std::string(opcode) + "'");
  std::vector<Match> fitting;
  for (const auto &[form, groups] : found->second) {
    if (!matches(words, 1, groups, 1))
      continue;
    Match m;
    m.form = form;
    m.line = line;
    m.suffixes.assign(words.begin() + 1, words.end());
    for (std::string_view s : m.suffixes)
      if (Type t = typeNamed(s); t != Type::None)
        m.types.push_back(t);
    fitting.push_back(std::move(m));
  }
  if (!fitting.empty())
    return fitting;
  std::string known;
  for (const auto &[form, groups] : found->second)
    known += (known.empty() ? "" : "; ") + std::string(form->pattern);
  throw PtxError(line, "'" + std::string(opcode) + "' is not supported; known forms: " + known);
}

} // namespace gqa::emulator
