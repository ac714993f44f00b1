// The command line of tools whose options LLVM's parser reads.
#ifndef GQA_PIPELINE_COMMANDLINE_H
#define GQA_PIPELINE_COMMANDLINE_H

namespace gqa {

/// For `main`, before passes are registered: --version prints `version`, GQA_VERSION_LINE of the tool, and
/// --help leaves out what libLLVM brings along, hundreds of options for other processors (--help-hidden has
/// them). Options that a tool wants shown have a category of their own.
void setUpCommandLine(const char *version);

} // namespace gqa

#endif // GQA_PIPELINE_COMMANDLINE_H
