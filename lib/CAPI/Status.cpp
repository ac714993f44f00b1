#include "Status.h"

static thread_local std::string lastError;

gqa_status gqa::fail(gqa_status status, std::string message) {
  lastError = std::move(message);
  return status;
}

gqa_status gqa::fail(gqa_status status, llvm::Error error) {
  return fail(status, llvm::toString(std::move(error)));
}

gqa_status gqa::null(const char *argument) {
  return fail(GQA_INVALID_ARGUMENT, std::string(argument) + " is a null pointer");
}

const char *gqa_last_error(void) { return lastError.c_str(); }
