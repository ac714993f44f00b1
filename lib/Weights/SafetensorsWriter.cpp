// Safetensors.cpp has the format. Spaces behind the header's JSON are allowed, holes in the data are not.
#include "gqa/Weights/SafetensorsWriter.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace gqa {

constexpr size_t kEntryRoom = 320; // dtype, two offsets and eight sizes of 20 digits, with their punctuation
constexpr size_t kEscapeRoom = 6;  // a character of a name as JSON may write it: \u0000

TensorFileWriter::TensorFileWriter() = default;
TensorFileWriter::TensorFileWriter(TensorFileWriter &&) = default;

TensorFileWriter::~TensorFileWriter() {
  if (stream) { // it writes what it holds before its file is closed; errors are fatal unless they are cleared
    stream->flush();
    stream->clear_error();
    stream.reset();
  }
  if (file)
    llvm::consumeError(file->discard());
}

llvm::Expected<TensorFileWriter> TensorFileWriter::create(llvm::StringRef path, size_t count,
                                                          size_t nameBytes) {
  TensorFileWriter writer;
  writer.path = path.str();
  if (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path))
    return llvm::createStringError(path + ": expected the name of a file, and it is none");
  llvm::Expected<llvm::sys::fs::TempFile> file = llvm::sys::fs::TempFile::create(path + ".%%%%%%%%");
  if (!file)
    return llvm::createStringError(path + ": " + llvm::toString(file.takeError()));
  writer.file = std::make_unique<llvm::sys::fs::TempFile>(std::move(*file));
  writer.stream = std::make_unique<llvm::raw_fd_ostream>(writer.file->FD, /*shouldClose=*/false);
  writer.room = llvm::alignTo(2 + kEntryRoom * count + kEscapeRoom * nameBytes, 8);
  writer.stream->write_zeros(8 + writer.room);
  return writer;
}

bool TensorFileWriter::append(llvm::StringRef name, llvm::StringRef dtype, llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<char> data) {
  if (has(name))
    return false;
  llvm::json::Object entry{{"dtype", dtype},
                           {"shape", llvm::json::Array(shape)},
                           {"data_offsets", llvm::json::Array{bytes, bytes + data.size()}}};
  entries.try_emplace(name.str(), std::move(entry));
  stream->write(data.data(), data.size());
  bytes += data.size();
  return true;
}

llvm::Error TensorFileWriter::finish() {
  std::string header;
  llvm::raw_string_ostream(header) << llvm::json::Value(std::move(entries));
  if (header.size() > room)
    return llvm::createStringError(path + ": its header needs " + llvm::Twine(header.size()) +
                                   " bytes, room is for " + llvm::Twine(room));
  header.append(room - header.size(), ' ');
  char length[8];
  llvm::support::endian::write64le(length, room);
  stream->seek(0);
  stream->write(length, sizeof(length));
  *stream << header;
  stream->flush();
  if (std::error_code error = stream->error()) {
    stream->clear_error();
    return llvm::createStringError(path + ": " + error.message());
  }
  stream.reset();
  std::unique_ptr<llvm::sys::fs::TempFile> done = std::move(file);
  if (llvm::Error error = done->keep(path))
    return llvm::joinErrors(llvm::createStringError(path + ": cannot be written"), std::move(error));
  return llvm::Error::success();
}

} // namespace gqa
