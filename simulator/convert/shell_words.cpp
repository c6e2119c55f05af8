// Goes through a script letter by letter.
#include "simulator/convert/shell_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "simulator/base/error.h"

namespace ds::convert {
namespace {

using Kind = ShellPart::Kind;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool ends_word(char c) {
  return is_blank(c) || c == '\n' || std::string_view(";&|()<>").find(c) != std::string_view::npos;
}

class Lexer {
 public:
  Lexer(std::string_view text, int line) : text_(text), line_(line) {}

  std::vector<ShellCommand> commands() {
    while (!done()) step();
    end_command(";");
    return std::move(commands_);
  }

  std::vector<ShellPart> parts() {
    ShellWord word{.line = line_, .parts = {}, .is_list = false, .list = {}};
    while (!done()) quoted_step(word);
    return std::move(word.parts);
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  char here() const { return text_[at_]; }
  char next(std::size_t by = 1) const { return at_ + by < text_.size() ? text_[at_ + by] : '\0'; }
  char take() {
    const char c = text_[at_++];
    if (c == '\n') ++line_;
    return c;
  }
  [[noreturn]] static void fail(int line, std::string what, std::string hint = {}) {
    throw InputError(at_line(line), std::move(what), std::move(hint));
  }

  void step() {
    const char c = here();
    if (c == '\n') {
      take();
      end_command(";");
    } else if (is_blank(c)) {
      take();
    } else if (c == '\\' && next() == '\n') {
      at_ += 2, ++line_;
    } else if (c == '#')
      comment();
    else if (std::string_view(";&|()").find(c) != std::string_view::npos)
      separator();
    else if (c == '<' || c == '>')
      redirection();
    else
      command().words.push_back(word());
  }

  ShellCommand& command() {
    if (command_.words.empty()) command_.line = line_;
    return command_;
  }
  void end_command(std::string end) {
    command_.end = std::move(end);
    if (!command_.words.empty()) commands_.push_back(std::move(command_));
    command_ = {};
  }

  /// `#SBATCH --nodes=4` says how large the machine is: kept as a command.
  void comment() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    if (line.starts_with("#SBATCH ") && command_.words.empty())
      command().words.push_back(word());
    else
      at_ = end;
  }

  void separator() {
    const char c = take();
    std::string end(1, c);
    if (c == '&' && !done() && here() == '>') {
      redirection();
      return;
    }
    if (c != '(' && c != ')' && !done() && here() == c) end += take();
    if (c == '(' && !done() && here() == ')' && !command_.words.empty())
      fail(line_, "is a function, which is not read", "write the launch without functions");
    end_command(end);
  }

  void redirection() {
    drop_number_before();
    const char first = take();
    if (first == '<' && !done() && here() == '<')
      fail(line_, "is a here-document (<<), which is not read", "give the launch alone");
    while (!done() && (here() == '>' || here() == '&' || here() == '|')) take();
    while (!done() && is_blank(here())) take();
    if (!done() && (here() == '<' || here() == '>') && next() == '(') take();
    if (!done() && here() == '(')
      balanced('(', ')', "a parenthesis");
    else if (!done() && !ends_word(here()))
      word();
  }
  /// 2>&1: the number is no word.
  void drop_number_before() {
    if (command_.words.empty() || at_ == 0 || !is_digit(text_[at_ - 1])) return;
    const ShellWord& last = command_.words.back();
    if (last.parts.size() == 1 && !last.parts[0].quoted && last.parts[0].text.size() == 1)
      command_.words.pop_back();
  }

  ShellWord word() {
    ShellWord word = plain_word();
    if (!done() && here() == '(' && !word.parts.empty() && word.parts.back().text.ends_with('=')) list(word);
    return word;
  }
  /// One that is no list: elements of a list are none.
  ShellWord plain_word() {
    ShellWord word{.line = line_, .parts = {}, .is_list = false, .list = {}};
    while (!done() && !ends_word(here())) word_step(word);
    return word;
  }

