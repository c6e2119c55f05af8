#pragma once
// What a launch says to the training program: flags with their values, in the order given, each with its line.

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/convert/shell_values.h"

namespace ds::convert {

struct Flag {
  std::string name;  // --num-layers
  int line{};
  std::vector<Word> values;
};

/// "line 12: --num-layers": the place of an error.
std::string place_of(const Flag& flag);
[[noreturn]] void fail(const Flag& flag, std::string wrong, std::string hint = {});

/// The one value of a flag. Throws where it has none, several, or one that nobody knows.
const std::string& only_value(const Flag& flag);
/// Whether its values can be known without running anything.
bool is_known(const Flag& flag);
/// As a whole number.
std::int64_t count_of(const Flag& flag);
double number_of(const Flag& flag);
/// true or false; true where it has no value.
bool truth_of(const Flag& flag);
/// Throws where it has a value.
void expect_switch(const Flag& flag);

/// Words that begin with -- are flags (`--name value` or `--name=value`), what stands between them are their values; a number
/// with a minus is a value. Throws where a value stands before the first flag.
std::vector<Flag> flags_in(std::span<const Word> words);

/// The flags of a launch that set keys, each once, and which of them somebody has looked at.
class Flags {
 public:
  explicit Flags(std::span<const Flag> flags) : flags_(flags) {}
  /// Null where it is not given. `names` may be several, of which the last that is given counts: "--a|--b".
  const Flag* find(std::string_view names) const;
  /// Whether a switch is given.
  bool on(std::string_view name) const;
  std::optional<std::int64_t> count(std::string_view name) const;
  std::int64_t count(std::string_view name, std::int64_t otherwise) const {
    return count(name).value_or(otherwise);
  }
  /// A count that must be there.
  std::int64_t needed(std::string_view name) const;
  /// Names of those that nobody has looked at.
  std::vector<std::string> unused() const;

 private:
  std::span<const Flag> flags_;
  mutable std::set<const Flag*> used_;
};

/// Each flag once, with what is said last of it, as Python's argparse takes it; `notes` gets a line that names those which are given
/// twice with other values.
std::vector<Flag> last_of_each(std::span<const Flag> flags, std::vector<std::string>& notes);

}  // namespace ds::convert
