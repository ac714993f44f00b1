#include "Settings.h"

#include <charconv>
#include <string_view>

namespace gqa::emulator {
namespace {

template <class T> bool number(std::string_view text, T &value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool onOff(std::string_view text, bool &value) {
  value = text == "on";
  return text == "on" || text == "off";
}

bool bytes(std::string_view text, uint64_t &value) {
  unsigned shift = 0;
  if (!text.empty())
    shift = text.back() == 'K' ? 10 : text.back() == 'M' ? 20 : text.back() == 'G' ? 30 : 0;
  if (shift)
    text.remove_suffix(1);
  return number(text, value) && value && value < (uint64_t(1) << 40 >> shift) && (value <<= shift);
}

bool completion(std::string_view text, Settings &settings) {
  if (text.substr(0, 7) == "random:") {
    settings.completion = Completion::Random;
    return number(text.substr(7), settings.seed);
  }
  settings.completion = text == "eager" ? Completion::Eager : Completion::Late;
  return text == "eager" || text == "late";
}

bool failure(std::string_view text, Settings &settings) {
  size_t at = text.find('@'), colon = text.find(':');
  if (at == std::string_view::npos || at == 0)
    return false;
  Settings::Failure failure{0, 999}; // CUDA_ERROR_UNKNOWN
  if (colon != std::string_view::npos && !number(text.substr(colon + 1), failure.error))
    return false;
  std::string_view call = text.substr(at + 1, colon == std::string_view::npos ? colon : colon - at - 1);
  if (call != "all" && !number(call, failure.call))
    return false;
  settings.failures[std::string(text.substr(0, at))] = failure;
  return true;
}

bool set(std::string_view key, std::string_view value, Settings &s) {
  if (key == "completion")
    return completion(value, s);
  if (key == "checks") {
    s.globalOrder = value == "all";
    return onOff(s.globalOrder ? "on" : value, s.checks);
  }
  if (key == "blocking")
    return onOff(value, s.blocking);
  if (key == "threads")
    return number(value, s.threads) && s.threads <= 256;
  if (key == "steps")
    return number(value, s.steps) && s.steps;
  if (key == "report")
    return !(s.report = value).empty();
  if (key == "ptx")
    return !(s.ptx = value).empty();
  if (key == "device")
    return !(s.device = value).empty();
  if (key == "sm")
    return number(value, s.sm) && s.sm >= 80 && s.sm < 200;
  if (key == "processors")
    return number(value, s.processors) && s.processors && s.processors <= 1024;
  if (key == "memory")
    return bytes(value, s.memory);
  if (key == "fail")
    return failure(value, s);
  return false;
}

} // namespace

std::string Settings::parse(const char *text) {
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    size_t equals = item.find('=');
    if (equals == std::string_view::npos || !set(item.substr(0, equals), item.substr(equals + 1), *this))
      return "GQA_EMULATOR: '" + std::string(item) +
             "' is not one of completion=eager|late|random:SEED, checks=on|off|all, blocking=on|off, threads=N, "
             "steps=N, "
             "report=FILE, ptx=FILE, device=NAME, sm=NN, processors=N, memory=BYTES[K|M|G], "
             "fail=FUNCTION@CALL|all[:ERROR]";
  }
  return {};
}

} // namespace gqa::emulator
