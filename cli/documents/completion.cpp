// The right script for a shell, and what all three ask of an option.
#include <algorithm>

#include "cli/documents/documents.h"
#include "simulator/base/error.h"

namespace ds::cli {

bool OptionRow::takes_file() const {
  const std::string& word = positional ? names.front() : value;
  return word == "FILE" || word == "JOB" || word == "PROFILE";
}

std::vector<std::string> OptionRow::choices() const {
  if (value.find('|') == std::string::npos) return {};
  std::vector<std::string> words(1);
  for (const char c : value)
    if (c == '|')
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

std::string completion(const ProgramTable& program, std::string_view shell) {
  if (shell == "bash") return bash_completion(program);
  if (shell == "zsh") return zsh_completion(program);
  if (shell == "fish") return fish_completion(program);
  throw InputError("completions", "there are none for " + std::string(shell),
                   "bash, zsh and fish are possible");
}

}  // namespace ds::cli
