#pragma once
// "Did you mean": the known word nearest to a misspelt one, for JSON keys, preset names and flags alike.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ds {

/// The known word with the least edit distance to `word` (case ignored; a swap of neighbours counts once), or "" when
/// none is near: at most a third of the longer word may differ, 2 for words of less than six letters.
std::string nearest(std::string_view word, std::span<const std::string_view> known);

/// Those that have `word` in them; where there are none, its longest part with letters and digits, as a model's or a GPU's name
/// has it ("h200" of "dgx-h200"), case ignored. `by`: what they have in them.
struct Sharing {
  std::string by;
  std::vector<std::string_view> words;
};
Sharing sharing(std::string_view word, std::span<const std::string_view> known);

/// "a, b and c".
std::string listed(std::span<const std::string_view> words);

}  // namespace ds
