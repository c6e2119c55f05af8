#pragma once
// Variables of a script, and the words that come of them: ${TP}, "${ARGS[@]}", ${MBS:-4}, $((GPUS * NODES)). What nothing in the
// script sets stays as it is written, and is known not to be known.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/convert/shell_words.h"

namespace ds::convert {

/// Most letters that the values of a script may have together: a line may double a variable, and thirty lines make a gigabyte.
inline constexpr std::size_t kMaxShellText = std::size_t{1} << 26;

/// A word after expansion.
struct Word {
  std::string text;     // as written where nobody knows it
  int line{};           // where it is written, or the word that it came from
  std::string unknown;  // why nobody knows it: "$DATA is set nowhere"; empty: known
  bool known() const { return unknown.empty(); }
};

/// Of the environment, by name.
using Variables = std::vector<std::pair<std::string, Word>>;
/// Null where there is none of that name.
const Word* find_variable(const Variables& variables, std::string_view name);

class ShellValues {
 public:
  /// Given from outside, before the script: NAME=VALUE.
  void give(const std::string& name, std::string value);
  /// NAME=VALUE, NAME+=VALUE, NAME=(...) and NAME+=(...). False where the word is none of them. What was given stays.
  bool assign(const ShellWord& word);
  /// Of a variable that is set where we do not follow: in a loop, in a branch that nobody can decide.
  void forget(const ShellWord& assignment, const std::string& why);
  void unset(const std::string& name) { values_.erase(name); }

  /// The words that come of one: none, one or many.
  std::vector<Word> expand(const ShellWord& word);
  std::vector<Word> expand(const std::vector<ShellWord>& words);
  /// As one word, as an assignment takes it.
  Word joined(const ShellWord& word);
  /// The same in a condition, where a variable that nothing sets is empty: as it is for whoever starts the script.
  Word tested(const ShellWord& word);
  /// The value of a variable that is one known word, or null.
  const Word* find(const std::string& name) const;

 private:
  struct Value {
    std::vector<Word> elements;
    bool given{};
  };
  std::vector<Word> value_of(const ShellPart& part, int line);
  std::vector<Word> value_of_variable(const std::string& written, int line);
  Word text_of(std::string_view written, int line);
  void count(std::size_t letters, int line);

  std::map<std::string, Value, std::less<>> values_;
  std::size_t letters_{0};
  int depth_{0};
  bool unset_is_empty_{false};
};

}  // namespace ds::convert
