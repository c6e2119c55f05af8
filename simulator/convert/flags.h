#pragma once
// What a launch says to the training program: flags with their values, in the order given, each with its line.

#include <cstdint>
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

/// The last flag of that name, or null. `name` may be several: "--a|--b".
const Flag* find_flag(std::span<const Flag> flags, std::string_view names);

/// Throws where a flag is given twice with other values: somebody believes in the one that does not count.
void refuse_contradictions(std::span<const Flag> flags);

}  // namespace ds::convert
