// gqa-opt: runs passes on a module. MlirOptMain with this compiler's dialects and passes.
#include "gqa/Pipeline/Register.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  gqa::registerAll(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "gqa-opt: compiler for grouped-query attention\n", registry));
}
