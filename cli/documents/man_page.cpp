// The manual page of a program: what --help says, command by command, and what is true of all of them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "cli/documents/documents.h"

namespace ds::cli {
namespace {

/// Minus signs that can be copied, and no line that roff takes for a request.
std::string roff(std::string_view text) {
  std::string safe = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else if (c == '|')
      safe += "|\\:";  // a line may end here
    else
      safe += c;
  }
  return safe;
}

std::string heading(const OptionRow& option) {
  std::string text;
  for (const std::string& name : option.names)
    text += fmt::format("{}\\fB{}\\fR", text.empty() ? "" : ", ", roff(name));
  return option.value.empty() || option.positional ? text
                                                   : fmt::format("{} \\fI{}\\fR", text, roff(option.value));
}

std::string rows(const std::vector<OptionRow>& options) {
  std::string text;
  for (const OptionRow& option : options)
    text += fmt::format(".TP\n{}\n{}\n", heading(option), roff(option.about));
  return text;
}

/// Options that some commands have word for word: told once.
std::vector<OptionRow> shared_by(const std::vector<CommandRow>& commands) {
  constexpr int kSome = 3;
  std::vector<OptionRow> shared;
  for (const CommandRow& command : commands)
    for (const OptionRow& option : command.options) {
      const auto has = [&](const CommandRow& one) {
        return std::ranges::find(one.options, option) != one.options.end();
      };
      if (!option.positional && std::ranges::find(shared, option) == shared.end() &&
          std::ranges::count_if(commands, has) >= kSome)
        shared.push_back(option);
    }
  return shared;
}

std::string synopsis(const ProgramTable& program, const CommandRow& command) {
  std::string text = fmt::format("\\fB{} {}\\fR", roff(program.name), roff(command.name));
  for (const OptionRow& option : command.options)
    if (option.positional)
      text += fmt::format(" \\fI{}\\fR{}", roff(option.names.front()), option.repeats() ? "..." : "");
  return text + " [\\fIoptions\\fR]\n";
}

constexpr std::string_view kCommonEnd = R"(.SH EXIT STATUS
.TP
0
done
.TP
1
an honest no: the plan does not fit, a check fell short, there is no feasible plan; reports are written all the same
.TP
2
unusable input; the message says where, what is wrong, and what would be right
.TP
3
our own mistake, or the machine failed: disk, rank, network
.TP
130, 143
after Ctrl\-C and SIGTERM, with what was reached so far saved
.SH ENVIRONMENT
.TP
DS_PROFILES
folder of presets and schemas; else share/ds beside the folder of the program, else the source tree it was built from
.TP
XDG_CACHE_HOME
where ds/localhost.json lies, which is what the node localhost means; else ~/.cache
.TP
NO_COLOR
where it is set and not empty there are no colours
.SH SEE ALSO
.BR ds\-sim (1),
.BR ds\-tune (1),
.BR ds\-exec (1)
)";

}  // namespace

std::string man_page(const ProgramTable& program) {
  std::string title = program.name;
  std::ranges::transform(title, title.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const std::size_t colon = program.about.find(": ");
  const std::string about = colon == std::string::npos ? program.about : program.about.substr(colon + 2);
  std::string text = fmt::format(".TH {} 1 \"\" \"{}\" \"ds\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
                                 roff(title), roff(program.version), roff(program.name), roff(about));
  for (const CommandRow& command : program.commands) text += synopsis(program, command) + ".br\n";
  text += ".SH COMMANDS\n";
  const std::vector<OptionRow> shared = shared_by(program.commands);
  for (const CommandRow& command : program.commands) {
    std::vector<OptionRow> own;
    std::ranges::copy_if(command.options, std::back_inserter(own), [&](const OptionRow& option) {
      return std::ranges::find(shared, option) == shared.end();
    });
    text += fmt::format(".SS {}\n{}\n{}", roff(command.name), roff(command.about), rows(own));
  }
  text += ".SH OPTIONS\nOf all commands that have a use for them; the others say so.\n" + rows(shared);
  text += ".SH EXAMPLES\n" + roff(program.footer) + "\n";
  return text + std::string(kCommonEnd);
}

}  // namespace ds::cli
