// Text of a command line, through the reader that values of files go through.
#include "cli/session/number_option.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "simulator/base/json.h"

namespace ds::cli {
namespace {

template <class Number>
bool is_all(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// As JSON: a number, or the text that is none.
Document value_of(const std::string& text) {
  std::int64_t whole = 0;
  double real = 0;
  if (is_all(text, whole)) return parse_document(fmt::format("{}", whole), {});
  if (is_all(text, real) && std::isfinite(real)) return parse_document(fmt::format("{}", real), {});
  return parse_document(json_text(text), {});
}

}  // namespace

std::int64_t WholeRange::read(const std::string& option, const std::string& text) const {
  const Document value = value_of(text);
  return Cursor(value.value(), {}, option).count(least, most);
}

double RealRange::read(const std::string& option, const std::string& text) const {
  const Document value = value_of(text);
  return Cursor(value.value(), {}, option).real(least, most);
}

}  // namespace ds::cli
