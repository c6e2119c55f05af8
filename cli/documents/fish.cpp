// Completions for fish: a line for each option of each command.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/documents/documents.h"

namespace ds::cli {
namespace {

std::string quoted(std::string_view text) {
  std::string safe = "'";
  for (const char c : text) safe += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return safe + "'";
}

std::string line_of(const OptionRow& option, const std::string& begin) {
  const std::vector<std::string> choices = option.choices();
  if (option.positional) {
    if (option.takes_file()) return begin + " -F\n";
    return choices.empty()
               ? ""
               : fmt::format("{} -a {}\n", begin, quoted(fmt::format("{}", fmt::join(choices, " "))));
  }
  std::string line = begin;
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.takes_file())
    line += " -r -F";
  else if (!choices.empty())
    line += fmt::format(" -x -a {}", quoted(fmt::format("{}", fmt::join(choices, " "))));
  else if (!option.value.empty())
    line += " -x";
  return fmt::format("{} -d {}\n", line, quoted(option.about));
}

}  // namespace

std::string fish_completion(const ProgramTable& program) {
  std::string text = fmt::format(
      "# Completions of {0} for fish, as `{0} completions fish` prints them.\ncomplete -c {0} -f\n",
      program.name);
  for (const OptionRow& option : program.options)
    text += line_of(option, fmt::format("complete -c {} -n __fish_use_subcommand", program.name));
  for (const CommandRow& command : program.commands) {
    text += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program.name, command.name,
                        quoted(command.about));
    for (const OptionRow& option : command.options)
      text += line_of(option, fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}'", program.name,
                                          command.name));
  }
  return text;
}

}  // namespace ds::cli
