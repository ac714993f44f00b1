/* gqa.h is C: this compiles as it, with every warning, and calls through it. */
#include "gqa/gqa.h"

int gqa_header_is_c(void);

int gqa_header_is_c(void) {
  gqa_attention attention = {0};
  gqa_function *function = NULL;
  attention.struct_size = sizeof attention;
  return gqa_api_version() == GQA_API_VERSION &&
         gqa_compile_attention(&attention, NULL, &function) == GQA_INVALID_ARGUMENT && function == NULL;
}
