// Choosing an algorithm, and queuing a product. There is one algorithm; what it carries says which form it is
// for.
#include "Product.h"

#include <cstring>

using namespace gqa::emulator;
using namespace gqa::emulator::blas;

namespace {

/// What is inside of a cublasLtMatmulAlgo_t.
struct Algorithm {
  static constexpr uint64_t kMagic = 0x6771612d626c6173;
  uint64_t magic, form, workspace;
  uint32_t alignment[4];
  bool roundsParts;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

std::string number(uint64_t value) { return std::to_string(value); }

/// Empty, or which pointer is less aligned than the algorithm was told.
std::string checkAlignment(const Algorithm &algorithm, const Form &form, const Places &places) {
  struct {
    const char *name;
    uint64_t at;
    const Operand &operand;
    uint32_t alignment;
  } operands[] = {{"A", places.a, form.a, algorithm.alignment[0]},
                  {"B", places.b, form.b, algorithm.alignment[1]},
                  {"C", places.c, form.c, algorithm.alignment[2]},
                  {"D", places.d, form.d, algorithm.alignment[3]}};
  for (const auto &x : operands) {
    uint64_t wanted = std::max<uint64_t>(x.alignment, x.operand.elementBytes());
    if (!x.at || x.at % wanted)
      return std::string(x.name) + " is not aligned to " + number(wanted) +
             " bytes, for which the algorithm was chosen";
  }
  constexpr uint64_t kWorkspace = 256;
  if (places.workspaceBytes && places.workspace % kWorkspace)
    return "the workspace is not aligned to " + number(kWorkspace) + " bytes";
  return "";
}

/// Empty, or why this algorithm does not do this product with this workspace.
std::string checkAlgorithm(const cublasLtMatmulAlgo_t *algo, const Form &form, uint64_t workspace,
                           Algorithm &algorithm) {
  if (!algo)
    return "no algorithm is given; to let the library choose at each call is not modelled";
  std::memcpy(&algorithm, algo, sizeof algorithm);
  if (algorithm.magic != Algorithm::kMagic)
    return "the algorithm is none of cublasLtMatmulAlgoGetHeuristic";
  if (algorithm.form != form.hash())
    return "the algorithm was chosen for a product of another form than " + form.text();
  if (workspace < algorithm.workspace)
    return "the algorithm needs " + number(algorithm.workspace) + " bytes of workspace, found " +
           number(workspace);
  return "";
}

double factorOf(const Form &form, const void *value) {
  if (form.compute == CUBLAS_COMPUTE_64F)
    return *static_cast<const double *>(value);
  return double(*static_cast<const float *>(value));
}

} // namespace

EMULATOR_API cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                                           cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                                           cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                           cublasLtMatmulPreference_t preference, int wanted,
                                                           cublasLtMatmulHeuristicResult_t *results,
                                                           int *found) {
  const char *function = "cublasLtMatmulAlgoGetHeuristic";
  if (cublasStatus_t wrong = checkHandle(function, handle))
    return wrong;
  if (wanted < 1 || !results || !found || !isAlive(preference))
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE, "no place for results, or no live preference");
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  std::optional<Form> form = readForm(function, desc, a, b, c, d, status);
  if (!form)
    return status;
  uint64_t workspace = form->workspace() <= preference->workspace ? form->workspace() : 0;
  // What needs scratch memory sums in parts: by the worst scheme that is allowed.
  constexpr uint32_t kRound = CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
  bool roundsParts = form->workspace() && (preference->reductions & kRound);
  Algorithm algorithm{Algorithm::kMagic, form->hash(), workspace, {}, roundsParts};
  std::copy(preference->alignment.begin(), preference->alignment.end(), algorithm.alignment);
  results[0] = {{}, workspace, CUBLAS_STATUS_SUCCESS, 1, {}};
  std::memcpy(&results[0].algo, &algorithm, sizeof algorithm);
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

EMULATOR_API cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                           const void *alpha, const void *a, cublasLtMatrixLayout_t aLayout,
                                           const void *b, cublasLtMatrixLayout_t bLayout, const void *beta,
                                           const void *c, cublasLtMatrixLayout_t cLayout, void *d,
                                           cublasLtMatrixLayout_t dLayout, const cublasLtMatmulAlgo_t *algo,
                                           void *workspace, size_t workspaceBytes, CUstream stream) {
  const char *function = "cublasLtMatmul";
  if (cublasStatus_t wrong = checkHandle(function, handle))
    return wrong;
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  std::optional<Form> form = readForm(function, desc, aLayout, bLayout, cLayout, dLayout, status);
  if (!form)
    return status;
  if (!alpha || !beta)
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE, "alpha or beta is a null pointer");
  Algorithm algorithm{};
  std::string wrong = checkAlgorithm(algo, *form, workspaceBytes, algorithm);
  auto address = [](const void *pointer) { return reinterpret_cast<uint64_t>(pointer); };
  Places places{address(a),
                address(b),
                address(c),
                address(d),
                address(workspace),
                workspaceBytes,
                factorOf(*form, alpha),
                factorOf(*form, beta),
                algorithm.roundsParts};
  if (wrong.empty())
    wrong = checkAlignment(algorithm, *form, places);
  if (wrong.empty() && c == d && (form->c.leading != form->d.leading || form->c.stride != form->d.stride))
    wrong = "C and D are one matrix with two layouts";
  if (!wrong.empty())
    return refuse(function, CUBLAS_STATUS_INVALID_VALUE, wrong);
  Work work{function,
            "\"m\": " + number(form->m) + ", \"n\": " + number(form->n) + ", \"k\": " + number(form->k) +
                ", \"batch\": " + number(form->batch) + ", \"types\": \"" + nameOf(form->a.type) + " " +
                nameOf(form->d.type) + "\"",
            [form = *form, places](DeviceMemory &memory) { return multiply(form, places, memory); }};
  return cuEmulatorQueue(stream, work) == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS
                                                       : CUBLAS_STATUS_EXECUTION_FAILED;
}
