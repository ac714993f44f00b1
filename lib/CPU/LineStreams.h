// Bringing lines near while a product runs.
#ifndef GQA_LIB_CPU_LINESTREAMS_H
#define GQA_LIB_CPU_LINESTREAMS_H

#include "VectorBuilder.h"

namespace gqa {

/// The lines of several buffers, in turn, each in the order of their addresses. A processor's own prefetcher,
/// which keeps more misses in flight than a program can, follows ascending addresses to the end of a page;
/// with more than one stream it always has one to follow.
class LineStreams {
public:
  using Value = mlir::Value;

  /// Of each buffer the rows that its type says, or as many as the product has keys, divided by the number of
  /// buffers.
  LineStreams(VectorBuilder &b, mlir::ValueRange buffers, int64_t blockKeys);

  bool empty() const { return streams.empty(); }
  /// Lines of all streams.
  int64_t lines() const;
  /// Fetches share `number` of `shares` equal ones: shares are what is spread over a product. A share is
  /// fetched in `parts`, of which number 0 comes first, where a loop's body has room for them.
  void fetch(Value number, int64_t shares, int64_t part = 0, int64_t parts = 1);
  /// The same in fewer instructions, for lines that are no further than L3: those of a share are the same
  /// part of the stream apart, if rows can be cut so.
  void fetchApart(Value number, int64_t shares);

private:
  struct Stream {
    Value buffer; // of one dimension if it is `flat`: its rows are known to be one behind the other
    bool flat;
    int64_t linesOfRow, lines;
  };
  void fetchLine(const Stream &stream, int64_t i, Value number, int64_t shares);
  void prefetch(const Stream &stream, Value row, Value line);
  void request(const Stream &stream, Value row, Value column, int64_t locality);

  VectorBuilder &b;
  llvm::SmallVector<Stream> streams;
};

} // namespace gqa

#endif // GQA_LIB_CPU_LINESTREAMS_H
