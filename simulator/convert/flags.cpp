// Words become flags.
#include "simulator/convert/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "simulator/base/json.h"

namespace ds::convert {
namespace {

bool is_flag(const Word& word) { return word.text.size() > 2 && word.text.starts_with("--"); }

bool same_values(const Flag& a, const Flag& b) {
  return std::ranges::equal(a.values, b.values, {}, &Word::text, &Word::text);
}

std::string values_of(const Flag& flag) {
  std::string text;
  for (const Word& word : flag.values) text += (text.empty() ? "" : " ") + word.text;
  if (text.size() > 40) text = text.substr(0, 40) + "...";
  return text.empty() ? "no value" : json_text(text);
}

}  // namespace

std::string place_of(const Flag& flag) {
  const std::string name = flag.name.size() <= 80 ? flag.name : flag.name.substr(0, 80) + "...";
  return flag.line > 0 ? fmt::format("{}: {}", at_line(flag.line), name) : name;
}

void fail(const Flag& flag, std::string wrong, std::string hint) {
  throw InputError(place_of(flag), std::move(wrong), std::move(hint));
}

const std::string& only_value(const Flag& flag) {
  if (flag.values.empty()) fail(flag, "has no value", "one is needed");
  const auto unknown = std::ranges::find_if(flag.values, [](const Word& word) { return !word.known(); });
  if (unknown != flag.values.end())
    fail(flag, fmt::format("has {}: {}", json_text(unknown->text), unknown->unknown),
         unknown->text.find('$') != std::string::npos ? "--env NAME=VALUE says what a variable is" : "");
  if (flag.values.size() > 1)
    fail(flag, fmt::format("has {} values: {}", flag.values.size(), values_of(flag)), "one is needed");
  return flag.values[0].text;
}

bool is_known(const Flag& flag) { return std::ranges::all_of(flag.values, &Word::known); }

std::int64_t count_of(const Flag& flag) {
  const std::string& text = only_value(flag);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMaxWhole || value < -kMaxWhole)
    fail(flag, fmt::format("is {}, must be a whole number", values_of(flag)));
  return value;
}

double number_of(const Flag& flag) {
  const std::string& text = only_value(flag);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    fail(flag, fmt::format("is {}, must be a number", values_of(flag)));
  return value;
}

bool truth_of(const Flag& flag) {
  if (flag.values.empty()) return true;
  const std::string& text = only_value(flag);
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  fail(flag, fmt::format("is {}, must be true or false", values_of(flag)));
}

void expect_switch(const Flag& flag) {
  if (!flag.values.empty()) fail(flag, fmt::format("has {}, takes no value", values_of(flag)));
}

std::vector<Flag> flags_in(std::span<const Word> words) {
  std::vector<Flag> flags;
  for (const Word& word : words) {
    if (is_flag(word)) {
      const std::size_t equals = std::min(word.text.find('='), word.text.size());
      Flag& flag =
          flags.emplace_back(Flag{.name = word.text.substr(0, equals), .line = word.line, .values = {}});
      if (equals < word.text.size())
        flag.values.push_back(
            {.text = word.text.substr(equals + 1), .line = word.line, .unknown = word.unknown});
    } else if (!flags.empty()) {
      flags.back().values.push_back(word);
    } else if (!word.known()) {
      throw InputError(at_line(word.line),
                       fmt::format("has {} before the first flag: {}", json_text(word.text), word.unknown),
                       "--env NAME=VALUE says what a variable is");
    } else {
      throw InputError(at_line(word.line),
                       fmt::format("has {} before the first flag", json_text(word.text.substr(0, 60))));
    }
  }
  return flags;
}

const Flag* Flags::find(std::string_view names) const {
  const auto is_one = [&](const Flag& flag) {
    for (std::string_view rest = names; !rest.empty();) {
      const std::size_t end = std::min(rest.find('|'), rest.size());
      if (flag.name == rest.substr(0, end)) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
  };
  const Flag* found = nullptr;
  for (const Flag& flag : flags_)
    if (is_one(flag)) {
      found = &flag;
      used_.insert(found);
    }
  return found;
}
bool Flags::on(std::string_view name) const {
  const Flag* flag = find(name);
  if (flag != nullptr) expect_switch(*flag);
  return flag != nullptr;
}
std::optional<std::int64_t> Flags::count(std::string_view name) const {
  const Flag* flag = find(name);
  return flag != nullptr ? std::optional(count_of(*flag)) : std::nullopt;
}
std::int64_t Flags::needed(std::string_view name) const {
  const Flag* flag = find(name);
  if (flag == nullptr) throw InputError(std::string(name), "is missing from the launch");
  return count_of(*flag);
}
std::vector<std::string> Flags::unused() const {
  std::vector<std::string> names;
  for (const Flag& flag : flags_)
    if (!used_.contains(&flag)) names.push_back(flag.name);
  return names;
}

std::vector<Flag> last_of_each(std::span<const Flag> flags, std::vector<std::string>& notes) {
  std::map<std::string_view, std::size_t> seen;
  std::vector<Flag> each;
  std::vector<std::string> twice;
  for (const Flag& flag : flags) {
    const auto [place, is_new] = seen.emplace(flag.name, each.size());
    if (is_new) {
      each.push_back(flag);
      continue;
    }
    Flag& before = each[place->second];
    if (!same_values(before, flag))
      twice.push_back(fmt::format("{} {} (not {})", flag.name, values_of(flag), values_of(before)));
    before = flag;
  }
  if (!twice.empty())
    notes.push_back(
        fmt::format("given more than once, of which the last counts: {}", fmt::join(twice, ", ")));
  return each;
}

}  // namespace ds::convert
