// Follows a script from top to bottom.
#include "simulator/convert/shell_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>

#include "simulator/base/error.h"
#include "simulator/convert/shell_tests.h"

namespace ds::convert {
namespace {

constexpr int kDeepestEval = 4;  // eval "eval ...", bash -c "bash -c ..."

std::string_view keyword(const ShellCommand& command) {
  const ShellWord& word = command.words.front();
  if (word.parts.size() != 1 || word.parts[0].kind != ShellPart::Kind::text || word.parts[0].quoted)
    return {};
  return word.parts[0].text;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

/// A branch of an if.
enum class Branch : std::uint8_t {
  taken,      // its commands count
  passed,     // they do not
  undecided,  // nobody knows: what they set is forgotten
};

class Script {
 public:
  explicit Script(ShellValues& values) : values_(values) {}

  void follow(std::string_view text, int line, const std::vector<Word>& around, int depth) {
    if (depth > kDeepestEval)
      throw InputError(at_line(line), "has commands within commands, deeper than is read",
                       fmt::format("at most {} are", kDeepestEval));
    std::vector<ShellCommand> commands = shell_commands(text, line);
    around_ = around;
    depth_ = depth;
    const std::size_t outer = open_.size();
    for (std::size_t i = 0; i < commands.size(); ++i) i = statement(commands, i);
    if (open_.size() > outer)
      throw InputError(at_line(open_.back().line), "opens an if that nothing closes", "a fi is missing");
  }

  std::vector<Launch> launches;

 private:
  struct If {
    int line{};
    Branch now{Branch::passed};
    bool was_taken{}, was_undecided{}, outer_taken{};
  };

  Branch branch() const {
    Branch worst = Branch::taken;
    for (const If& one : open_)
      if (one.now == Branch::passed)
        return Branch::passed;
      else if (one.now == Branch::undecided)
        worst = Branch::undecided;
    return worst;
  }

  /// Reads the statement at `i`; returns the place of its last command.
  std::size_t statement(std::vector<ShellCommand>& commands, std::size_t i) {
    ShellCommand command = commands[i];
    while (!command.words.empty()) {
      const std::string_view word = keyword(command);
      if (word == "if" || word == "elif") return condition(commands, i, word == "if");
      if (word == "else") otherwise(command.line);
      if (word == "fi") {
        if (open_.empty()) throw InputError(at_line(command.line), "has a fi without an if");
        open_.pop_back();
      }
      if (is_one_of(word, {"for", "while", "until", "select", "case"})) return pass_over(commands, i);
      if (!is_one_of(word, {"then", "else", "fi", "{", "}", "!"})) break;
      command.words.erase(command.words.begin());
    }
    if (!command.words.empty()) run(command);
    return i;
  }

  /// From `if` or `elif` to the `then`; returns the place of its last command.
  std::size_t condition(std::vector<ShellCommand>& commands, std::size_t i, bool is_new) {
    std::size_t then = i + 1;
    while (then < commands.size() && keyword(commands[then]) != "then") ++then;
    if (then == commands.size()) throw InputError(at_line(commands[i].line), "has an if without a then");
    std::vector<ShellCommand> test(commands.begin() + static_cast<std::ptrdiff_t>(i),
                                   commands.begin() + static_cast<std::ptrdiff_t>(then));
    test.front().words.erase(test.front().words.begin());
    if (is_new)
      open_.push_back({.line = commands[i].line});
    else if (open_.empty())
      throw InputError(at_line(commands[i].line), "has an elif without an if");
    If& now = open_.back();
    if (now.was_taken) {
      now.now = Branch::passed;
    } else {
      const std::optional<bool> holds = test_holds(test, values_);
      now.now = !holds || (*holds && now.was_undecided) ? Branch::undecided
                : *holds                                ? Branch::taken
                                                        : Branch::passed;
      now.was_undecided |= !holds;
      now.was_taken |= holds.value_or(false);
    }
    // What stands behind `then` on its line is the next command.
    commands[then].words.erase(commands[then].words.begin());
    return commands[then].words.empty() ? then : then - 1;
  }

  void otherwise(int line) {
    if (open_.empty()) throw InputError(at_line(line), "has an else without an if");
    If& now = open_.back();
    now.now = now.was_taken ? Branch::passed : now.was_undecided ? Branch::undecided : Branch::taken;
  }

  /// A loop or a case, to its end: what it sets is not known behind it.
  std::size_t pass_over(const std::vector<ShellCommand>& commands, std::size_t i) {
    int depth = 0;
    const int line = commands[i].line;
    for (; i < commands.size(); ++i) {
      bool first = true;
      for (const ShellWord& word : commands[i].words) {
        const std::string_view text = word.parts.size() == 1 && !word.parts[0].quoted
                                          ? std::string_view(word.parts[0].text)
                                          : std::string_view();
        if (first && is_one_of(text, {"for", "while", "until", "select", "case"})) ++depth;
        if (first && is_one_of(text, {"done", "esac"})) --depth;
        first = first && is_one_of(text, {"then", "else", "do", "if", "{"});
        values_.forget(word,
                       fmt::format("is set in the loop or case of line {}, which is not followed", line));
      }
      if (depth == 0) return i;
    }
    throw InputError(at_line(line), "opens a loop or case that nothing closes");
  }

  void run(const ShellCommand& command) {
    const Branch where = branch();
    if (where == Branch::passed) return;
    if (keyword(command) == "function")
      throw InputError(at_line(command.line), "is a function, which is not read",
                       "write the launch without functions");
    std::size_t first = 0;
    if (is_one_of(keyword(command), {"export", "declare", "local", "readonly", "typeset"})) first = 1;
    std::size_t assignments = first;
    const std::span<const ShellWord> words(command.words);
    if (where == Branch::undecided) {
      for (const ShellWord& word : words.subspan(first))
        values_.forget(word, fmt::format("is set where line {} may or may not lead", open_.back().line));
    } else if (first == 1) {
      for (const ShellWord& word : words.subspan(1)) values_.assign(word);
      return;
    } else {
      assignments = leading_assignments(words);
      if (assignments == words.size()) {
        for (const ShellWord& word : words) values_.assign(word);
        return;
      }
    }
    start(values_.expand(
              std::vector<ShellWord>(words.begin() + static_cast<std::ptrdiff_t>(assignments), words.end())),
          command.line);
  }

  static std::size_t leading_assignments(std::span<const ShellWord> words) {
    ShellValues nowhere;
    std::size_t n = 0;
    while (n < words.size() && nowhere.assign(words[n])) ++n;
    return n;
  }

  /// Keeps the command if it starts the training; follows it if it is a script itself.
  void start(const std::vector<Word>& words, int line) {
    if (words.empty()) return;
    if (words[0].text == "#SBATCH") {
      around_.insert(around_.end(), words.begin() + 1, words.end());
      return;
    }
    if (words[0].text == "unset")
      for (const Word& word : words) values_.unset(word.text);
    if (is_one_of(words[0].text,
                  {"echo", "printf", "unset", "cd", "mkdir", "cp", "ls", "cat", "test", "[", "[["}))
      return;
    if (words[0].text == "eval") {
      std::string text;
      for (const Word& word : std::span(words).subspan(1)) text += word.text + " ";
      within(text, words[0].line, around_);
      return;
    }
    for (std::size_t i = 0; i + 2 < words.size(); ++i)
      if (is_one_of(base_name(words[i].text), {"bash", "sh"}) &&
          is_one_of(words[i + 1].text, {"-c", "-lc"})) {
        std::vector<Word> around = around_;
        around.insert(around.end(), words.begin(), words.begin() + static_cast<std::ptrdiff_t>(i));
        within(words[i + 2].text, words[i + 2].line, around);
        return;
      }
    if (const std::size_t behind = behind_program(words); behind > 0) keep(words, behind, line);
  }

  void within(const std::string& text, int line, const std::vector<Word>& around) {
    const std::vector<Word> kept = around_;
    const int depth = depth_;
    follow(text, line, around, depth + 1);
    around_ = kept;
    depth_ = depth;
  }

  static std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

  /// Where the training program's own words begin; 0: it is not started here.
  static std::size_t behind_program(const std::vector<Word>& words) {
    if (words[0].text.starts_with("--")) return 1;  // flags alone
    bool starts_modules = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i].text.ends_with(".py") && !words[i].text.starts_with("-")) return i + 1;
      starts_modules |=
          words[i].text.find("python") != std::string::npos || base_name(words[i].text) == "torchrun";
      if (starts_modules && words[i].text == "-m" && i + 1 < words.size() &&
          !words[i + 1].text.starts_with("torch.distributed"))
        return i + 2;
    }
    return 0;
  }

