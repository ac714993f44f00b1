// Second moments of calibration data, from a file.
#ifndef GQA_LIB_SHARE_CALIBRATION_H
#define GQA_LIB_SHARE_CALIBRATION_H

#include "Heads.h"
#include "gqa/Weights/Safetensors.h"

namespace gqa {

/// Moments by the number of an attention in program order, under the names that gqa-pool-heads documents.
class Calibration {
public:
  /// Without a path there are none.
  static llvm::Expected<Calibration> open(llvm::StringRef path);

  /// `E[[x 1]^T [x 1]]`, `size` x `size`; empty without a file.
  llvm::Expected<Matrix> inputMoment(size_t number, int64_t size) const;

  /// Fits the output projection to what it now reads: W minimises `sum |z W - t|^2 + pull |W - W_now|^2` over
  /// the calibration's z and t.
  llvm::Error heal(size_t number, Heads &heads) const;

private:
  llvm::Expected<Matrix> readMoment(const llvm::Twine &name, int64_t size) const;
  llvm::Expected<Matrix> read(const llvm::Twine &name, int64_t rows, int64_t columns) const;

  std::string path;
  std::optional<TensorFile> file;
};

} // namespace gqa

#endif // GQA_LIB_SHARE_CALIBRATION_H
