// The runtime's archive, for artifacts to be linked against.
#include "RuntimeArchive.h"

__asm__(".section .rodata.gqa_runtime_archive,\"a\",@progbits\n"
        ".balign 16\n"
        ".hidden gqa_runtime_archive_begin\n"
        ".globl gqa_runtime_archive_begin\n"
        "gqa_runtime_archive_begin:\n"
        ".incbin \"" GQA_RUNTIME_ARCHIVE "\"\n"
        ".hidden gqa_runtime_archive_end\n"
        ".globl gqa_runtime_archive_end\n"
        "gqa_runtime_archive_end:\n"
        ".previous\n");

extern "C" __attribute__((visibility("hidden"))) const char gqa_runtime_archive_begin[],
    gqa_runtime_archive_end[];

llvm::StringRef gqa::runtimeArchive() {
  return {gqa_runtime_archive_begin, size_t(gqa_runtime_archive_end - gqa_runtime_archive_begin)};
}
