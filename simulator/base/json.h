#pragma once
// The one reading layer for every JSON file that people hand us: jobs, profiles, cases, reports.
//
// The library below accepts what a planner must not (4.7 read as 4, true as 1, a key twice, values nested until the
// stack ends), so files are parsed by our own handler and read through a `Cursor`, which knows its file and JSON path
// and says in every error where, what is wrong with which value, which rule, and what would be right:
//
//   const Document document = read_document("job.json");
//   const Cursor plan = document.root().member("plan");
//   plan.only({"tp", "pp"});                              // "plan.tpp: unknown key; did you mean tp?"
//   const std::int64_t tp = plan.member("tp").count();    // "plan.tp: is 4.7; must be a whole number"
//
// A whole number may be written 8, 8.0 or 1.536e3; text, true and null are never numbers. All errors are InputError.

#include <array>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/base/range.h"

namespace ds {

/// Deepest nesting of objects and lists that is read.
inline constexpr int kMaxDepth = 64;
/// What is wrong with a key that nobody reads.
inline constexpr std::string_view kUnknownKey = "unknown key";
/// Largest whole number: every smaller one is exact as double, so no reader can see another value.
inline constexpr std::int64_t kMaxWhole = 1LL << 53;

/// A word in a file and the value it stands for; tables of these are the only place where an option is spelt.
template <class Enum>
struct Named {
  std::string_view name;
  Enum value;
};

/// Where a value stands. Cheap to pass; must not outlive its Document.
class Cursor {
 public:
  Cursor(const nlohmann::json& value, std::string file, std::string path);

  const std::string& path() const { return path_; }  ///< plan.stage_layers[2], "" at the root
  const std::string& file() const { return file_; }
  const nlohmann::json& value() const { return *value_; }

  bool is_object() const;
  bool is_list() const;
  bool is_text() const;
  bool is_number() const;
  bool is_boolean() const;
  bool is_null() const;

  /// A whole number in [least, most].
  std::int64_t count(std::int64_t least = 1, std::int64_t most = kMaxWhole) const;
  /// A finite number in [least, most].
  double real(double least = std::numeric_limits<double>::lowest(),
              double most = std::numeric_limits<double>::max()) const;
  /// A finite number above 0.
  double positive() const;
  /// A quantity in that range.
  double within(const Range& range) const;
  /// The same, or 0: there is none.
  double none_or_within(const Range& range) const;
  bool boolean() const;
  /// Text without NUL characters, so that it may be used as a file name.
  std::string text() const;
  /// The value as JSON, whole.
  std::string dump() const;
  /// One of the words in the table.
  template <class Entry, std::size_t N>
  auto one_of(const Entry (&table)[N]) const {
    std::array<std::string_view, N> names;
    for (std::size_t i = 0; i < N; ++i) names[i] = table[i].name;
    return table[choose(names)].value;
  }
  /// Index of the text among `names`.
  std::size_t choose(std::span<const std::string_view> names) const;

  /// The elements; between `least` and `most` of them.
  std::vector<Cursor> list(std::size_t least = 0, std::size_t most = 1U << 20U) const;
  /// The member `key`, which must be there. This value must be an object.
  Cursor member(std::string_view key) const;
  /// The member `key` if it is there (null is there). This value must be an object.
  std::optional<Cursor> find(std::string_view key) const;
  /// As find, with null the same as not there: for other people's files, never for ours.
  std::optional<Cursor> find_not_null(std::string_view key) const;
  /// All members by ascending key. This value must be an object.
  std::vector<std::pair<std::string, Cursor>> members() const;
  /// This value must be an object with no other keys than these.
  void only(std::span<const std::string_view> keys) const;
  void only(std::initializer_list<std::string_view> keys) const;
  void expect_object() const;

  [[noreturn]] void fail(std::string wrong, std::string hint = {}) const;
  /// "is 4.7 (a number), must be ..." with the value shown.
  [[noreturn]] void fail_value(std::string_view must_be) const;

 private:
  const nlohmann::json* value_;
  std::string file_, path_;
};

/// A parsed file.
class Document {
 public:
  Document(std::unique_ptr<nlohmann::json> value, std::string file);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  Cursor root() const;
  const std::string& file() const { return file_; }
  nlohmann::json& value() { return *value_; }
  const nlohmann::json& value() const { return *value_; }

 private:
  std::unique_ptr<nlohmann::json> value_;
  std::string file_;
};

/// Reads and parses a regular file of at most kMaxInputBytes, named by another file.
Document read_document(const std::filesystem::path& file);
/// What a command is given to read: a file, or standard input for "-".
Document read_document_argument(const std::filesystem::path& file);
/// Parses text that came from `file` (a name for messages, may be empty).
Document parse_document(std::string_view text, std::string file);

/// Applies "plan.tp=4" as `--set` does: the value is JSON, else text; missing objects are made; [i] is an element that
/// is there, or the next one. Throws InputError that names --set when the path cannot be followed.
void apply_override(Document& document, std::string_view assignment);

/// `path` extended by a key; keys that are no plain words are quoted, so that no message carries control characters.
std::string join_path(const std::string& path, std::string_view key);
/// Text as JSON has it: in quotes, ASCII alone.
std::string json_text(std::string_view text);
/// A value as short JSON in ASCII, at most some 60 characters.
std::string pretty(const nlohmann::json& value);

}  // namespace ds
