// Goes through a command line word by word: command, options with their values, and what is left.
#include "cli/session/usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <ranges>
#include <vector>

#include "simulator/base/nearest.h"

namespace ds::cli {
namespace {

using Words = std::span<const std::string>;

/// What each program can be asked, for whoever asks another one.
struct OfProgram {
  std::string_view program, command;
};
constexpr std::array kCommands{
    OfProgram{"ds-sim", "run"},        OfProgram{"ds-sim", "compare"},    OfProgram{"ds-sim", "diff"},
    OfProgram{"ds-sim", "sweep"},      OfProgram{"ds-sim", "validate"},   OfProgram{"ds-sim", "convert"},
    OfProgram{"ds-sim", "collective"}, OfProgram{"ds-sim", "export"},     OfProgram{"ds-sim", "presets"},
    OfProgram{"ds-sim", "limits"},     OfProgram{"ds-sim", "schema"},     OfProgram{"ds-exec", "run"},
    OfProgram{"ds-exec", "compare"},   OfProgram{"ds-exec", "calibrate"}, OfProgram{"ds-tune", "search"},
    OfProgram{"ds-tune", "train"},     OfProgram{"ds-tune", "bench"},
};

bool is_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }
std::string name_of(std::string_view option) { return std::string(option.substr(0, option.find('='))); }

/// As a shell takes it for one word.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "_-+=:,./@%";
  const bool plain = std::ranges::all_of(word, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kPlain.find(c) != std::string_view::npos;
  });
  if (plain && !word.empty()) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

std::string line(Words words) {
  return fmt::format("{}", fmt::join(words | std::views::transform(quoted), " "));
}
std::string shown(const std::string& word) { return word.empty() ? quoted(word) : word; }

/// What goes through a command line has found: at most one thing is wrong.
class Line {
 public:
  Line(const ProgramTable& program, Words words) : program_(program), words_(words) {
    const auto end = std::ranges::find(words_, "--");
    for (const CommandRow& command : program_.commands) {
      const auto found = std::find(words_.begin(), end, command.name);
      if (found == end || (command_ != nullptr && found - words_.begin() >= at_)) continue;
      command_ = &command;
      at_ = found - words_.begin();
    }
  }

  std::optional<InputError> wrong(std::span<const std::string_view> later) const {
    if (command_ == nullptr) return no_command(later);
    const Words before = words_.first(static_cast<std::size_t>(at_));
    if (before.empty()) return behind_command(words_.subspan(1));
    if (auto fault = of_another_program()) return fault;
    if (auto fault = unknown_option(before)) return fault;
    if (before.front() == "help")
      return InputError("help", "is not a command", fmt::format("write {} --help", started()));
    std::vector<std::string> right(before.begin(), before.end());
    right.insert(right.end(), words_.begin() + at_ + 1, words_.end());
    if (const auto left = left_over(right); std::ssize(left) > most()) return too_many(left);
    return InputError(shown(name_of(before.front())), "stands before the command",
                      fmt::format("write {} {}", started(), line(right)));
  }

 private:
  std::string started() const { return fmt::format("{} {}", program_.name, command_->name); }

  static const OptionRow* find(const CommandRow& command, const std::string& name) {
    for (const OptionRow& row : command.options)
      if (!row.positional && std::ranges::find(row.names, name) != row.names.end()) return &row;
    return nullptr;
  }

  int most() const {
    int sum = 0;
    for (const OptionRow& row : command_->options) sum += row.positional ? row.most : 0;
    return sum;
  }

  /// An option that no command has; or, where the command is known, that it does not have.
  std::optional<InputError> unknown_option(Words words) const {
    std::vector<std::string_view> names;
    const auto add = [&](const std::vector<OptionRow>& rows) {
      for (const OptionRow& row : rows)
        if (!row.positional) names.insert(names.end(), row.names.begin(), row.names.end());
    };
    add(program_.options);
    for (const CommandRow& command : program_.commands) add(command.options);
    for (const std::string& word : words) {
      if (word == "--") return std::nullopt;
      if (!is_option(word)) continue;
      const std::string name = name_of(word);
      if (std::ranges::find(names, name) != names.end()) continue;
      const bool letters = word[1] != '-';  // -qv; -5 may be a value
      if (letters && std::ranges::find(names, word.substr(0, 2)) != names.end()) continue;
      if (letters && word[1] >= '0' && word[1] <= '9') continue;
      const std::string bare =
          name.substr(name.find_first_not_of('-') == std::string::npos ? 0 : name.find_first_not_of('-'));
      if (std::ranges::find(program_.commands, bare, &CommandRow::name) != program_.commands.end())
        return InputError(name, "is not an option, but a command",
                          fmt::format("write {} {}", program_.name, bare));
      const std::string near = letters ? std::string() : nearest(name, names);
      return InputError(
          name, "is not an option",
          near.empty() ? "--help says what can be asked" : fmt::format("did you mean {}?", near));
    }
    return std::nullopt;
  }

