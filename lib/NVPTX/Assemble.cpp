// Runs ptxas on files of its own, and reads what it says.
#include "gqa/NVPTX/Assemble.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <optional>

using llvm::StringRef;

namespace gqa {
namespace {

constexpr unsigned kSeconds = 300; // that ptxas may take

llvm::Error fail(const llvm::Twine &message) { return llvm::createStringError(message); }

llvm::Expected<std::string> findAssembler() {
  auto variable = [](const char *name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  std::string home = variable("CUDA_HOME");
  const std::string places[] = {variable("GQA_CUDA_TOOLS"), variable("PATH"),
                                home.empty() ? home : home + "/bin"};
  for (StringRef folder : places) {
    llvm::SmallVector<StringRef> folders;
    folder.split(folders, ':', -1, /*KeepEmpty=*/false);
    if (folders.empty())
      continue;
    if (auto found = llvm::sys::findProgramByName("ptxas", folders))
      return *found;
  }
  return fail(
      "machine code for GPUs needs ptxas, which is not in $GQA_CUDA_TOOLS, on PATH or in $CUDA_HOME/bin; "
      "the CUDA toolkit has it, and so has the Python package nvidia-cuda-nvcc");
}

/// A file that goes away with this.
struct TemporaryFile {
  llvm::SmallString<128> path;
  std::optional<llvm::FileRemover> remover;

  llvm::Error create(StringRef suffix, StringRef text) {
    int descriptor = -1;
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("gqa", suffix, descriptor, path))
      return fail("no temporary file can be made: " + error.message());
    remover.emplace(path);
    llvm::raw_fd_ostream out(descriptor, /*shouldClose=*/true);
    out << text;
    out.close();
    if (!out.has_error())
      return llvm::Error::success();
    std::string reason = out.error().message();
    out.clear_error();
    return fail(path + ": " + reason);
  }

  llvm::Expected<std::string> read() const {
    auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!buffer)
      return fail(path + ": " + buffer.getError().message());
    return (*buffer)->getBuffer().str();
  }
};

/// What in the assembler's log makes kernels slow.
std::vector<std::string> readNotes(StringRef log) {
  llvm::Regex entry("Compiling entry function '([^']*)'"),
      spills("([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads");
  std::vector<std::string> notes;
  std::string kernel;
  for (StringRef line : llvm::split(log, '\n')) {
    llvm::SmallVector<StringRef> found;
    if (entry.match(line, &found))
      kernel = found[1].str();
    else if (spills.match(line, &found) && (found[1] != "0" || found[2] != "0"))
      notes.push_back("kernel '" + kernel + "' spills registers: " + found[0].str());
    else if (line.contains("C75"))
      notes.push_back(line.trim().str());
  }
  return notes;
}

} // namespace

llvm::Expected<Cubin> assemble(StringRef ptx, StringRef chip) {
  llvm::Expected<std::string> program = findAssembler();
  if (!program)
    return program.takeError();
  TemporaryFile source, log, target;
  if (llvm::Error error = llvm::joinErrors(
          source.create("ptx", ptx), llvm::joinErrors(log.create("log", ""), target.create("cubin", ""))))
    return std::move(error);
  std::string arch = "-arch=" + chip.str(), message;
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log.path), StringRef(log.path)};
  int status =
      llvm::sys::ExecuteAndWait(*program, {*program, arch, "-O3", "-v", source.path, "-o", target.path},
                                std::nullopt, redirects, kSeconds, /*MemoryLimit=*/0, &message);
  llvm::Expected<std::string> text = log.read();
  if (!text)
    return text.takeError();
  if (status != 0)
    return fail("ptxas fails for " + chip + ": " +
                (message.empty() ? StringRef(*text).trim() : StringRef(message)));
  llvm::Expected<std::string> code = target.read();
  if (!code)
    return code.takeError();
  return Cubin{std::move(*code), readNotes(*text)};
}

std::string identifyAssembler() {
  llvm::Expected<std::string> program = findAssembler();
  if (!program) {
    llvm::consumeError(program.takeError());
    return "";
  }
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(*program, status))
    return *program;
  auto changed = status.getLastModificationTime().time_since_epoch().count();
  return *program + " " + std::to_string(status.getSize()) + " " + std::to_string(changed);
}

} // namespace gqa
