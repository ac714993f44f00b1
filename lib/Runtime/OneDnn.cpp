// The part of oneDNN's C interface (version 3) that a product takes, without its headers. Like the BLAS it
// runs on the calling thread only, so a result does not depend on the number of threads.
#include "OneDnn.h"

#include "gqa/Runtime/Runtime.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <type_traits>
#include <utility>

namespace gqa::rt {
namespace {

using Handle = struct Opaque *;
enum DataType { BF16 = 2, F32 = 3 };
enum Argument { Source = 1, Destination = 17, Weights = 33, Scratchpad = 80 };
constexpr int Cpu = 1, InOrder = 1, UserScratchpad = 1, ImplementationQuery = 8, ScratchpadQuery = 136;
constexpr size_t mostPrimitives = 512; // of sizes that calls decide there may be any number

struct Version {
  int major, minor, patch;
};

struct ExecArgument {
  int argument;
  Handle memory;
};

/// An object of the library, destroyed at the end of its scope.
class Owned {
public:
  explicit Owned(int (*destroy)(Handle)) : destroy(destroy) {}
  Owned(Owned &&other) : destroy(other.destroy), handle(std::exchange(other.handle, nullptr)) {}
  ~Owned() {
    if (handle)
      destroy(handle);
  }
  Handle *operator&() { return &handle; }
  operator Handle() const { return handle; }

private:
  int (*destroy)(Handle);
  Handle handle = nullptr;
};

} // namespace

struct OneDnn::Library {
  const Version *(*version)();
  int (*createEngine)(Handle *, int kind, size_t index);
  int (*createStream)(Handle *, Handle engine, unsigned flags);
  int (*createDescriptor)(Handle *, int dims, const int64_t *sizes, int type, const int64_t *strides);
  int (*destroyDescriptor)(Handle);
  size_t (*sizeOf)(Handle descriptor);
  int (*createAttributes)(Handle *);
  int (*destroyAttributes)(Handle);
  int (*setScratchpadMode)(Handle attributes, int mode);
  int (*setPostOps)(Handle attributes, Handle postOps);
  int (*createPostOps)(Handle *);
  int (*destroyPostOps)(Handle);
  int (*appendSum)(Handle, float scale, int32_t zeroPoint, int type);
  int (*createMatmul)(Handle *, Handle engine, Handle a, Handle b, Handle bias, Handle c, Handle attributes);
  int (*destroyPrimitiveDescriptor)(Handle);
  int (*query)(Handle, int what, int index, void *result);
  Handle (*queryDescriptor)(Handle, int what, int index);
  int (*createPrimitive)(Handle *, Handle descriptor);
  int (*destroyPrimitive)(Handle);
  int (*createMemory)(Handle *, Handle descriptor, Handle engine, void *data);
  int (*destroyMemory)(Handle);
  int (*execute)(Handle primitive, Handle stream, int count, const ExecArgument *arguments);
  int (*getOpenMPThreads)() = nullptr; // null where the library uses none
  void (*setOpenMPThreads)(int) = nullptr;
  Handle engine = nullptr;
};

/// A product of one shape. Destroyed never while somebody multiplies.
struct OneDnn::Primitive {
  Owned a, b, c, descriptor, primitive;
  Handle scratchpad = nullptr; // its descriptor, which belongs to `descriptor`
};

namespace {

/// OpenMP's number of threads is each thread's own: one meanwhile.
class OneThread {
public:
  OneThread(int (*get)(), void (*set)(int)) : set(get ? set : nullptr) {
    if (this->set) {
      before = get();
      set(1);
    }
  }
  ~OneThread() {
    if (set)
      set(before);
  }

private:
  void (*set)(int);
  int before = 1;
};

} // namespace

OneDnn::OneDnn() {
  const char *wanted = std::getenv("GQA_ONEDNN");
  const char *name = wanted && *wanted ? wanted : "libdnnl.so.3";
  void *file = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    message =
        std::string(name) +
        " cannot be loaded; install oneDNN 3 (pip has it as onednn-cpu-gomp) or set GQA_ONEDNN to it (" +
        dlerror() + ")";
    return;
  }
  library = std::make_unique<Library>();
  auto find = [&](const char *symbol, auto &function) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(file, symbol));
    if (!function && message.empty())
      message = std::string(name) + " lacks " + symbol + ", which oneDNN 3 has";
  };
  Library &l = *library;
  find("dnnl_version", l.version);
  find("dnnl_engine_create", l.createEngine);
  find("dnnl_stream_create", l.createStream);
  find("dnnl_memory_desc_create_with_strides", l.createDescriptor);
  find("dnnl_memory_desc_destroy", l.destroyDescriptor);
  find("dnnl_memory_desc_get_size", l.sizeOf);
  find("dnnl_primitive_attr_create", l.createAttributes);
  find("dnnl_primitive_attr_destroy", l.destroyAttributes);
  find("dnnl_primitive_attr_set_scratchpad_mode", l.setScratchpadMode);
  find("dnnl_primitive_attr_set_post_ops", l.setPostOps);
  find("dnnl_post_ops_create", l.createPostOps);
  find("dnnl_post_ops_destroy", l.destroyPostOps);
  find("dnnl_post_ops_append_sum", l.appendSum);
  find("dnnl_matmul_primitive_desc_create", l.createMatmul);
  find("dnnl_primitive_desc_destroy", l.destroyPrimitiveDescriptor);
  find("dnnl_primitive_desc_query", l.query);
  find("dnnl_primitive_desc_query_md", l.queryDescriptor);
  find("dnnl_primitive_create", l.createPrimitive);
  find("dnnl_primitive_destroy", l.destroyPrimitive);
  find("dnnl_memory_create", l.createMemory);
  find("dnnl_memory_destroy", l.destroyMemory);
  find("dnnl_primitive_execute", l.execute);
  // Of the library or of what it is linked with; a build for one thread or for oneTBB has none.
  l.getOpenMPThreads = reinterpret_cast<int (*)()>(dlsym(file, "omp_get_max_threads"));
  l.setOpenMPThreads = reinterpret_cast<void (*)(int)>(dlsym(file, "omp_set_num_threads"));
  if (message.empty() && l.version()->major != 3)
    message = std::string(name) + " is oneDNN " + std::to_string(l.version()->major) + ", expected 3";
  if (message.empty() && l.createEngine(&l.engine, Cpu, 0) != 0)
    message = std::string(name) + " has no engine for this processor";
  if (!message.empty())
    library = nullptr;
}