  void keep(const std::vector<Word>& words, std::size_t behind, int line) {
    const bool flags_alone = words[0].text.starts_with("--");
    const auto program = words.begin() + static_cast<std::ptrdiff_t>(flags_alone ? 0 : behind);
    if (branch() == Branch::undecided)
      throw InputError(
          at_line(line),
          fmt::format("starts the training where line {} may or may not lead", open_.back().line),
          "give the launch without the if, or the variables that decide it: --env NAME=VALUE");
    Launch launch{.line = line,
                  .program = {},
                  .launcher = around_,
                  .arguments = {program, words.end()},
                  .variables = {}};
    if (!flags_alone) {
      launch.program = base_name(words[behind - 1].text);
      launch.launcher.insert(launch.launcher.end(), words.begin(), program);
    }
    for (const std::string_view name : Launch::kAsked)
      if (const Word* value = values_.find(std::string(name))) launch.variables.emplace_back(name, *value);
    launches.push_back(std::move(launch));
  }

  ShellValues& values_;
  std::vector<If> open_;
  std::vector<Word> around_;
  int depth_{0};
};

}  // namespace

Launch read_launch(std::string_view script, const std::vector<std::pair<std::string, std::string>>& given) {
  if (script.find('\0') != std::string_view::npos)
    throw InputError("", "is not text: it has NUL bytes", "a launch script, or a command line, is asked for");
  ShellValues values;
  for (const auto& [name, value] : given) values.give(name, value);
  Script reader(values);
  reader.follow(script, 1, {}, 0);
  if (reader.launches.empty())
    throw InputError(
        "", "starts no training that can be found",
        "a command with a program that ends in .py, one behind -m, or flags alone are looked for");
  // Data is prepared and weights are converted by programs, too.
  const auto trains = [](const Launch& launch) { return launch.program.find("train") != std::string::npos; };
  if (reader.launches.size() > 1 && std::ranges::count_if(reader.launches, trains) > 0)
    std::erase_if(reader.launches, std::not_fn(trains));
  if (reader.launches.size() > 1)
    throw InputError(at_line(reader.launches[1].line),
                     fmt::format("starts a training, as line {} does", reader.launches[0].line),
                     "give a file with one of them");
  return std::move(reader.launches.front());
}

}  // namespace ds::convert
