// gqa.h for C++: objects that release what they own, and results that are a value or an error. Header-only,
// C++17; nothing throws.
//
//   gqa::Result<gqa::Function> function = gqa::Function::compile(text);
//   if (!function)
//     return puts(function.error().message.c_str());
//   gqa::Status status = function->call({&q, &k, &v}, {&output});
#ifndef GQA_GQA_HPP
#define GQA_GQA_HPP

#include "gqa/gqa.h"

#include <cassert>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gqa {

struct Error {
  gqa_status code = GQA_OK;
  std::string message; ///< its first line is the whole message
};

/// A value, or why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::move(value)) {}
  Result(Error error) : state(std::move(error)) {}

  explicit operator bool() const { return state.index() == 0; }
  T &operator*() & { return get(); }
  T &&operator*() && { return std::move(get()); }
  T *operator->() { return &get(); }
  const Error &error() const {
    assert(!*this && "there is no error");
    return std::get<1>(state);
  }

private:
  T &get() {
    assert(*this && "there is no value, ask first");
    return std::get<0>(state);
  }
  std::variant<T, Error> state;
};

/// Success, or an error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failure(std::move(error)) {}

  explicit operator bool() const { return failure.code == GQA_OK; }
  const Error &error() const { return failure; }

private:
  Error failure;
};

/// Of a call of gqa.h that has just returned `status` on this thread.
inline Status statusOf(gqa_status status) {
  return status ? Status(Error{status, gqa_last_error()}) : Status();
}

/// A result of a call, with its memory.
struct TensorDeleter {
  void operator()(DLManagedTensor *tensor) const {
    if (tensor->deleter)
      tensor->deleter(tensor);
  }
};
using Tensor = std::unique_ptr<DLManagedTensor, TensorDeleter>;

/// Options with their size set.
inline gqa_compile_options defaultOptions() {
  gqa_compile_options options{};
  options.struct_size = sizeof(options);
  return options;
}

/// Is told what compiling finds out; the strings are valid during the call.
using RemarkHandler = std::function<void(const gqa_remark &)>;

/// Options whose remarks go to `handler`, which must live until compiling is over.
inline gqa_compile_options withRemarks(RemarkHandler &handler,
                                       gqa_compile_options options = defaultOptions()) {
  options.on_remark = [](const gqa_remark *remark, void *context) {
    (*static_cast<RemarkHandler *>(context))(*remark);
  };
  options.remark_context = &handler;
  return options;
}

using LogHandler = std::function<void(gqa_log_level, std::string_view)>;

/// From now on the process's log goes to `handler`, which must live until another one is set and no thread
/// compiles any more; null: nowhere.
inline void setLog(LogHandler *handler) {
  auto callback = [](gqa_log_level level, const char *line, void *context) {
    (*static_cast<LogHandler *>(context))(level, line);
  };
  gqa_set_log(handler ? +callback : nullptr, handler);
}

/// From now on work is done in threads that the program lends, as gqa.h says; null: in the library's own.
inline void setParallel(gqa_parallel parallel) { gqa_set_parallel(parallel); }

/// The description of an attention, with its size set: f32, any batch and any number of queries and keys.
inline gqa_attention describeAttention(int64_t qHeads, int64_t kvHeads, int64_t dim) {
  gqa_attention attention{};
  attention.struct_size = sizeof(attention);
  attention.dtype = {kDLFloat, 32, 1};
  attention.batch = attention.queries = attention.keys = -1;
  attention.q_heads = qHeads;
  attention.kv_heads = kvHeads;
  attention.dim = attention.value_dim = dim;
  attention.window_left = attention.window_right = -1;
  return attention;
}

