// Words, numbers and punctuation of PTX text.
#pragma once
#include <cstdint>
#include <string_view>

namespace gqa::emulator {

struct Token {
  enum class Kind : uint8_t { End, Word, Integer, Float32, Float64, String, Punctuation };
  Kind kind = Kind::End;
  unsigned line = 0;
  uint64_t value = 0; ///< bits of a literal
  std::string_view text;
  bool is(std::string_view spelling) const {
    return (kind == Kind::Word || kind == Kind::Punctuation) && text == spelling;
  }
};

/// A cursor over the text. Opcodes with their suffixes, directives and `%tid.x` are one word each.
class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) { advance(); }
  const Token &peek() const { return token; }
  Token take() {
    Token taken = token;
    advance();
    return taken;
  }

private:
  void advance();
  void skipSpace();
  void number();

  std::string_view text;
  size_t at = 0;
  unsigned line = 1;
  Token token;
};

} // namespace gqa::emulator
