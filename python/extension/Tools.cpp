// The command lines, for gqa/_tools.py: the `main` of each, by a name that a process can look up.
#include "gqa/Tools/Tools.h"

#define EXPORT extern "C" __attribute__((visibility("default"))) int

EXPORT gqa_cache_main(int argc, char **argv) { return gqa::cacheMain(argc, argv); }
EXPORT gqa_compile_main(int argc, char **argv) { return gqa::compileMain(argc, argv); }
EXPORT gqa_lsp_server_main(int argc, char **argv) { return gqa::lspServerMain(argc, argv); }
EXPORT gqa_opt_main(int argc, char **argv) { return gqa::optMain(argc, argv); }
EXPORT gqa_run_main(int argc, char **argv) { return gqa::runMain(argc, argv); }