/// Libraries on disk, for programs that have no compiler: see gqa/artifact.h.
inline Status writeLibrary(std::string_view text, const std::string &library,
                           const gqa_compile_options &options = defaultOptions()) {
  if (text.empty()) // a length of 0 would mean something else
    return Error{GQA_INVALID_ARGUMENT, "the text is empty"};
  return statusOf(gqa_write_library(text.data(), text.size(), &options, library.c_str()));
}
inline Status writeLibraryOfFile(const std::string &path, const std::string &library,
                                 const gqa_compile_options &options = defaultOptions()) {
  return statusOf(gqa_write_library_of_file(path.c_str(), &options, library.c_str()));
}
inline Status writeLibraryOfAttention(const gqa_attention &attention, const std::string &library,
                                      const gqa_compile_options &options = defaultOptions()) {
  return statusOf(gqa_write_library_of_attention(&attention, &options, library.c_str()));
}

/// A compiled function. Move-only; calls may run on several threads at once.
class Function {
public:
  static Result<Function> compile(std::string_view text,
                                  const gqa_compile_options &options = defaultOptions()) {
    if (text.empty()) // a length of 0 would mean something else
      return Error{GQA_INVALID_ARGUMENT, "the text is empty"};
    gqa_function *function = nullptr;
    gqa_status status = gqa_compile(text.data(), text.size(), &options, &function);
    return made(status, function);
  }
  static Result<Function> compileFile(const std::string &path,
                                      const gqa_compile_options &options = defaultOptions()) {
    gqa_function *function = nullptr;
    gqa_status status = gqa_compile_file(path.c_str(), &options, &function);
    return made(status, function);
  }
  static Result<Function> attention(const gqa_attention &attention,
                                    const gqa_compile_options &options = defaultOptions()) {
    gqa_function *function = nullptr;
    gqa_status status = gqa_compile_attention(&attention, &options, &function);
    return made(status, function);
  }

  const char *name() const { return gqa_name(handle.get()); }
  size_t numInputs() const { return gqa_num_inputs(handle.get()); }
  size_t numOutputs() const { return gqa_num_outputs(handle.get()); }
  Result<gqa_tensor_type> inputType(size_t index) const {
    gqa_tensor_type type;
    return gqa_input_type(handle.get(), index, &type) ? Result<gqa_tensor_type>(last(GQA_INVALID_ARGUMENT))
                                                      : type;
  }
  Result<gqa_tensor_type> outputType(size_t index) const {
    gqa_tensor_type type;
    return gqa_output_type(handle.get(), index, &type) ? Result<gqa_tensor_type>(last(GQA_INVALID_ARGUMENT))
                                                       : type;
  }
  /// The output that is written over input `index`, or -1.
  int64_t donatedOutput(size_t index) const { return gqa_donated_output(handle.get(), index); }

  /// Calls with memory for the results. `stream`: a CUstream, where arguments are on a GPU.
  Status call(const std::vector<const DLTensor *> &inputs, const std::vector<DLTensor *> &outputs,
              void *stream = nullptr) const {
    return statusOf(
        gqa_call(handle.get(), inputs.data(), inputs.size(), outputs.data(), outputs.size(), stream));
  }
  /// Calls with results that the function allocates.
  Result<std::vector<Tensor>> run(const std::vector<const DLTensor *> &inputs, void *stream = nullptr) const {
    std::vector<DLManagedTensor *> outputs(numOutputs());
    gqa_status status =
        gqa_call_alloc(handle.get(), inputs.data(), inputs.size(), outputs.data(), outputs.size(), stream);
    if (status)
      return last(status);
    std::vector<Tensor> tensors;
    for (DLManagedTensor *output : outputs)
      tensors.emplace_back(output);
    return tensors;
  }

private:
  struct Release {
    void operator()(gqa_function *function) const { gqa_release(function); }
  };
  explicit Function(gqa_function *function) : handle(function) {}

  static Error last(gqa_status status) { return {status, gqa_last_error()}; }
  static Result<Function> made(gqa_status status, gqa_function *function) {
    return status ? Result<Function>(last(status)) : Function(function);
  }

  std::unique_ptr<gqa_function, Release> handle;
};

} // namespace gqa

#endif // GQA_GQA_HPP
