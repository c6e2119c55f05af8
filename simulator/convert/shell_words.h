#pragma once
// A launch script cut into commands, words and the parts of words, by the quoting rules of the shell (POSIX.1-2017, XCU 2.2 to 2.6,
// and bash's arrays). Nothing is run and nothing is looked up here: what stands for a value is kept as a part of its own.

#include <string>
#include <string_view>
#include <vector>

namespace ds::convert {

/// A piece of a word.
struct ShellPart {
  enum class Kind {
    text,
    variable,    // text: what stands between the braces of ${...}, or the bare name
    arithmetic,  // text: what stands in $((...))
    unreadable,  // text: as written; nobody but a shell could say what it gives
  };
  Kind kind{};
  std::string text;
  bool quoted{};
};

struct ShellWord {
  int line{};
  std::vector<ShellPart> parts;
  bool is_list{};               // NAME=(...): the parts are NAME=, the elements are here
  std::vector<ShellWord> list;  // of an array
};

/// Words up to `;`, `&&`, a pipe or the end of the line. Redirections are left out, comments as well, but for those of sbatch.
struct ShellCommand {
  int line{};
  std::vector<ShellWord> words;
  std::string end;  // "&&", "||", "|", ";" (which a line break is as well) ...
};

/// Throws InputError where quotes, braces or parentheses are left open, and for what launches are not read with:
/// here-documents, functions. Lines are counted from `line`.
std::vector<ShellCommand> shell_commands(std::string_view text, int line = 1);

/// The parts of a text in which only `$` and a backquote mean something, as between double quotes.
std::vector<ShellPart> shell_parts(std::string_view text, int line);

/// "line 12": where in a file.
std::string at_line(int line);

}  // namespace ds::convert
