// gqa-lsp-server: the language server for modules with this compiler's dialects.
#include "gqa/Pipeline/CommandLine.h"
#include "gqa/Pipeline/Register.h"
#include "gqa/Tools/Tools.h"
#include "gqa/Version.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int gqa::lspServerMain(int argc, char **argv) {
  gqa::setUpCommandLine(GQA_VERSION_LINE("gqa-lsp-server"));
  mlir::DialectRegistry registry;
  gqa::registerAll(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