OneDnn &OneDnn::get() {
  static OneDnn &oneDnn = *new OneDnn; // never destroyed: threads may multiply until the process has ended
  return oneDnn;
}

std::shared_ptr<OneDnn::Primitive> OneDnn::find(const HalfProduct &p) {
  if (!library)
    return nullptr;
  std::lock_guard lock(mutex);
  if (auto known = primitives.find(p); known != primitives.end())
    return known->second;
  if (primitives.size() >= mostPrimitives)
    primitives.clear();
  std::shared_ptr<Primitive> &entry = primitives[p];
  const Library &l = *library;
  OneThread one(l.getOpenMPThreads, l.setOpenMPThreads);
  Owned attributes(l.destroyAttributes), postOps(l.destroyPostOps);
  auto made = std::make_shared<Primitive>(
      Primitive{Owned(l.destroyDescriptor), Owned(l.destroyDescriptor), Owned(l.destroyDescriptor),
                Owned(l.destroyPrimitiveDescriptor), Owned(l.destroyPrimitive)});
  auto describe = [&](Owned &descriptor, int64_t rows, int64_t columns, bool transposed, int64_t row,
                      int type) {
    int64_t sizes[] = {rows, columns}, strides[] = {transposed ? 1 : row, transposed ? row : 1};
    return l.createDescriptor(&descriptor, 2, sizes, type, strides) == 0;
  };
  int result = p.narrow ? BF16 : F32;
  bool good = describe(made->a, p.m, p.k, p.transposeA, p.aRow, BF16) &&
              describe(made->b, p.k, p.n, p.transposeB, p.bRow, BF16) &&
              describe(made->c, p.m, p.n, false, p.cRow, result) && l.createAttributes(&attributes) == 0 &&
              l.setScratchpadMode(attributes, UserScratchpad) == 0;
  if (good && p.accumulate)
    good = l.createPostOps(&postOps) == 0 && l.appendSum(postOps, 1, 0, result) == 0 &&
           l.setPostOps(attributes, postOps) == 0;
  const char *implementation = "";
  good = good &&
         l.createMatmul(&made->descriptor, l.engine, made->a, made->b, nullptr, made->c, attributes) == 0 &&
         l.query(made->descriptor, ImplementationQuery, 0, &implementation) == 0 &&
         !std::strstr(implementation, "ref") && l.createPrimitive(&made->primitive, made->descriptor) == 0;
  if (!good)
    return nullptr;
  made->scratchpad = l.queryDescriptor(made->descriptor, ScratchpadQuery, 0);
  return entry = made;
}

bool OneDnn::multiply(const Primitive &primitive, const void *a, const void *b, void *c) const {
  const Library &l = *library;
  OneThread one(l.getOpenMPThreads, l.setOpenMPThreads);
  thread_local Handle stream = nullptr; // lives as long as the engine
  if (!stream && l.createStream(&stream, l.engine, InOrder) != 0)
    return false;
  size_t bytes = l.sizeOf(primitive.scratchpad);
  std::unique_ptr<void, void (*)(void *)> room(bytes ? std::malloc(bytes) : nullptr, std::free);
  if (bytes && !room)
    return false;
  Owned memories[] = {Owned(l.destroyMemory), Owned(l.destroyMemory), Owned(l.destroyMemory),
                      Owned(l.destroyMemory)};
  std::pair<Handle, void *> operands[] = {{primitive.a, const_cast<void *>(a)},
                                          {primitive.b, const_cast<void *>(b)},
                                          {primitive.c, c},
                                          {primitive.scratchpad, room.get()}};
  for (size_t i = 0; i < 4; ++i)
    if (l.createMemory(&memories[i], operands[i].first, l.engine, operands[i].second) != 0)
      return false;
  ExecArgument arguments[] = {
      {Source, memories[0]}, {Weights, memories[1]}, {Destination, memories[2]}, {Scratchpad, memories[3]}};
  return l.execute(primitive.primitive, stream, 4, arguments) == 0;
}

} // namespace gqa::rt

const char *gqa_rt_onednn_error(void) {
  const std::string &error = gqa::rt::OneDnn::get().error();
  return error.empty() ? nullptr : error.c_str();
}
