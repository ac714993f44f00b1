#include "Lexer.h"

#include "Module.h"

#include <bit>
#include <cctype>
#include <charconv>

namespace gqa::emulator {
namespace {

bool startsWord(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
}
bool inWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.';
}

} // namespace

void Lexer::skipSpace() {
  while (at < text.size()) {
    if (text[at] == '\n') {
      ++line;
      ++at;
    } else if (std::isspace(static_cast<unsigned char>(text[at])) || text[at] == '\0') {
      ++at;
    } else if (text.substr(at, 2) == "//") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      size_t end = text.find("*/", at + 2);
      if (end == std::string_view::npos)
        throw PtxError(line, "comment without an end");
      for (; at < end + 2; ++at)
        line += text[at] == '\n';
    } else {
      return;
    }
  }
}

void Lexer::number() {
  size_t start = at;
  auto digits = [&](int base, size_t from) {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data() + from, text.data() + text.size(), value, base);
    if (error != std::errc() || end == text.data() + from)
      throw PtxError(line, "malformed number");
    at = end - text.data();
    return value;
  };
  char second = start + 1 < text.size() ? text[start + 1] : '\0';
  token.kind = Token::Kind::Integer;
  if (text[start] == '0' && (second == 'f' || second == 'F' || second == 'd' || second == 'D')) {
    bool isDouble = second == 'd' || second == 'D';
    token.kind = isDouble ? Token::Kind::Float64 : Token::Kind::Float32;
    token.value = digits(16, start + 2);
    if (at - start - 2 != (isDouble ? 16 : 8))
      throw PtxError(line, isDouble ? "0d needs 16 hexadecimal digits" : "0f needs 8 hexadecimal digits");
  } else if (text[start] == '0' && (second == 'x' || second == 'X')) {
    token.value = digits(16, start + 2);
  } else if (text[start] == '0' && (second == 'b' || second == 'B')) {
    token.value = digits(2, start + 2);
  } else {
    size_t end = start;
    while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.'))
      ++end;
    if (text.substr(start, end - start).find('.') != std::string_view::npos) {
      double value = 0;
      auto result = std::from_chars(text.data() + start, text.data() + text.size(), value);
      at = result.ptr - text.data();
      token.kind = Token::Kind::Float64;
      token.value = std::bit_cast<uint64_t>(value);
    } else {
      token.value = digits(text[start] == '0' ? 8 : 10, start);
    }
  }
  if (token.kind == Token::Kind::Integer && at < text.size() && text[at] == 'U')
    ++at;
  if (at < text.size() && inWord(text[at]))
    throw PtxError(line, "malformed number");
  token.text = text.substr(start, at - start);
}

void Lexer::advance() {
  skipSpace();
  token = Token{};
  token.line = line;
  if (at >= text.size())
    return;
  size_t start = at;
  char c = text[at];
  bool directive = c == '.' && at + 1 < text.size() && startsWord(text[at + 1]);
  if (startsWord(c) || directive) {
    ++at;
    while (at < text.size()) {
      if (inWord(text[at]))
        ++at;
      else if (text.substr(at, 2) == "::") // .shared::cta, .L2::128B
        at += 2;
      else
        break;
    }
    token.kind = Token::Kind::Word;
  } else if (std::isdigit(static_cast<unsigned char>(c))) {
    return number();
  } else if (c == '"') {
    at = text.find('"', at + 1);
    if (at == std::string_view::npos)
      throw PtxError(line, "string without an end");
    ++at;
    token.kind = Token::Kind::String;
  } else {
    ++at;
    token.kind = Token::Kind::Punctuation;
  }
  token.text = text.substr(start, at - start);
}

} // namespace gqa::emulator
