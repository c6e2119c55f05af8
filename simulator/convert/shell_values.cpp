// Assignments, and what `$` stands for.
#include "simulator/convert/shell_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/convert/shell_arithmetic.h"

namespace ds::convert {
namespace {

using Kind = ShellPart::Kind;
constexpr int kDeepestDefault = 16;  // ${A:-${B:-...}}
constexpr std::string_view kBlanks = " \t\n\r";

std::size_t length_of_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t n = 0;
  if (!text.empty() && !letter(text[0])) {
    while (n < text.size() && digit(text[n])) ++n;  // $1
    return n == 0 && std::string_view("@*#?$!-").find(text[0]) != std::string_view::npos ? 1 : n;
  }
  while (n < text.size() && (letter(text[n]) || digit(text[n]))) ++n;
  return n;
}

struct Assignment {
  std::string name;
  bool appends{};
  std::size_t value{};  // where it begins in the first part
};
std::optional<Assignment> assignment_in(const ShellWord& word) {
  if (word.parts.empty() || word.parts[0].kind != Kind::text || word.parts[0].quoted) return std::nullopt;
  const std::string& text = word.parts[0].text;
  const std::size_t n = length_of_name(text);
  if (n == 0 || text[0] <= '9') return std::nullopt;
  const bool appends = text.compare(n, 2, "+=") == 0;
  if (!appends && text.compare(n, 1, "=") != 0) return std::nullopt;
  return Assignment{.name = text.substr(0, n), .appends = appends, .value = n + (appends ? 2 : 1)};
}

std::string written(const ShellPart& part) {
  switch (part.kind) {
    case Kind::text:
    case Kind::unreadable: return part.text;
    case Kind::variable: return fmt::format("${{{}}}", part.text);
    case Kind::arithmetic: return fmt::format("$(({}))", part.text);
  }
  return {};
}

/// Words as they grow: values that stand one beside the other without a blank are one word.
class Words {
 public:
  void append(std::string_view text, int line, const std::string& unknown) {
    if (!open_) words_.push_back({.text = {}, .line = line, .unknown = {}});
    open_ = true;
    words_.back().text += text;
    if (words_.back().known()) words_.back().unknown = unknown;
  }
  /// The next letter begins another word.
  void close() { open_ = false; }

  /// The words of a value that stands without quotes. Of a value that is known in parts, those that have a `$` are not known;
  /// where a command's output is in it, none is.
  void split(const Word& value) {
    const bool has_output =
        value.text.find("$(") != std::string::npos || value.text.find('`') != std::string::npos;
    std::string_view rest = value.text;
    for (;;) {
      const std::size_t blank = std::min(rest.find_first_of(kBlanks), rest.size());
      const std::string_view piece = rest.substr(0, blank);
      const bool known = !has_output && piece.find('$') == std::string_view::npos;
      if (blank > 0) append(piece, value.line, known ? std::string() : value.unknown);
      if (blank == rest.size()) return;
      close();
      rest.remove_prefix(blank + 1);
    }
  }

  std::vector<Word> all() { return std::move(words_); }

 private:
  std::vector<Word> words_;
  bool open_{false};
};

}  // namespace

void ShellValues::count(std::size_t letters, int line) {
  letters_ += letters;
  if (letters_ > kMaxShellText)
    throw InputError(at_line(line), "makes the script's values longer than is read",
                     fmt::format("at most {} letters together are", kMaxShellText));
}

const Word* find_variable(const Variables& variables, std::string_view name) {
  const auto found = std::ranges::find(variables, name, &Variables::value_type::first);
  return found != variables.end() ? &found->second : nullptr;
}

void ShellValues::give(const std::string& name, std::string value) {
  values_[name] = {.elements = {{.text = std::move(value), .line = 0, .unknown = {}}}, .given = true};
}

bool ShellValues::assign(const ShellWord& word) {
  const std::optional<Assignment> to = assignment_in(word);
  if (!to) return false;
  const auto old = values_.find(to->name);
  if (old != values_.end() && old->second.given) return true;
  std::vector<Word> elements;
  if (word.is_list) {
    elements = expand(word.list);
  } else {
    ShellWord value = word;
    value.parts[0].text.erase(0, to->value);
    elements = {joined(value)};
  }
  if (!to->appends || old == values_.end()) {
    values_[to->name] = {.elements = std::move(elements), .given = false};
  } else if (word.is_list) {
    std::ranges::move(elements, std::back_inserter(old->second.elements));
  } else if (!old->second.elements.empty()) {
    Word& first = old->second.elements.front();
    first.text += elements[0].text;
    count(first.text.size(), word.line);
    if (first.known()) first.unknown = elements[0].unknown;
  } else {
    old->second.elements = std::move(elements);
  }
  return true;
}

void ShellValues::forget(const ShellWord& assignment, const std::string& why) {
  const std::optional<Assignment> to = assignment_in(assignment);
  if (!to) return;
  if (const auto old = values_.find(to->name); old != values_.end() && old->second.given) return;
  values_[to->name] = {.elements = {{.text = fmt::format("${{{}}}", to->name),
                                     .line = assignment.line,
                                     .unknown = fmt::format("${} {}", to->name, why)}},
                       .given = false};
}

const Word* ShellValues::find(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.elements.size() != 1) return nullptr;
  const Word& only = found->second.elements.front();
  return only.known() ? &only : nullptr;
}

