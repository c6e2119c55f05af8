#pragma once
// What a program's options are, and what is made of them beside --help: completions for three shells, and the manual page.
// The table is filled from what parses the command line (options.h), so none of them can know an option that is not there.
//
//   const ProgramTable table = table_of(app);      // cli/session/options.h
//   print(completion(table, "bash"));
//   print(man_page(table));

#include <string>
#include <string_view>
#include <vector>

namespace ds::cli {

struct OptionRow {
  std::vector<std::string> names;  // "-q", "--quiet"; a positional has one, its word: "JOB"
  std::string value;               // "" for a flag; "FILE"; words to choose from: "analytic|event"
  std::string about;
  bool positional{false};
  int least{0}, most{1};  // so often it may be given, or have values

  bool repeats() const { return most > 1; }

  /// "FILE", and what else is a file's name.
  bool takes_file() const;
  /// Of "analytic|event"; empty where it is anything else.
  std::vector<std::string> choices() const;
  friend bool operator==(const OptionRow&, const OptionRow&) = default;
};

struct CommandRow {
  std::string name, about;
  std::vector<OptionRow> options;
};

struct ProgramTable {
  std::string name, about, footer, version;
  std::vector<OptionRow> options;  // before a command
  std::vector<CommandRow> commands;
};

/// What completions are written for.
inline constexpr std::string_view kShells = "bash|zsh|fish";

/// A script for one of kShells. Throws InputError for another word.
std::string completion(const ProgramTable& program, std::string_view shell);
std::string bash_completion(const ProgramTable& program);
std::string zsh_completion(const ProgramTable& program);
std::string fish_completion(const ProgramTable& program);

/// In roff, with the macros of man(7).
std::string man_page(const ProgramTable& program);

}  // namespace ds::cli
