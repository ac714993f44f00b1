// The .npy format: a magic, a Python dictionary literal with descr, fortran_order and shape, then the
// elements.
#include "Npy.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"

#include <cstring>

namespace gqa::run {
namespace {

/// Reads the dictionary that np.save writes, and nothing else of Python.
class HeaderParser {
public:
  explicit HeaderParser(llvm::StringRef text) : text(text) {}

  /// What stands after `key`, up to the comma or brace that ends it.
  llvm::Expected<llvm::StringRef> value(llvm::StringRef key) {
    size_t at = text.find(("'" + key + "'").str());
    llvm::StringRef rest = at == llvm::StringRef::npos ? "" : text.substr(at + key.size() + 2).ltrim();
    if (!rest.consume_front(":"))
      return fail("its header has no '" + key + "'");
    rest = rest.ltrim();
    if (rest.starts_with("("))
      return rest.take_until([](char c) { return c == ')'; });
    return rest.take_until([](char c) { return c == ',' || c == '}'; }).rtrim();
  }

private:
  llvm::StringRef text;
};

llvm::Expected<std::vector<int64_t>> parseShape(llvm::StringRef text) {
  if (!text.consume_front("("))
    return fail("its shape is not a tuple");
  std::vector<int64_t> shape;
  llvm::SmallVector<llvm::StringRef> sizes;
  text.split(sizes, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef size : sizes) {
    if (size.trim().empty())
      continue;
    int64_t number;
    if (size.trim().getAsInteger(10, number) || number < 0)
      return fail("its shape has the size '" + size.trim() + "'");
    shape.push_back(number);
  }
  if (shape.size() > 64)
    return fail("it has " + llvm::Twine(shape.size()) + " dimensions; at most 64 are supported");
  return shape;
}

/// The type named by `descr`, without its byte order.
llvm::Expected<DLDataType> parseDescr(llvm::StringRef descr, bool &swap) {
  llvm::StringRef name = descr.trim("'\"");
  char order = name.empty() ? ' ' : name.front();
  swap = order == '>';
  DLDataType type = llvm::StringSwitch<DLDataType>(
                        name.drop_front(order == '<' || order == '>' || order == '|' || order == '='))
                        .Case("f8", {kDLFloat, 64, 1})
                        .Case("f4", {kDLFloat, 32, 1})
                        .Case("f2", {kDLFloat, 16, 1})
                        .Case("i8", {kDLInt, 64, 1})
                        .Case("i4", {kDLInt, 32, 1})
                        .Case("i2", {kDLInt, 16, 1})
                        .Case("i1", {kDLInt, 8, 1})
                        .Case("u8", {kDLUInt, 64, 1})
                        .Case("u4", {kDLUInt, 32, 1})
                        .Case("u2", {kDLUInt, 16, 1})
                        .Case("u1", {kDLUInt, 8, 1})
                        .Case("b1", {dlBool, 8, 1})
                        .Case("V2", {dlOpaque, 16, 1})
                        .Default({0, 0, 0});
  if (!type.bits)
    return fail("its dtype " + descr +
                " is not supported; expected a float, an integer, bool, or bfloat16 as V2" +
                (name.contains('O') ? " (object arrays are pickles, which are never read)" : ""));
  return type;
}

/// Elements in Fortran order to row-major.
void reorder(const char *from, const Array &to) {
  size_t size = to.type.dtype.bits / 8, rank = to.type.shape.size();
  std::vector<int64_t> strides(rank, 1), index(rank, 0);
  for (size_t i = 1; i < rank; ++i)
    strides[i] = strides[i - 1] * to.type.shape[i - 1];
  for (int64_t i = 0, count = to.count(), source = 0; i < count; ++i) {
    std::memcpy(to.raw() + size_t(i) * size, from + size_t(source) * size, size);
    for (size_t d = rank; d-- > 0;) {
      source += strides[d];
      if (++index[d] < to.type.shape[d])
        break;
      source -= strides[d] * index[d];
      index[d] = 0;
    }
  }
}

/// The dictionary, and where the elements begin.
llvm::Expected<std::pair<llvm::StringRef, size_t>> splitHeader(llvm::StringRef bytes) {
  if (bytes.size() < 12 || !bytes.starts_with(llvm::StringRef("\x93NUMPY", 6)))
    return fail("it is not in .npy format");
  bool wide = bytes[6] >= 2;
  if (bytes[6] < 1 || bytes[6] > 3)
    return fail("it has version " + llvm::Twine(int(bytes[6])) + " of the .npy format; expected 1, 2 or 3");
  size_t length = wide ? llvm::support::endian::read32le(bytes.data() + 8)
                       : llvm::support::endian::read16le(bytes.data() + 8);
  size_t start = wide ? 12 : 10;
  if (length > bytes.size() - start)
    return fail("its header is cut off");
  return std::make_pair(bytes.substr(start, length), start + length);
}

} // namespace

llvm::Expected<Array> parseNpy(llvm::StringRef bytes) {
  auto header = splitHeader(bytes);
  if (!header)
    return header.takeError();
  HeaderParser parser(header->first);
  llvm::StringRef descr, order, shapeText;
  for (auto [key, value] : {std::pair<const char *, llvm::StringRef *>{"descr", &descr},
                            {"fortran_order", &order},
                            {"shape", &shapeText}})
    if (llvm::Error error = parser.value(key).moveInto(*value))
      return error;
  bool swap = false;
  auto type = parseDescr(descr, swap);
  if (!type)
    return type.takeError();
  auto shape = parseShape(shapeText);
  if (!shape)
    return shape.takeError();
  auto count = countElements(*shape);
  if (!count)
    return count.takeError();
  size_t size = type->bits / 8, found = bytes.size() - header->second;
  if (found < size_t(*count) * size)
    return fail("it is cut off: expected " + llvm::Twine(size_t(*count) * size) +
                " bytes of elements, found " + llvm::Twine(found));
  Array array = Array::allocate(*type, std::move(*shape));
  const char *elements = bytes.data() + header->second;
  order == "True" ? reorder(elements, array)
                  : void(std::memcpy(array.raw(), elements, size_t(array.bytes())));
  for (char *p = array.raw(), *end = p + array.bytes(); swap && p < end; p += size)
    std::reverse(p, p + size);
  for (char *p = array.raw(), *end = p + array.bytes(); type->code == dlBool && p < end; ++p)
    *p = *p != 0; // compiled code expects nothing but 0 and 1
  return array;
}

std::string npyHeader(const TensorType &type) {
  char kind = type.dtype.code == kDLFloat ? 'f'
              : type.dtype.code == kDLInt ? 'i'
              : type.dtype.code == dlBool ? 'b'
                                          : 'u';
  std::string text = std::string("{'descr': '") + (type.dtype.bits == 8 ? '|' : '<') + kind +
                     std::to_string(type.dtype.bits / 8) + "', 'fortran_order': False, 'shape': (";
  for (int64_t size : type.shape)
    text += std::to_string(size) + ",";
  text += "), }";
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(text.size() & 255);
  header += char(text.size() >> 8);
  return header + text;
}

} // namespace gqa::run