/// ${X}, ${X[@]}, ${X[2]}, ${X:-default}, ${X:=default}, ${X:+other}, ${X:?message}; without the colon as well.
std::vector<Word> ShellValues::value_of_variable(const std::string& written, int line) {
  const auto unknown = [&](std::string why) {
    return std::vector<Word>{
        {.text = fmt::format("${{{}}}", written), .line = line, .unknown = std::move(why)}};
  };
  const std::size_t n = length_of_name(written);
  const std::string name = written.substr(0, n);
  std::string_view rest = std::string_view(written).substr(n);
  if (n == 0) return unknown(fmt::format("${{{}}} is more than is read of variables", written));
  const auto found = values_.find(name);
  bool all = false;
  std::size_t index = 0;
  if (rest.starts_with("[")) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos)
      return unknown(fmt::format("${{{}}} is more than is read of variables", written));
    const std::string_view inside = rest.substr(1, end - 1);
    all = inside == "@" || inside == "*";
    if (!all) {
      const bool digits = !inside.empty() && inside.size() < 7 &&
                          inside.find_first_not_of("0123456789") == std::string_view::npos;
      if (!digits) return unknown(fmt::format("${{{}}} is more than is read of variables", written));
      index = std::stoul(std::string(inside));
    }
    rest.remove_prefix(end + 1);
  }
  std::vector<Word> value;
  bool set = found != values_.end();
  if (set && all)
    value = found->second.elements;
  else if (set && index < found->second.elements.size())
    value = {found->second.elements[index]};
  else if (set)
    value = {{.text = {}, .line = line, .unknown = {}}};
  if (!set && unset_is_empty_ && (rest.empty() || rest.starts_with("?") || rest.starts_with(":?")))
    return {{.text = {}, .line = line, .unknown = {}}};
  if (rest.empty()) return set ? value : unknown(fmt::format("nothing here sets ${}", name));
  const bool colon = rest.starts_with(":");
  if (colon) rest.remove_prefix(1);
  if (rest.empty() || std::string_view("-=+?").find(rest[0]) == std::string_view::npos)
    return unknown(fmt::format("${{{}}} is more than is read of variables", written));
  if (set && colon && value.size() == 1 && value[0].known() && value[0].text.empty()) set = false;
  const std::string_view other = rest.substr(1);
  switch (rest[0]) {
    case '+':
      if (!set) return {{.text = {}, .line = line, .unknown = {}}};
      return {text_of(other, line)};
    case '?': return set ? value : unknown(fmt::format("nothing here sets ${}", name));
    default: break;
  }
  if (set) return value;
  Word otherwise = text_of(other, line);
  if (rest[0] == '=') values_[name] = {.elements = {otherwise}, .given = false};
  return {otherwise};
}

Word ShellValues::text_of(std::string_view written, int line) {
  if (depth_ == kDeepestDefault)
    throw InputError(at_line(line), "has defaults within defaults, deeper than is read",
                     fmt::format("at most {} are", kDeepestDefault));
  ++depth_;
  std::string plain(written);
  std::erase(plain, '"');
  const ShellWord word{.line = line, .parts = shell_parts(plain, line), .is_list = false, .list = {}};
  Word text = joined(word);
  --depth_;
  return text;
}

std::vector<Word> ShellValues::value_of(const ShellPart& part, int line) {
  switch (part.kind) {
    case Kind::text: return {{.text = part.text, .line = line, .unknown = {}}};
    case Kind::variable: return value_of_variable(part.text, line);
    case Kind::arithmetic: {
      const ShellWord inside{
          .line = line, .parts = shell_parts(part.text, line), .is_list = false, .list = {}};
      Word text = joined(inside);
      if (!text.known()) return {{.text = written(part), .line = line, .unknown = text.unknown}};
      return {arithmetic(text, *this)};
    }
    case Kind::unreadable:
      return {{.text = part.text,
               .line = line,
               .unknown = fmt::format("line {} has a command's output there, and no command is run", line)}};
  }
  return {};
}

Word ShellValues::joined(const ShellWord& word) {
  Word all{.text = {}, .line = word.line, .unknown = {}};
  for (const ShellPart& part : word.parts) {
    bool first = true;
    for (const Word& value : value_of(part, word.line)) {
      if (!first) all.text += ' ';
      first = false;
      all.text += value.text;
      if (all.known()) all.unknown = value.unknown;
    }
  }
  count(all.text.size(), word.line);
  return all;
}

Word ShellValues::tested(const ShellWord& word) {
  unset_is_empty_ = true;
  Word text = joined(word);
  unset_is_empty_ = false;
  return text;
}

std::vector<Word> ShellValues::expand(const ShellWord& word) {
  Words words;
  for (const ShellPart& part : word.parts) {
    const std::vector<Word> values = value_of(part, word.line);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) words.close();  // elements are words of their own
      if (part.quoted || part.kind == Kind::text || part.kind == Kind::unreadable)
        words.append(values[i].text, values[i].line, values[i].unknown);
      else
        words.split(values[i]);
      count(values[i].text.size(), word.line);
    }
  }
  return words.all();
}

std::vector<Word> ShellValues::expand(const std::vector<ShellWord>& words) {
  std::vector<Word> all;
  for (const ShellWord& word : words) std::ranges::move(expand(word), std::back_inserter(all));
  return all;
}

}  // namespace ds::convert
