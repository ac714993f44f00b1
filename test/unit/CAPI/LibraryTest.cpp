// Libraries on disk, written through gqa.h and gqa.hpp, and called as a program without the compiler does.
#include "gqa/artifact.h"
#include "gqa/gqa.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr const char *kTwice = "func.func @twice(%a: tensor<?xf32>) -> tensor<?xf32> {\n"
                               "  %s = arith.addf %a, %a : tensor<?xf32>\n  return %s : tensor<?xf32>\n}\n";

class Library : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/gqa-capi-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    path = folder + "/made.so";
  }
  void TearDown() override {
    if (handle)
      dlclose(handle);
    std::remove(path.c_str());
    rmdir(folder.c_str());
  }

  const gqa_artifact *load() {
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      ADD_FAILURE() << dlerror();
    auto *get = handle ? reinterpret_cast<gqa_artifact_getter>(dlsym(handle, "gqa_artifact")) : nullptr;
    return get ? get() : nullptr;
  }

  /// Of one argument, a vector.
  static std::vector<float> call(const gqa_artifact &function, std::vector<float> values) {
    int64_t size = int64_t(values.size());
    std::vector<float> result(values.size());
    DLTensor in{values.data(), {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, &size, nullptr, 0}, out = in;
    out.data = result.data();
    const DLTensor *inputs[] = {&in};
    DLTensor *outputs[] = {&out};
    EXPECT_EQ(function.call(&function, inputs, 1, outputs, 1, nullptr), GQA_OK) << function.last_error();
    return result;
  }

  std::string folder, path;
  void *handle = nullptr;
};

TEST_F(Library, OfAText) {
  ASSERT_EQ(gqa_write_library(kTwice, 0, nullptr, path.c_str()), GQA_OK) << gqa_last_error();
  const gqa_artifact *twice = load();
  ASSERT_NE(twice, nullptr);
  EXPECT_STREQ(twice->name, "twice");
  EXPECT_EQ(call(*twice, {1, 2, 3}), (std::vector<float>{2, 4, 6}));
}

TEST_F(Library, OfAFileForSeveralProcessors) {
  std::string source = folder + "/twice.mlir";
  std::ofstream(source) << kTwice;
  gqa_compile_options options = gqa::defaultOptions();
  options.target = "cpu:x86-64,cpu:x86-64-v2";
  gqa::Status status = gqa::writeLibraryOfFile(source, path, options);
  std::remove(source.c_str());
  ASSERT_TRUE(status) << status.error().message;
  const gqa_artifact *twice = load();
  ASSERT_NE(twice, nullptr);
  EXPECT_STREQ(twice->target(twice), "cpu:x86-64-v2");
  EXPECT_EQ(call(*twice, {-1.5}), std::vector<float>{-3});
}

// Of one key the output is the value.
TEST_F(Library, OfAnAttention) {
  gqa_attention attention = gqa::describeAttention(4, 2, 8);
  gqa::Status status = gqa::writeLibraryOfAttention(attention, path);
  ASSERT_TRUE(status) << status.error().message;
  const gqa_artifact *made = load();
  ASSERT_NE(made, nullptr);
  std::vector<float> q(32, 0.5f), k(16, 2.0f), v(16), o(32);
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = float(i);
  int64_t queries[] = {1, 4, 1, 8}, keys[] = {1, 2, 1, 8};
  auto view = [](std::vector<float> &values, int64_t *shape) {
    return DLTensor{values.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape, nullptr, 0};
  };
  DLTensor tensors[] = {view(q, queries), view(k, keys), view(v, keys), view(o, queries)};
  const DLTensor *inputs[] = {&tensors[0], &tensors[1], &tensors[2]};
  DLTensor *outputs[] = {&tensors[3]};
  ASSERT_EQ(made->call(made, inputs, 3, outputs, 1, nullptr), GQA_OK) << made->last_error();
  for (size_t head = 0; head < 4; ++head)
    for (size_t d = 0; d < 8; ++d)
      EXPECT_FLOAT_EQ(o[head * 8 + d], v[head / 2 * 8 + d]);
}

// Its code ends the life of results, and those of threads that have called it.
TEST_F(Library, ResultsOutliveWhoeverLoadedIt) {
  ASSERT_EQ(gqa_write_library(kTwice, 0, nullptr, path.c_str()), GQA_OK) << gqa_last_error();
  DLManagedTensor *result = nullptr;
  std::thread([&] {
    const gqa_artifact *twice = load();
    ASSERT_NE(twice, nullptr);
    float value = 3;
    int64_t size = 1;
    DLTensor in{&value, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, &size, nullptr, 0};
    const DLTensor *inputs[] = {&in};
    ASSERT_EQ(twice->call_alloc(twice, inputs, 1, &result, 1, nullptr), GQA_OK) << twice->last_error();
  }).join();
  ASSERT_NE(result, nullptr);
  dlclose(handle);
  handle = nullptr;
  EXPECT_EQ(*static_cast<float *>(result->dl_tensor.data), 6);
  result->deleter(result);
}

TEST_F(Library, ErrorsSayWhatIsWrongAndLeaveNoFile) {
  auto expect = [&](gqa_status found, gqa_status wanted, const std::string &words) {
    EXPECT_EQ(found, wanted) << gqa_last_error();
    EXPECT_NE(std::string(gqa_last_error()).find(words), std::string::npos) << gqa_last_error();
    EXPECT_NE(access(path.c_str(), F_OK), 0);
  };
  gqa_attention attention = gqa::describeAttention(4, 3, 8);
  gqa_compile_options options = gqa::defaultOptions();
  expect(gqa_write_library(nullptr, 0, nullptr, path.c_str()), GQA_INVALID_ARGUMENT, "text is a null");
  expect(gqa_write_library(kTwice, 0, nullptr, nullptr), GQA_INVALID_ARGUMENT, "library is a null");
  expect(gqa_write_library("what", 0, nullptr, path.c_str()), GQA_COMPILE_ERROR, "<module>:1:1");
  expect(gqa_write_library_of_file(nullptr, nullptr, path.c_str()), GQA_INVALID_ARGUMENT, "path is a null");
  expect(gqa_write_library_of_file("/nowhere.mlir", nullptr, path.c_str()), GQA_INVALID_ARGUMENT, "nowhere");
  expect(gqa_write_library_of_attention(nullptr, nullptr, path.c_str()), GQA_INVALID_ARGUMENT,
         "attention is a null");
  expect(gqa_write_library_of_attention(&attention, nullptr, path.c_str()), GQA_INVALID_ARGUMENT, "kv_heads");
  options.target = "cpu,tpu";
  expect(gqa_write_library(kTwice, 0, &options, path.c_str()), GQA_COMPILE_ERROR, "tpu");
  expect(gqa_write_library(kTwice, 0, nullptr, (folder + "/none/made.so").c_str()), GQA_COMPILE_ERROR,
         "none/made.so");
  options.struct_size = 0;
  expect(gqa_write_library(kTwice, 0, &options, path.c_str()), GQA_INVALID_ARGUMENT, "struct_size");
  EXPECT_FALSE(gqa::writeLibrary("", path));
}

} // namespace
