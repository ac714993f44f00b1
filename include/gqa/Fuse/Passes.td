#ifndef GQA_FUSE_PASSES_TD
#define GQA_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQAReport : Pass<"gqa-report", "mlir::ModuleOp"> {
  let summary = "writes what was raised and what was declined as JSON";
  let description = [{
    Writes the findings that `gqa-raise` left in the module as a JSON array, an object for each attention and each softmax
    that is none, in program order, and takes them out of the module. The number of key/value heads is the one now: run
    it behind `gqa-share-kv`.

    Numerics: exact.
  }];
  let options = [Option<"report", "report", "std::string", "\"\"", "the file; none: the findings are only removed">];
}

#endif
