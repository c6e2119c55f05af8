// Comparisons of texts and numbers, joined by && and ||.
#include "simulator/convert/shell_tests.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace ds::convert {
namespace {

std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> compared(const std::string& left, std::string_view by, const std::string& right) {
  if (by == "=" || by == "==") return left == right;
  if (by == "!=") return left != right;
  const auto a = number_in(left), b = number_in(right);
  if (!a || !b) return std::nullopt;
  if (by == "-eq") return *a == *b;
  if (by == "-ne") return *a != *b;
  if (by == "-gt") return *a > *b;
  if (by == "-ge") return *a >= *b;
  if (by == "-lt") return *a < *b;
  if (by == "-le") return *a <= *b;
  return std::nullopt;
}

/// One comparison, brackets taken off. A text that may be empty is still a word here: quotes are what keeps it one in a shell.
std::optional<bool> single(const ShellCommand& command, ShellValues& values, bool& in_brackets) {
  std::vector<Word> words;
  for (const ShellWord& word : command.words) words.push_back(values.tested(word));
  const auto is = [](const Word& word, std::string_view text) { return word.known() && word.text == text; };
  if (!words.empty() && (is(words.front(), "[") || is(words.front(), "[["))) {
    in_brackets = true;
    words.erase(words.begin());
  }
  const bool closes = !words.empty() && (is(words.back(), "]") || is(words.back(), "]]"));
  if (!in_brackets) return std::nullopt;
  if (closes) {
    words.pop_back();
    in_brackets = false;
  }
  bool negated = false;
  while (!words.empty() && is(words.front(), "!")) {
    negated = !negated;
    words.erase(words.begin());
  }
  if (std::ranges::any_of(words, [](const Word& word) { return !word.known(); })) return std::nullopt;
  std::optional<bool> holds;
  if (words.size() == 1)
    holds = !words[0].text.empty();
  else if (words.size() == 2 && words[0].text == "-n")
    holds = !words[1].text.empty();
  else if (words.size() == 2 && words[0].text == "-z")
    holds = words[1].text.empty();
  else if (words.size() == 3)
    holds = compared(words[0].text, words[1].text, words[2].text);
  if (!holds) return std::nullopt;
  return *holds != negated;
}

/// A pattern on the right side is none that is matched here.
bool has_pattern(const ShellCommand& command) {
  for (const ShellWord& word : command.words)
    for (const ShellPart& part : word.parts)
      if (!part.quoted && part.kind == ShellPart::Kind::text &&
          part.text.find_first_of("*?") != std::string::npos)
        return true;
  return false;
}

/// Of && (`neutral` true) and || (false): one that is not neutral decides, whatever the other is.
std::optional<bool> both(std::optional<bool> a, std::optional<bool> b, bool neutral) {
  if (a.value_or(neutral) != neutral || b.value_or(neutral) != neutral) return !neutral;
  if (a.has_value() && b.has_value()) return neutral;
  return std::nullopt;
}

}  // namespace

std::optional<bool> test_holds(const std::vector<ShellCommand>& test, ShellValues& values) {
  std::optional<bool> all;
  bool in_brackets = false;
  std::string_view joint;
  for (const ShellCommand& command : test) {
    const std::optional<bool> one =
        command.words.empty() || has_pattern(command) ? std::nullopt : single(command, values, in_brackets);
    if (joint.empty())
      all = one;
    else if (joint == "&&")
      all = both(all, one, true);
    else if (joint == "||")
      all = both(all, one, false);
    else
      return std::nullopt;
    joint = command.end;
  }
  return all;
}

}  // namespace ds::convert
