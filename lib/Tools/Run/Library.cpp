#include "Library.h"
#include "Array.h"

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <dlfcn.h>

namespace gqa::run {
namespace {

std::vector<TensorType> typesOf(const gqa_tensor_type *types, size_t count) {
  std::vector<TensorType> copies;
  for (const gqa_tensor_type &type : llvm::ArrayRef(types, count))
    copies.push_back({type.dtype, {type.shape, type.shape + type.ndim}, type.parameter});
  return copies;
}

/// The file with the parameters, or "".
std::string weightsOf(const gqa_artifact &artifact) {
  llvm::Expected<llvm::json::Value> signature = llvm::json::parse(artifact.signature);
  if (!signature) {
    llvm::consumeError(signature.takeError());
    return "";
  }
  return signature->getAsObject()->getString("weights").value_or("").str();
}

/// The loader maps a file that has been cut off, and crashes later. What stands at the end are the sections'
/// headers.
llvm::Error checkWhole(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path + ": " + buffer.getError().message());
  auto file = llvm::object::ELF64LEFile::create((*buffer)->getBuffer());
  llvm::Error error = file ? file->sections().takeError() : file.takeError();
  return error ? fail(path + " cannot be loaded: " + llvm::toString(std::move(error)))
               : llvm::Error::success();
}

} // namespace

bool Library::is(llvm::StringRef path) {
  llvm::file_magic magic;
  return path != "-" && !llvm::identify_magic(path, magic) && magic == llvm::file_magic::elf_shared_object;
}

llvm::Expected<std::unique_ptr<Library>> Library::load(llvm::StringRef path) {
  if (llvm::Error error = checkWhole(path))
    return std::move(error);
  // With a slash, else the loader looks in folders of its own.
  std::string name = path.contains('/') ? path.str() : ("./" + path).str();
  void *handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(llvm::Twine(path) + " cannot be loaded: " + dlerror());
  auto get = reinterpret_cast<gqa_artifact_getter>(dlsym(handle, "gqa_artifact"));
  if (!get)
    return fail(path + " is a library, but not one that gqa-compile has written");
  auto library = std::make_unique<Library>();
  const gqa_artifact *artifact = library->artifact = get();
  if (artifact->version < GQA_ARTIFACT_VERSION)
    return fail(path + " is of version " + llvm::Twine(artifact->version) + " of gqa/artifact.h, expected " +
                llvm::Twine(GQA_ARTIFACT_VERSION) + " or later; compile it again");
  if (!artifact->target(artifact))
    return fail(path + ": " + artifact->last_error());
  library->types = {artifact->name, typesOf(artifact->inputs, artifact->num_inputs),
                    typesOf(artifact->outputs, artifact->num_outputs), weightsOf(*artifact)};
  for (auto [index, input] : llvm::enumerate(library->types.inputs))
    if (artifact->donated)
      input.donatedTo = artifact->donated[index];
  return std::move(library);
}

llvm::Expected<std::vector<DLManagedTensor *>> Library::call(llvm::ArrayRef<const DLTensor *> inputs) {
  std::vector<DLManagedTensor *> results(types.outputs.size());
  if (artifact->call_alloc(artifact, inputs.data(), inputs.size(), results.data(), results.size(), nullptr))
    return fail(artifact->last_error());
  return results;
}

} // namespace gqa::run
