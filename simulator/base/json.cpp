// Typed and bounded reads of JSON values, with the path in every message.
#include "simulator/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "simulator/base/error.h"
#include "simulator/base/nearest.h"

namespace ds {
namespace {

const char* kind_of(const nlohmann::json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "text";
  if (value.is_boolean()) return "a boolean";
  if (value.is_null()) return "null";
  return "a number";
}

bool plain_key(std::string_view key) {
  constexpr std::size_t kLongest = 80;
  if (key.empty() || key.size() > kLongest) return false;
  return std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string short_json(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest - 4) + " ...";
  return text;
}

/// The value as a whole number, if it is one. -0 is none: nobody writes it on purpose.
std::optional<std::int64_t> whole(const nlohmann::json& value) {
  if (value.is_number_unsigned()) {
    const auto n = value.get<std::uint64_t>();
    return n <= static_cast<std::uint64_t>(kMaxWhole) ? std::optional(static_cast<std::int64_t>(n))
                                                      : std::nullopt;
  }
  if (value.is_number_integer()) {
    const auto n = value.get<std::int64_t>();
    return n >= -kMaxWhole ? std::optional(n) : std::nullopt;
  }
  if (!value.is_number_float()) return std::nullopt;
  const double x = value.get<double>();
  if (std::floor(x) != x || std::abs(x) > static_cast<double>(kMaxWhole) || (x == 0 && std::signbit(x)))
    return std::nullopt;
  return static_cast<std::int64_t>(x);
}

}  // namespace

std::string join_path(const std::string& path, std::string_view key) {
  if (plain_key(key)) return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  return fmt::format("{}[{}]", path, short_json(nlohmann::json(std::string(key))));
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string pretty(const nlohmann::json& value) {
  if (value.is_object() && !value.empty())
    return fmt::format("an object of {} key{}", value.size(), value.size() == 1 ? "" : "s");
  if (value.is_array() && value.size() > 16) return fmt::format("a list of {} elements", value.size());
  return short_json(value);
}

Cursor::Cursor(const nlohmann::json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

bool Cursor::is_object() const { return value_->is_object(); }
bool Cursor::is_list() const { return value_->is_array(); }
bool Cursor::is_text() const { return value_->is_string(); }
bool Cursor::is_number() const { return value_->is_number(); }
bool Cursor::is_boolean() const { return value_->is_boolean(); }
bool Cursor::is_null() const { return value_->is_null(); }

void Cursor::fail(std::string wrong, std::string hint) const {
  const InputError error(path_, std::move(wrong), std::move(hint));
  throw file_.empty() ? error : error.in_file(file_);
}

void Cursor::fail_value(std::string_view must_be) const {
  const std::string shown = pretty(*value_);
  if (is_null())
    fail(fmt::format("is null, must be {}", must_be),
         "null says nothing: give a value, or leave the key out where it has a default");
  if (is_number()) fail(fmt::format("is {}, must be {}", shown, must_be));
  if (shown.starts_with("a")) fail(fmt::format("is {}, must be {}", shown, must_be));
  fail(fmt::format("is {} ({}), must be {}", shown, kind_of(*value_), must_be));
}

std::int64_t Cursor::count(std::int64_t least, std::int64_t most) const {
  const std::optional<std::int64_t> n = value_->is_number() ? whole(*value_) : std::nullopt;
  if (!n && is_number() && std::abs(value_->get<double>()) >= static_cast<double>(kMaxWhole)) {
    if (value_->get<double>() < 0) fail_value(fmt::format("at least {}", least));
    fail_value(fmt::format("at most {}", most));
  }
  if (!n) fail_value("a whole number");
  if (*n < least) fail_value(fmt::format("at least {}", least));
  if (*n > most) fail_value(fmt::format("at most {}", most));
  return *n;
}

double Cursor::real(double least, double most) const {
  if (!is_number()) fail_value("a number");
  const double x = value_->get<double>();
  if (!std::isfinite(x)) fail_value("finite");
  if (x < least) fail_value(fmt::format("at least {}", least));
  if (x > most) fail_value(fmt::format("at most {}", most));
  return x;
}

double Cursor::positive() const {
  const double x = real();
  if (x <= 0) fail_value("above 0");
  return x;
}

double Cursor::within(const Range& range) const {
  const double x = real();
  if (x < range.least || x > range.most)
    fail_value(fmt::format("between {} and {}{}{}", range.least, range.most, range.unit.empty() ? "" : " ",
                           range.unit));
  return x;
}

double Cursor::none_or_within(const Range& range) const {
  return is_number() && value_->get<double>() == 0 ? 0 : within(range);
}

bool Cursor::boolean() const {
  if (!is_boolean()) fail_value("true or false");
  return value_->get<bool>();
}

std::string Cursor::dump() const { return value_->dump(); }

std::string Cursor::text() const {
  if (!is_text()) fail_value("text");
  const auto& text = value_->get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos) fail_value("text without NUL characters");
  return text;
}

std::size_t Cursor::choose(std::span<const std::string_view> names) const {
  if (is_text()) {
    const auto& word = value_->get_ref<const std::string&>();
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == word) return i;
    const std::string near = nearest(word, names);
    fail(fmt::format("is {}, must be one of {}", pretty(*value_), listed(names)),
         near.empty() ? std::string() : fmt::format("did you mean {}?", near));
  }
  fail_value(fmt::format("one of {}", listed(names)));
}

std::vector<Cursor> Cursor::list(std::size_t least, std::size_t most) const {
  if (!is_list()) fail_value("a list");
  const std::size_t size = value_->size();
  if (size < least) fail(fmt::format("has {} elements, must have at least {}", size, least));
  if (size > most) fail(fmt::format("has {} elements, must have at most {}", size, most));
  std::vector<Cursor> elements;
  elements.reserve(size);
  for (std::size_t i = 0; i < size; ++i)
    elements.emplace_back((*value_)[i], file_, fmt::format("{}[{}]", path_, i));
  return elements;
}

void Cursor::expect_object() const {
  if (!is_object()) fail_value("an object");
}

Cursor Cursor::member(std::string_view key) const {
  if (std::optional<Cursor> found = find(key)) return *std::move(found);
  const InputError error(join_path(path_, key), "is missing", "the key is required");
  throw file_.empty() ? error : error.in_file(file_);
}

std::optional<Cursor> Cursor::find(std::string_view key) const {
  expect_object();
  const auto found = value_->find(key);
  if (found == value_->end()) return std::nullopt;
  return Cursor(*found, file_, join_path(path_, key));
}

std::optional<Cursor> Cursor::find_not_null(std::string_view key) const {
  std::optional<Cursor> found = find(key);
  if (found && found->is_null()) return std::nullopt;
  return found;
}

std::vector<std::pair<std::string, Cursor>> Cursor::members() const {
  expect_object();
  std::vector<std::pair<std::string, Cursor>> all;
  for (const auto& [key, value] : value_->items())
    all.emplace_back(key, Cursor(value, file_, join_path(path_, key)));
  return all;
}

void Cursor::only(std::span<const std::string_view> keys) const {
  expect_object();
  for (const auto& [key, value] : value_->items()) {
    if (path_.empty() && key == "$schema") {  // for editors
      static_cast<void>(Cursor(value, file_, key).text());
      continue;
    }
    bool known = false;
    for (const std::string_view word : keys) known = known || word == key;
    if (known) continue;
    const std::string near = nearest(key, keys);
    const Cursor here(value, file_, join_path(path_, key));
    here.fail(std::string(kUnknownKey), near.empty()
                                            ? fmt::format("known are {}", listed(keys))
                                            : fmt::format("did you mean {}?", join_path(path_, near)));
  }
}

void Cursor::only(std::initializer_list<std::string_view> keys) const {
  only(std::span<const std::string_view>(keys.begin(), keys.size()));
}

Document::Document(std::unique_ptr<nlohmann::json> value, std::string file)
    : value_(std::move(value)), file_(std::move(file)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Cursor Document::root() const { return {*value_, file_, {}}; }

}  // namespace ds
