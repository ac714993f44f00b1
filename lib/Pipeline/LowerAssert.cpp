// gqa-lower-assert: assertions as calls of the runtime.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERASSERT
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Upstream's checks write several lines: a heading, the operation, "^ what is wrong", and "Location:
/// loc(...)".
std::string oneLine(StringRef message) {
  std::string text, place;
  SmallVector<StringRef> lines;
  message.split(lines, '\n');
  for (StringRef line : lines) {
    if (line.starts_with("ERROR: Runtime op verification failed"))
      continue;
    if (line.consume_front("Location: "))
      place = line.str();
    else if (line.consume_front("^ "))
      text += line;
    else if (lines.size() == 1)
      text += line;
  }
  // loc("model.mlir":7:10) reads better as model.mlir:7:10.
  StringRef simple = place;
  if (simple.consume_front("loc(\"") && simple.consume_back(")") && simple.count('"') == 1) {
    auto [file, position] = simple.split('"');
    place = (file + position).str();
  }
  return place.empty() ? text : text + " at " + place;
}

class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module) {}

  void lower(cf::AssertOp assertion) {
    ImplicitLocOpBuilder b(assertion.getLoc(), assertion);
    std::string message = oneLine(assertion.getMsg());
    LLVM::GlobalOp text = messageGlobal(message);
    Value yes = arith::ConstantIntOp::create(b, 1, 1);
    Value broken = arith::XOrIOp::create(b, assertion.getArg(), yes);
    auto branch = scf::IfOp::create(b, broken, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    Value address = LLVM::AddressOfOp::create(b, text);
    Value length = LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(int64_t(message.size())));
    LLVM::CallOp::create(b, failFunction(), ValueRange{address, length});
    assertion.erase();
  }

private:
  LLVM::LLVMFuncOp failFunction() {
    if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>("gqa_rt_fail"))
      return known;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    MLIRContext *context = b.getContext();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                            {LLVM::LLVMPointerType::get(context), b.getI64Type()});
    auto function = LLVM::LLVMFuncOp::create(b, module.getLoc(), "gqa_rt_fail", type);
    function.setPassthroughAttr(b.getStrArrayAttr({"noreturn", "cold"}));
    return function;
  }

  LLVM::GlobalOp messageGlobal(const std::string &message) {
    LLVM::GlobalOp &global = messages[message];
    if (global)
      return global;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), unsigned(message.size()));
    std::string name = "gqa_message_" + std::to_string(messages.size());
    global = LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                    name, b.getStringAttr(message));
    return global;
  }

  ModuleOp module;
  llvm::StringMap<LLVM::GlobalOp> messages;
};

struct LowerAssertPass : impl::LowerAssertBase<LowerAssertPass> {
  void runOnOperation() override {
    Lowering lowering(getOperation());
    SmallVector<cf::AssertOp> assertions;
    getOperation().walk([&](cf::AssertOp assertion) { assertions.push_back(assertion); });
    for (cf::AssertOp assertion : assertions)
      lowering.lower(assertion);
  }
};

} // namespace
} // namespace gqa
