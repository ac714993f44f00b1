// Every function of the driver fails once: the error names it, nothing leaks, and the next try works. Errors
// that end a context are told apart.
#include "Support.h"

#include <algorithm>
#include <sys/wait.h>

using namespace gqa::test;

namespace {

/// The functions of the tables, by the names that the driver exports.
std::vector<const char *> functions() {
  std::vector<const char *> names;
#define GQA_CUDA_FUNCTION(member, symbol, ...) names.push_back(#symbol);
#define GQA_CUBLASLT_FUNCTION(member, symbol, ...) names.push_back(#symbol);
#include "Runtime/Cuda/CublasLt.def"
#include "Runtime/Cuda/Driver.def"
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](std::string_view name) { return name.substr(0, 10) == "cuGetError"; }),
              names.end()); // an error without a text has a test of its own
  return names;
}

std::string withoutVersion(std::string name) {
  size_t mark = name.rfind("_v");
  return mark == std::string::npos ? name : name.substr(0, mark);
}

bool isOneOf(const std::string &name, std::vector<std::string> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr int kNotCalled = 2; // the exit code of a child in which nothing failed

/// A process that has used nothing yet, in which call number `skip` of `symbol` fails with `error`.
void failOnce(const std::string &symbol, int skip, int error) {
  control<void(const char *, int, int)>("fake_fail")(symbol.c_str(), skip, error);
  std::string message = exercise();
  if (control<int()>("fake_pending")())
    std::exit(kNotCalled);
  // Who gives something back has nobody to tell; if the context is lost with it, the next function says so.
  bool untold = isOneOf(symbol, {"cuCtxPopCurrent", "cublasLtMatmulPreferenceDestroy", "cuGraphDestroy",
                                 "cuThreadExchangeStreamCaptureMode"});
  if (!message.empty() && !untold)
    EXPECT_NE(message.find(symbol + ": "), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

/// What is still there after a failure, beside the pool, which stays for the process.
void checkLeaks(const std::string &symbol, bool pools) {
  bool givesBack =
      isOneOf(symbol, {"cuMemFree", "cuMemFreeAsync", "cuModuleUnload", "cuStreamDestroy", "cuEventDestroy",
                       "cuCtxPushCurrent", "cuGraphDestroy", "cuGraphExecDestroy",
                       "cuStreamEndCapture"}); // what is freed in a captured stream
  bool withMemory =
      isOneOf(symbol, {"cuGraphExecDestroy", "cuCtxPushCurrent"}); // a graph that stays keeps its own
  EXPECT_LE(control<int()>("fake_live")(), int(pools) + int(givesBack) + int(withMemory)) << symbol;
}

void failWithoutMemory(const std::string &symbol, int skip, bool pools) {
  failOnce(symbol, skip, 2);
  checkLeaks(symbol, pools);
  EXPECT_EQ(control<int()>("fake_contexts")(), symbol == "cuCtxPopCurrent" ? 1 : 0);
  bool forGood = isOneOf(symbol, {"cuInit", "cuDriverGetVersion", "cuDeviceGetCount"});
  EXPECT_EQ(exercise().empty(), !forGood) << gqa_rt_last_error();
  if (!forGood) // the handle and one plan, and what could not be given back
    EXPECT_EQ(control<int()>("fake_products")(), 5 + int(symbol == "cublasLtMatmulPreferenceDestroy"))
        << symbol;
}

void loseContext(const std::string &symbol, int skip, bool) {
  failOnce(symbol, skip, 700);
  exercise(); // at the latest this notices
  std::string message = exercise();
  bool forGood = isOneOf(symbol, {"cuInit", "cuDriverGetVersion", "cuDeviceGetCount"});
  if (!forGood)
    EXPECT_EQ(message.find("CUDA device 0: lost to this process since an earlier error (cu"), 0u) << message;
  EXPECT_EQ(control<int()>("fake_contexts")(), symbol == "cuCtxPopCurrent" ? 1 : 0);
}

/// Runs `body` in a child for each call of `symbol` that a process makes.
template <typename Body> void forEachCall(const std::string &symbol, bool pools, Body body) {
  int code = 0;
  for (int skip = 0; skip < 40 && code == 0; ++skip)
    EXPECT_EXIT(
        {
          setenv("FAKE_CUDA_POOLS", pools ? "1" : "0", 1);
          body(symbol, skip, pools);
          endChild();
        },
        [&](int status) {
          code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
          return code == 0 || code == kNotCalled;
        },
        "")
        << symbol << " at call " << skip;
}

class CudaFailure : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    NEEDS_FAKE_DRIVER();
    symbol = withoutVersion(GetParam());
  }
  std::string symbol;
};

TEST_P(CudaFailure, OnceEach) {
  for (bool pools : {true, false})
    forEachCall(symbol, pools, failWithoutMemory);
}

TEST_P(CudaFailure, ThatEndsTheContext) { forEachCall(symbol, true, loseContext); }

INSTANTIATE_TEST_SUITE_P(Table, CudaFailure, testing::ValuesIn(functions()),
                         [](const auto &info) { return std::string(info.param); });

void enterFault(void **arguments) {
  gqa_rt_cuda_launch(static_cast<gqa_rt_cuda_module *>(arguments[0]), "fault", 1, 1, 1, /*cluster=*/1, 32, 0,
                     0, nullptr);
}

TEST(CudaFailures, OfAKernelIsRemembered) {
  std::string driver = std::getenv("GQA_CUDA_DRIVER");
  IN_CHILD(driver.c_str(), {
    Module module;
    void *arguments[] = {&module.module};
    gqa_rt_cuda_site site = defaultSite();
    int launched = gqa_rt_cuda_call(&site, enterFault, arguments); // some drivers tell at once
    std::string first = launched ? gqa_rt_last_error() : "";
    if (!launched && gqa_rt_cuda_synchronize(0, nullptr))
      first = gqa_rt_last_error();
    EXPECT_EQ(first.find("CUDA device 0: cu"), 0u) << first;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(gqa_rt_cuda_call(&site, enterFault, arguments), 1);
      EXPECT_EQ(std::string(gqa_rt_last_error())
                    .find("CUDA device 0: lost to this process since an earlier error (cu"),
                0u)
          << gqa_rt_last_error();
    }
  });
}

} // namespace