  /// Words that are no options and no values of any; from where on an option has no value, too.
  std::vector<std::string> left_over(Words words, std::optional<InputError>* fault = nullptr) const {
    std::vector<std::string> left;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (word == "--") {
        left.insert(left.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
        break;
      }
      if (!is_option(word)) {
        left.push_back(word);
        continue;
      }
      const OptionRow* row = find(*command_, name_of(word));
      if (row == nullptr || row->value.empty() || word.find('=') != std::string::npos) continue;
      if (i + 1 == words.size() && fault != nullptr)
        *fault = InputError(word, "has no value", fmt::format("write {} {}", word, row->value));
      ++i;
      while (row->most > 1 && i + 1 < words.size() && !is_option(words[i + 1]) &&
             words[i + 1].find('=') != std::string::npos)
        ++i;
    }
    return left;
  }

  /// "ds-sim sweep JOB --over PATH=V,V,...".
  std::string usage() const {
    std::string text = started();
    for (const OptionRow& row : command_->options) {
      const std::string& shown = row.positional && row.choices().empty() ? row.names.front() : row.value;
      for (int i = 0; i < row.least; ++i)
        text += row.positional ? " " + shown : fmt::format(" {} {}", row.names.front(), shown);
    }
    return text;
  }

  std::optional<InputError> behind_command(Words behind) const {
    if (auto fault = unknown_option(behind)) return fault;
    if (auto fault = of_another_command(behind)) return fault;
    if (auto fault = given_twice(behind)) return fault;
    std::optional<InputError> no_value;
    const std::vector<std::string> left = left_over(behind, &no_value);
    if (no_value) return no_value;
    if (std::ssize(left) > most()) return too_many(left);
    if (auto fault = too_few(left.size())) return fault;
    for (const OptionRow& row : command_->options)
      if (!row.positional && row.least > 0 && std::ranges::none_of(behind, [&](const std::string& word) {
            return std::ranges::find(row.names, name_of(word)) != row.names.end();
          }))
        return InputError(row.names.front(), "is missing", fmt::format("write {}", usage()));
    return std::nullopt;
  }

  std::optional<InputError> of_another_command(Words words) const {
    for (const std::string& word : words) {
      if (word == "--") break;
      const std::string name = name_of(word);
      if (!name.starts_with("--") || find(*command_, name) != nullptr) continue;
      const auto has = [&](const CommandRow& one) { return find(one, name) != nullptr; };
      const auto other = std::ranges::find_if(program_.commands, has);
      if (other != program_.commands.end())
        return InputError(name, fmt::format("is not an option of {}", started()),
                          fmt::format("{} {} has it", program_.name, other->name));
    }
    return std::nullopt;
  }

  std::optional<InputError> given_twice(Words words) const {
    for (const OptionRow& row : command_->options) {
      const auto times = std::ranges::count_if(words, [&](const std::string& word) {
        return std::ranges::find(row.names, name_of(word)) != row.names.end();
      });
      if (!row.positional && !row.value.empty() && row.most == 1 && times > 1)
        return InputError(row.names.front(), "is given twice", "leave one out");
    }
    return std::nullopt;
  }

  bool is_command(const std::string& word) const {
    return std::ranges::find(kCommands, word, &OfProgram::command) != kCommands.end() ||
           std::ranges::find(program_.commands, word, &CommandRow::name) != program_.commands.end();
  }

  InputError too_many(const std::vector<std::string>& left) const {
    if (is_command(left.front()))
      return {left.front(), "is one command too many",
              fmt::format("write {} {}", started(), line(Words(left).subspan(1)))};
    const std::string word = shown(left[static_cast<std::size_t>(most())]);
    if (word.find('=') != std::string::npos && find(*command_, "--set") != nullptr)
      return {word, "is no file and no option", fmt::format("did you mean --set {}?", quoted(word))};
    const auto takes_files = [](const OptionRow& row) { return row.positional && row.takes_file(); };
    if (std::ranges::any_of(command_->options, takes_files))
      for (const CommandRow& other : program_.commands)
        if (std::ranges::any_of(other.options,
                                [&](const OptionRow& row) { return takes_files(row) && row.most > most(); }))
          return {word, fmt::format("is one too many, {} takes {}", started(), most() == 1 ? "one" : "two"),
                  fmt::format("{} {} takes several", program_.name, other.name)};
    if (most() == 0) return {word, "is one too many", fmt::format("{} takes options alone", started())};
    return {word, "is one too many", fmt::format("write {}", usage())};
  }

