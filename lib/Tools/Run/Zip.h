// The part of ZIP that NumPy's files have: members stored or deflated, and sizes beyond 4 GiB.
#ifndef GQA_LIB_TOOLS_RUN_ZIP_H
#define GQA_LIB_TOOLS_RUN_ZIP_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace gqa::run {

struct ZipMember {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t checksum = 0;
  uint64_t packed = 0, size = 0; ///< bytes in the file, and what they are unpacked
  uint64_t offset = 0;           ///< of its header
};

/// The members of an archive, as its directory lists them. An error if this is none.
llvm::Expected<std::vector<ZipMember>> listZip(llvm::StringRef archive);

/// The bytes of one, which agree with its checksum.
llvm::Expected<std::string> readZip(llvm::StringRef archive, const ZipMember &member);

/// Writes an archive of stored members, the same bytes for the same members. `finish` comes last.
class ZipWriter {
public:
  explicit ZipWriter(llvm::raw_ostream &out) : out(out), begin(out.tell()) {}

  /// A member of these bytes, one after another.
  void add(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> parts);
  void finish();

private:
  llvm::raw_ostream &out;
  uint64_t begin;
  std::vector<ZipMember> members;
};

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_ZIP_H
