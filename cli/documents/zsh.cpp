// Completions for zsh: its own _arguments does the work.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/documents/documents.h"

namespace ds::cli {
namespace {

/// Within single quotes, and within the brackets or before the colon of a specification.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\'')
      safe += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      safe += std::string("\\") + c;
    else
      safe += c;
  }
  return safe;
}

std::string action_of(const OptionRow& option) {
  if (option.takes_file()) return "_files";
  const std::vector<std::string> choices = option.choices();
  return choices.empty() ? " " : fmt::format("({})", fmt::join(choices, " "));
}

std::string specification(const OptionRow& option) {
  if (option.positional)
    return fmt::format("'{}:{}:{}'", option.repeats() ? "*" : "", escaped(option.names.front()),
                       action_of(option));
  const std::string value =
      option.value.empty() ? "" : fmt::format(":{}:{}", escaped(option.value), action_of(option));
  std::string text;
  for (const std::string& name : option.names) {
    const char* sign = option.value.empty() || !name.starts_with("--") ? "" : "=";
    text += fmt::format("{}'{}{}{}[{}]{}'", text.empty() ? "" : " ", option.repeats() ? "*" : "", name, sign,
                        escaped(option.about), value);
  }
  return text;
}

std::string arguments(const std::vector<OptionRow>& options) {
  std::string text;
  for (const OptionRow& option : options) text += " \\\n          " + specification(option);
  return text;
}

}  // namespace

std::string zsh_completion(const ProgramTable& program) {
  std::string text = fmt::format(R"(#compdef {0}
# Completions of {0} for zsh, as `{0} completions zsh` prints them.
_{0}() {{
  local curcontext="$curcontext" state line
  local -a commands
  typeset -A opt_args
  commands=(
)",
                                 program.name);
  for (const CommandRow& command : program.commands)
    text += fmt::format("    '{}:{}'\n", command.name, escaped(command.about));
  text += fmt::format(R"(  )
  _arguments -C{} \
          '1: :->command' '*:: :->options'
  case $state in
    command) _describe -t commands command commands ;;
    options)
      case $words[1] in
)",
                      arguments(program.options));
  for (const CommandRow& command : program.commands)
    text += fmt::format("        {})\n          _arguments{} ;;\n", command.name, arguments(command.options));
  return text + fmt::format("      esac ;;\n  esac\n}}\n_{} \"$@\"\n", program.name);
}

}  // namespace ds::cli