  std::optional<InputError> too_few(std::size_t left) const {
    std::size_t needed = 0;
    for (const OptionRow& row : command_->options) {
      if (!row.positional) continue;
      needed += static_cast<std::size_t>(row.least);
      if (left >= needed) continue;
      const bool some = left + static_cast<std::size_t>(row.least) > needed;
      return InputError(row.names.front(), some ? "one is given, two are needed" : "is missing",
                        fmt::format("write {}", usage()));
    }
    return std::nullopt;
  }

  /// A word that is a command of other programs alone, before one of this program.
  std::optional<InputError> of_another_program() const {
    const Words before = command_ == nullptr ? words_ : words_.first(static_cast<std::size_t>(at_));
    for (const std::string& word : before) {
      std::vector<std::string> programs, right;
      for (const OfProgram& one : kCommands)
        if (one.command == word) programs.emplace_back(one.program);
      if (programs.empty() || std::ranges::find(programs, program_.name) != programs.end()) continue;
      std::vector<std::string> rest(words_.begin(), words_.end());
      std::erase(rest, word);
      for (const std::string& program : programs)
        right.push_back(fmt::format("{} {}{}{}", program, word, rest.empty() ? "" : " ", line(rest)));
      return InputError(
          word, fmt::format("is a command of {}, not of {}", fmt::join(programs, " and "), program_.name),
          fmt::format("write {}", fmt::join(right, " or ")));
    }
    return std::nullopt;
  }

  std::optional<InputError> no_command(std::span<const std::string_view> later) const {
    if (auto fault = of_another_program()) return fault;
    if (auto fault = unknown_option(words_)) return fault;
    std::vector<std::string_view> names;
    for (const CommandRow& command : program_.commands) names.push_back(command.name);
    const auto first = std::ranges::find_if_not(words_, is_option);
    if (first == words_.end())
      return InputError({}, "a command is missing", fmt::format("{} are", listed(names)));
    const std::string& word = *first;
    if (std::ranges::find(later, word) != later.end())
      return InputError(word, "is not there yet", "--help says what is");
    if (word == "help")
      return InputError(word, "is not a command", fmt::format("write {} --help", program_.name));
    for (const CommandRow& command : program_.commands)
      for (const OptionRow& row : command.options)
        if (const auto words = row.choices(); row.positional && std::ranges::find(words, word) != words.end())
          return InputError(word, "is not a command",
                            fmt::format("did you mean {} {} {}?", program_.name, command.name, word));
    if (auto fault = file_alone(word)) return fault;
    const std::string near = nearest(word, names);
    return InputError(
        shown(word), "is not a command",
        near.empty() ? fmt::format("{} are", listed(names)) : fmt::format("did you mean {}?", near));
  }

  /// A file, and nothing of what is to be done with it: the first command that takes so many may be meant.
  std::optional<InputError> file_alone(const std::string& word) const {
    const auto is_file = [](const std::string& one) {
      std::error_code ignored;
      return one.find('/') != std::string::npos || one.ends_with(".json") ||
             std::filesystem::exists(one, ignored);
    };
    if (!is_file(word)) return std::nullopt;
    const auto files = std::ranges::count_if(words_, is_file);
    for (const CommandRow& command : program_.commands)
      for (const OptionRow& row : command.options)
        if (row.positional && row.takes_file() && row.least <= files && files <= row.most)
          return InputError(word, "is a file, and the command is missing",
                            fmt::format("write {} {} {}", program_.name, command.name, line(words_)));
    return std::nullopt;
  }

  const ProgramTable& program_;
  Words words_;
  const CommandRow* command_{nullptr};
  std::ptrdiff_t at_{0};  // where the command stands
};

}  // namespace

std::optional<InputError> wrong_word(const ProgramTable& program, std::span<const std::string> words,
                                     std::span<const std::string_view> later) {
  return Line(program, words).wrong(later);
}

}  // namespace ds::cli
