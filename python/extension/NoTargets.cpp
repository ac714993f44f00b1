// lld initialises every target of the LLVM that it comes with, which would link the code of all of them.
// NO_TARGETS is NO_TARGET(name) of each that the wheel leaves out; LLVM then says that it does not know them.
#define NO_TARGET(name)                                                                                      \
  void LLVMInitialize##name##TargetInfo() {}                                                                 \
  void LLVMInitialize##name##Target() {}                                                                     \
  void LLVMInitialize##name##TargetMC() {}                                                                   \
  void LLVMInitialize##name##AsmPrinter() {}                                                                 \
  void LLVMInitialize##name##AsmParser() {}                                                                  \
  void LLVMInitialize##name##Disassembler() {}

extern "C" {
NO_TARGETS
}
