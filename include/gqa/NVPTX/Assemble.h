// PTX to the machine code of one chip, by NVIDIA's assembler.
#ifndef GQA_NVPTX_ASSEMBLE_H
#define GQA_NVPTX_ASSEMBLE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace gqa {

struct Cubin {
  std::string code;               ///< an ELF file
  std::vector<std::string> notes; ///< what makes kernels slow: registers that are spilled, messages C75xx
};

/// Assembles `ptx` for `chip`, "sm_90". ptxas is looked for in $GQA_CUDA_TOOLS, on PATH and in
/// $CUDA_HOME/bin; the error says so, or what ptxas says.
llvm::Expected<Cubin> assemble(llvm::StringRef ptx, llvm::StringRef chip);

/// Which assembler that is: its path, size and time of change, as it has no shorter way to say its version
/// than to be run. "" if there is none.
std::string identifyAssembler();

} // namespace gqa

#endif // GQA_NVPTX_ASSEMBLE_H
