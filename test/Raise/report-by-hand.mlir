// RUN: gqa-opt %s --gqa-report=report=- -o /dev/null | FileCheck %s

// Findings that somebody wrote by hand, wrongly, are passed over.
// CHECK: []
module {
  func.func @by_hand() attributes {gqa.candidates = [1, "raised"]} {
    return
  }
  func.func @not_a_list() attributes {gqa.candidates = 7 : i64} {
    return
  }
}
