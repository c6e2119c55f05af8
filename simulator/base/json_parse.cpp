// Text to tree, by a handler of our own: depth bounded, no key twice, positions as line and column.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/json.h"

namespace ds {
namespace {

using Json = nlohmann::json;

/// A decimal literal as digits x 10^exponent, with neither leading nor trailing zeros in the digits.
struct Decimal {
  std::string digits;
  double exponent{0};
};

Decimal decimal(const std::string& literal) {
  Decimal result;
  bool fraction = false;
  std::size_t i = 0;
  for (; i < literal.size() && literal[i] != 'e' && literal[i] != 'E'; ++i) {
    if (literal[i] == '.') fraction = true;
    if (literal[i] < '0' || literal[i] > '9') continue;
    if (!result.digits.empty() || literal[i] != '0') result.digits += literal[i];
    if (fraction) result.exponent -= 1;
  }
  if (i < literal.size()) result.exponent += std::strtod(literal.c_str() + i + 1, nullptr);
  while (!result.digits.empty() && result.digits.back() == '0') {
    result.digits.pop_back();
    result.exponent += 1;
  }
  return result;
}

/// Rounding must not turn a number that is not whole, or beyond 2^53, into one that passes: 8.00000000000000001 is
/// moved to the next double above.
double without_false_wholes(double value, const std::string& literal) {
  if (std::floor(value) != value || std::abs(value) > static_cast<double>(kMaxWhole)) return value;
  const Decimal exact = decimal(literal);
  const bool whole = exact.digits.empty() || exact.exponent >= 0;
  const bool limit = std::abs(value) == static_cast<double>(kMaxWhole) && exact.digits != "9007199254740992";
  return whole && !limit ? value : std::nextafter(value, std::copysign(HUGE_VAL, value == 0 ? 1.0 : value));
}

/// "line 3, column 14" of the byte at `offset`.
std::string position(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = std::ranges::count(before, '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = start == std::string_view::npos ? before.size() : before.size() - start - 1;
  return fmt::format("line {}, column {}", lines + 1, std::max<std::size_t>(column, 1));
}

/// The library's sentence without its own prefix and position; it quotes the last bytes read, which may be anything,
/// so they are shown as JSON shows them.
std::string reason(const std::string& what) {
  const std::size_t start = what.find(": ");
  std::string text = start == std::string::npos ? what : what.substr(start + 2);
  constexpr std::size_t kLongest = 200;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + " ...";
  const std::string quoted = Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string plain;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\\' && quoted[i + 1] == '"') continue;
    plain += quoted[i];
  }
  return plain;
}

/// Offset of the bracket that opens one level too many.
std::size_t too_deep(std::string_view text) {
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text && c == '\\')
      ++i;  // what follows a backslash ends no text
    else if (c == '"')
      in_text = !in_text;
    else if (!in_text && (c == '[' || c == '{') && ++depth > kMaxDepth)
      return i + 1;
    else if (!in_text && (c == ']' || c == '}'))
      --depth;
  }
  return text.size();
}

constexpr std::size_t kShownPath = 60;  // letters of a path that is deeper than anybody reads

class DocumentBuilder final : public nlohmann::json_sax<Json> {
 public:
  DocumentBuilder(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  // The library calls this one for literals with a minus sign only, so 0 here was written -0.
  bool number_integer(number_integer_t value) override { return value == 0 ? put(-0.0) : put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t& literal) override {
    return put(without_false_wholes(value, literal));
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    if (open_.back()->contains(key)) fail(join_path(path(), key), "the key appears twice", "keep one");
    keys_.back() = std::move(key);
    return true;
  }

  bool parse_error(std::size_t offset, const std::string&,
                   const nlohmann::detail::exception& error) override {
    constexpr int kOutOfRange = 406;  // the library's number for a literal beyond double
    const std::string where = position(text_, offset);
    if (error.id == kOutOfRange)
      fail(here(), "the number is too large", fmt::format("at most 1.8e308 can be held ({})", where));
    fail({}, fmt::format("{}: not JSON: {}", where, reason(error.what())));
  }

 private:
  [[noreturn]] void fail(std::string path, std::string wrong, std::string hint = {}) const {
    const InputError error(std::move(path), std::move(wrong), std::move(hint));
    throw file_.empty() ? error : error.in_file(file_);
  }

  /// Path of the innermost open object or list.
  std::string path() const {
    std::string path;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) path = step(path, i);
    return path;
  }
  /// Path of the value that comes next.
  std::string here() const { return open_.empty() ? std::string() : step(path(), open_.size() - 1); }
  std::string step(const std::string& path, std::size_t level) const {
    if (open_[level]->is_object()) return join_path(path, keys_[level]);
    const bool inner = level + 1 < open_.size();  // the element at this level is already there
    return fmt::format("{}[{}]", path, open_[level]->size() - (inner ? 1 : 0));
  }

  Json* place(Json&& value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_object()) return &(parent[keys_.back()] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }
  bool put(Json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(Json&& value) {
    if (open_.size() >= static_cast<std::size_t>(kMaxDepth))
      fail({},
           fmt::format("{}: nested more than {} deep, below {}", position(text_, too_deep(text_)), kMaxDepth,
                       here().substr(0, kShownPath)),
           "flatter lists and objects are needed");
    Json* placed = place(std::move(value));
    open_.push_back(placed);
    keys_.emplace_back();
    return true;
  }
  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& file_;
  Json root_;
  std::vector<Json*> open_;  // stays valid: a parent does not grow while its child is open
  std::vector<std::string> keys_;
};

}  // namespace

Document parse_document(std::string_view text, std::string file) {
  // The library takes a NUL for the end of the text, and would not read what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    const InputError error({}, fmt::format("{}: a NUL byte, which JSON cannot have", position(text, nul)),
                           "the file must be UTF-8 text");
    throw file.empty() ? error : error.in_file(file);
  }
  DocumentBuilder builder(text, file);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return {std::make_unique<Json>(builder.take()), std::move(file)};
}

Document read_document_argument(const std::filesystem::path& file) {
  const Argument given = read_argument(file);
  return parse_document(given.content, given.name);
}

Document read_document(const std::filesystem::path& file) {
  return parse_document(read_file(file), file.string());
}

}  // namespace ds