  void list(ShellWord& word) {
    const int opened = line_;
    take();
    word.is_list = true;
    for (;;) {
      if (done()) fail(opened, "opens a list with ( that nothing closes", "a ) is missing");
      const char c = here();
      if (c == ')') break;
      if (c == '\n' || is_blank(c))
        take();
      else if (c == '\\' && next() == '\n')
        at_ += 2, ++line_;
      else if (c == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (ends_word(c))
        fail(line_, fmt::format("has {} in a list", c), "quote it");
      else
        word.list.push_back(plain_word());
    }
    take();
  }

  void word_step(ShellWord& word) {
    const char c = here();
    if (c == '\'')
      single_quotes(word);
    else if (c == '"')
      double_quotes(word);
    else if (c == '$' && (next() == '\'' || next() == '"'))
      ++at_;
    else if (c == '$' || c == '`')
      word.parts.push_back(value(false));
    else if (c == '\\')
      escape(word);
    else
      add(word, take(), false);
  }

  void escape(ShellWord& word) {
    take();
    if (done()) return;
    const char escaped = take();
    if (escaped != '\n') add(word, escaped, true);
  }

  void quoted_step(ShellWord& word) {
    const char c = here();
    if (c == '$' || c == '`')
      word.parts.push_back(value(true));
    else if (c == '\\' && next() != '\0' &&
             std::string_view("$`\"\\\n").find(next()) != std::string_view::npos)
      escape(word);
    else
      add(word, take(), true);
  }

  static void add(ShellWord& word, char letter, bool quoted) { text_part(word, quoted) += letter; }
  /// The text that the word ends with; it may be empty, as a word in quotes may be.
  static std::string& text_part(ShellWord& word, bool quoted) {
    if (word.parts.empty() || word.parts.back().kind != Kind::text || word.parts.back().quoted != quoted)
      word.parts.push_back({Kind::text, {}, quoted});
    return word.parts.back().text;
  }

  void single_quotes(ShellWord& word) {
    const int opened = line_;
    take();
    std::string& text = text_part(word, true);
    while (!done() && here() != '\'') text += take();
    if (done()) fail(opened, "opens a quote (') that nothing closes", "a ' is missing");
    take();
  }

  void double_quotes(ShellWord& word) {
    const int opened = line_;
    take();
    text_part(word, true);
    while (!done() && here() != '"') quoted_step(word);
    if (done()) fail(opened, "opens a quote (\") that nothing closes", "a \" is missing");
    take();
  }

  /// What stands from here, at an opening, to what closes it; quotes and escapes are passed over.
  std::string_view balanced(char open, char close, std::string_view what) {
    const int opened = line_;
    const std::size_t begin = at_;
    int depth = 0;
    do {
      if (done())
        fail(opened, fmt::format("opens {} that nothing closes", what),
             fmt::format("a {} is missing", close));
      const char c = take();
      if (c == '\\' && !done())
        take();
      else if (c == '\'' && close == ')')
        pass_over('\'');
      else if (c == open)
        ++depth;
      else if (c == close)
        --depth;
    } while (depth > 0);
    return text_.substr(begin + 1, at_ - begin - 2);
  }
  void pass_over(char quote) {
    while (!done() && here() != quote) take();
    if (!done()) take();
  }

  /// What begins with a $ or a backquote.
  ShellPart value(bool quoted) {
    const std::size_t begin = at_;
    const auto part = [&](Kind kind, std::string_view text) {
      return ShellPart{kind, std::string(text), quoted};
    };
    if (take() == '`') {
      const int opened = line_;
      pass_over('`');
      if (text_[at_ - 1] != '`' || at_ - begin < 2)
        fail(opened, "opens a backquote that nothing closes", "a ` is missing");
      return part(Kind::unreadable, text_.substr(begin, at_ - begin));
    }
    if (done()) return part(Kind::text, "$");
    if (here() == '{') return part(Kind::variable, balanced('{', '}', "a variable (${)"));
    if (here() == '(') {
      const bool arithmetic = next() == '(';
      const std::string_view inside = balanced('(', ')', "$(");
      if (arithmetic && inside.size() >= 2 && inside.ends_with(')'))
        return part(Kind::arithmetic, inside.substr(1, inside.size() - 2));
      return part(Kind::unreadable, text_.substr(begin, at_ - begin));
    }
    if (is_name_start(here())) {
      while (!done() && is_name(here())) ++at_;
      return part(Kind::variable, text_.substr(begin + 1, at_ - begin - 1));
    }
    if (!is_digit(here()) && std::string_view("@*#?$!-").find(here()) == std::string_view::npos)
      return part(Kind::text, "$");
    take();
    return part(Kind::variable, text_.substr(begin + 1, 1));
  }

  std::string_view text_;
  std::size_t at_{0};
  int line_;
  ShellCommand command_;
  std::vector<ShellCommand> commands_;
};

}  // namespace

std::vector<ShellCommand> shell_commands(std::string_view text, int line) {
  return Lexer(text, line).commands();
}

std::vector<ShellPart> shell_parts(std::string_view text, int line) { return Lexer(text, line).parts(); }

std::string at_line(int line) { return fmt::format("line {}", line); }

}  // namespace ds::convert
