// Compiling for gqa.h: from a text, a file or a description, to memory or to a library on disk.
#include "AttentionText.h"
#include "Function.h"
#include "Status.h"

#include "gqa/Artifact/Write.h"

#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <cstring>

using namespace gqa;

namespace {

/// What is to be compiled, and how.
struct Source {
  std::string text;
  CompileOptions options;
};

/// A structure of the caller, which may be shorter or longer than ours: what it does not have is 0.
template <typename T> llvm::Expected<T> read(const T *given, const char *name) {
  T result{};
  if (!given)
    return result;
  if (given->struct_size < sizeof(size_t) || given->struct_size > 4096)
    return llvm::createStringError("struct_size of %s is %zu, expected sizeof(%s)", name, given->struct_size,
                                   name);
  std::memcpy(&result, given, std::min(given->struct_size, sizeof(T)));
  return result;
}

CompileOptions optionsOf(const gqa_compile_options &given) {
  CompileOptions options;
  auto set = [](std::string &to, const char *from) {
    if (from)
      to = from;
  };
  set(options.target, given.target);
  set(options.function, given.function);
  set(options.filename, given.filename);
  set(options.report, given.report);
  options.simplify = !given.keep_graph;
  if (gqa_remark_callback callback = given.on_remark)
    options.onRemark = [callback, context = given.remark_context](const Remark &remark) {
      gqa_remark told{sizeof(gqa_remark),  gqa_remark_kind(remark.kind), remark.pass.c_str(),
                      remark.name.c_str(), remark.text.c_str(),          remark.place.c_str()};
      callback(&told, context);
    };
  return options;
}

gqa_status readText(const char *text, size_t length, const gqa_compile_options *options, Source &source) {
  if (!text)
    return null("text");
  auto given = read(options, "gqa_compile_options");
  if (!given)
    return fail(GQA_INVALID_ARGUMENT, given.takeError());
  source = {length ? std::string(text, length) : std::string(text), optionsOf(*given)};
  return GQA_OK;
}

gqa_status readFile(const char *path, const gqa_compile_options *options, Source &source) {
  if (!path)
    return null("path");
  auto given = read(options, "gqa_compile_options");
  if (!given)
    return fail(GQA_INVALID_ARGUMENT, given.takeError());
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return fail(GQA_INVALID_ARGUMENT, std::string(path) + ": " + buffer.getError().message());
  source = {(*buffer)->getBuffer().str(), optionsOf(*given)};
  if (!given->filename)
    source.options.filename = path;
  return GQA_OK;
}

gqa_status readAttention(const gqa_attention *attention, const gqa_compile_options *options, Source &source) {
  if (!attention)
    return null("attention");
  auto described = read(attention, "gqa_attention");
  if (!described)
    return fail(GQA_INVALID_ARGUMENT, described.takeError());
  auto given = read(options, "gqa_compile_options");
  if (!given)
    return fail(GQA_INVALID_ARGUMENT, given.takeError());
  llvm::Expected<std::string> text = attentionText(*described);
  if (!text)
    return fail(GQA_INVALID_ARGUMENT, text.takeError());
  source = {std::move(*text), optionsOf(*given)};
  source.options.function = "main";
  source.options.simplify = true;
  return GQA_OK;
}

/// What `read` has read, in memory.
template <typename Read> gqa_status compile(gqa_function **function, Read read) {
  if (!function)
    return null("function");
  *function = nullptr;
  Source source;
  if (gqa_status status = read(source))
    return status;
  auto compiled = CompiledFunction::compile(source.text, source.options);
  if (!compiled)
    return fail(GQA_COMPILE_ERROR, compiled.takeError());
  *function = new gqa_function{std::move(*compiled)};
  return GQA_OK;
}

/// The same in a library.
template <typename Read> gqa_status write(const char *library, Read read) {
  if (!library)
    return null("library");
  Source source;
  if (gqa_status status = read(source))
    return status;
  if (llvm::Error error = writeArtifact(source.text, source.options, library))
    return fail(GQA_COMPILE_ERROR, std::move(error));
  return GQA_OK;
}

} // namespace

gqa_status gqa_compile(const char *text, size_t length, const gqa_compile_options *options,
                       gqa_function **function) {
  return compile(function, [&](Source &source) { return readText(text, length, options, source); });
}

gqa_status gqa_compile_file(const char *path, const gqa_compile_options *options, gqa_function **function) {
  return compile(function, [&](Source &source) { return readFile(path, options, source); });
}

gqa_status gqa_compile_attention(const gqa_attention *attention, const gqa_compile_options *options,
                                 gqa_function **function) {
  return compile(function, [&](Source &source) { return readAttention(attention, options, source); });
}

gqa_status gqa_write_library(const char *text, size_t length, const gqa_compile_options *options,
                             const char *library) {
  return write(library, [&](Source &source) { return readText(text, length, options, source); });
}

gqa_status gqa_write_library_of_file(const char *path, const gqa_compile_options *options,
                                     const char *library) {
  return write(library, [&](Source &source) { return readFile(path, options, source); });
}

gqa_status gqa_write_library_of_attention(const gqa_attention *attention, const gqa_compile_options *options,
                                          const char *library) {
  return write(library, [&](Source &source) { return readAttention(attention, options, source); });
}
