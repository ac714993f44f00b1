// The command lines as functions: programs of tools/ are nothing else, and the Python package has them as
// scripts.
#ifndef GQA_TOOLS_TOOLS_H
#define GQA_TOOLS_TOOLS_H

namespace gqa {

/// Each is the `main` of its tool and returns the exit code. Once in a process, which then ends: handlers of
/// signals and options of LLVM are set for good, and what is written to standard output may be flushed only
/// by `exit`.
int cacheMain(int argc, char **argv);
int compileMain(int argc, char **argv);
int lspServerMain(int argc, char **argv);
int optMain(int argc, char **argv);
int runMain(int argc, char **argv);

} // namespace gqa

#endif // GQA_TOOLS_TOOLS_H
