// Moments as matrices, and what they say about an output projection.
#include "Calibration.h"

#include <Eigen/Cholesky>
#include <cstring>

namespace gqa {

constexpr double kPull = 1e-3; // of the mean square

/// The matrix with its diagonal raised, so that directions which the data never has can be solved for.
static Matrix raised(Matrix moment) {
  moment.diagonal().array() += std::max(kPull * moment.trace() / double(moment.rows()), 1e-200);
  return moment;
}

llvm::Expected<Calibration> Calibration::open(llvm::StringRef path) {
  Calibration calibration;
  if (path.empty())
    return calibration;
  llvm::Expected<TensorFile> file = TensorFile::open(path);
  if (!file)
    return file.takeError();
  calibration.path = path.str();
  calibration.file = std::move(*file);
  return calibration;
}

llvm::Expected<Matrix> Calibration::read(const llvm::Twine &name, int64_t rows, int64_t columns) const {
  std::string key = name.str();
  const StoredTensor *tensor = file->find(key);
  if (!tensor)
    return llvm::createStringError(path + " has no tensor '" + key + "', expected " + llvm::Twine(rows) +
                                   " x " + llvm::Twine(columns));
  bool isDouble = tensor->type == "f64";
  if ((!isDouble && tensor->type != "f32") || tensor->shape != llvm::SmallVector<int64_t>{rows, columns}) {
    std::string found = tensor->type.str();
    for (int64_t size : tensor->shape)
      found += " " + std::to_string(size);
    return llvm::createStringError(path + ": tensor '" + key + "' is " + found + ", expected f32 or f64, " +
                                   llvm::Twine(rows) + " x " + llvm::Twine(columns));
  }
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    double number;
    float single;
    if (isDouble)
      std::memcpy(&number, tensor->data.data() + i * 8, 8);
    else
      std::memcpy(&single, tensor->data.data() + i * 4, 4);
    matrix(i / columns, i % columns) = isDouble ? number : single;
  }
  if (!matrix.allFinite())
    return llvm::createStringError(path + ": tensor '" + key + "' holds NaN or infinities");
  return matrix;
}

llvm::Expected<Matrix> Calibration::readMoment(const llvm::Twine &name, int64_t size) const {
  llvm::Expected<Matrix> moment = read(name, size, size);
  if (!moment)
    return moment;
  constexpr double kRounding = 1e-4; // of sums in f32
  bool isSymmetric = (*moment - moment->transpose()).norm() <= kRounding * moment->norm();
  if (!isSymmetric || Eigen::LLT<Matrix>(raised(*moment)).info() != Eigen::Success)
    return llvm::createStringError(path + ": tensor '" + name + "' " +
                                   (isSymmetric ? "has negative eigenvalues" : "is not symmetric") +
                                   "; expected second moments, E[x^T x]");
  return moment;
}

llvm::Expected<Matrix> Calibration::inputMoment(size_t number, int64_t size) const {
  return file ? readMoment(llvm::Twine(number) + ".input", size) : Matrix();
}

llvm::Error Calibration::heal(size_t number, Heads &heads) const {
  int64_t dim = heads.o.front().rows(), outputs = heads.o.front().cols(), rows = heads.o.size() * dim;
  Matrix squares, target;
  if (llvm::Error error = readMoment(llvm::Twine(number) + ".output", rows).moveInto(squares))
    return error;
  if (llvm::Error error = read(llvm::Twine(number) + ".target", rows, outputs).moveInto(target))
    return error;
  Matrix now(rows, outputs);
  for (auto [h, head] : llvm::enumerate(heads.o))
    now.middleRows(h * dim, dim) = head;
  // Pulled towards the folded weights.
  Matrix healed = now + Eigen::LLT<Matrix>(raised(squares)).solve(target - squares * now);
  for (auto [h, head] : llvm::enumerate(heads.o))
    head = healed.middleRows(h * dim, dim);
  return llvm::Error::success();
}

} // namespace gqa
