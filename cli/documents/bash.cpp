// Completions for bash: one function that looks for the command, then for the option before the cursor.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/documents/documents.h"

namespace ds::cli {
namespace {

std::string words_of(const std::vector<OptionRow>& options) {
  std::vector<std::string> words;
  for (const OptionRow& option : options) {
    const std::vector<std::string> some = option.positional ? option.choices() : option.names;
    words.insert(words.end(), some.begin(), some.end());
  }
  return fmt::format("{}", fmt::join(words, " "));
}

/// What follows an option that takes a value.
std::string values_of(const std::vector<OptionRow>& options) {
  std::string text;
  for (const OptionRow& option : options)
    if (!option.positional && !option.value.empty())
      text += fmt::format("        {}) words='{}' files={} ;;\n", fmt::join(option.names, "|"),
                          fmt::join(option.choices(), " "), option.takes_file() ? "yes" : "");
  return text;
}

}  // namespace

std::string bash_completion(const ProgramTable& program) {
  std::vector<std::string> names;
  for (const CommandRow& command : program.commands) names.push_back(command.name);
  std::string function = program.name;
  std::ranges::replace(function, '-', '_');
  std::string text = fmt::format(R"(# Completions of {0} for bash, as `{0} completions bash` prints them.
_{1}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command='' words='' files='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {2}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  case $command in
    '') words='{3} {4}' ;;
)",
                                 program.name, function, fmt::join(names, "|"), fmt::join(names, " "),
                                 words_of(program.options));
  for (const CommandRow& command : program.commands) {
    const bool files = std::ranges::any_of(command.options,
                                           [](const OptionRow& o) { return o.positional && o.takes_file(); });
    text += fmt::format("    {})\n      words='{}' files={}\n", command.name, words_of(command.options),
                        files ? "yes" : "");
    const std::string values = values_of(command.options);
    if (!values.empty()) text += "      case $prev in\n" + values + "      esac\n";
    text += "      ;;\n";
  }
  return text + fmt::format(R"(  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  # Readline knows best how to quote names of files.
  if [ -n "$files" ] && [[ $cur != -* ]]; then COMPREPLY=(); compopt -o default 2>/dev/null; fi
}}
complete -F _{1} {0}
)",
                            program.name, function);
}

}  // namespace ds::cli
