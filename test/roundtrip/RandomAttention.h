// Draws attentions: a function `main` with one gqa.attention, and arguments for it.
#ifndef GQA_TEST_ROUNDTRIP_RANDOMATTENTION_H
#define GQA_TEST_ROUNDTRIP_RANDOMATTENTION_H

#include "Interpreter.h"
#include "Random.h"

#include <string>

namespace gqa::roundtrip {

struct Drawn {
  std::string text;             ///< of the module
  std::vector<Array> arguments; ///< of its function
};

/// An attention with any features that `gqa.attention` has, of small sizes, some of which the types do not
/// know.
Drawn drawAttention(Random &random);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_RANDOMATTENTION_H
