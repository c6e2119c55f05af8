// The distance between two words, and the known word at the least.
#include "simulator/base/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ds {
namespace {

constexpr std::size_t kLongestWord = 64;  // longer ones are no misspelt keys, and the distance is quadratic

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Optimal string alignment: insert, delete, replace, or swap two neighbours (Damerau 1964).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t same = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + same});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > kLongestWord) return {};
  std::string_view best;
  std::size_t least = kLongestWord;
  for (const std::string_view candidate : known) {
    const std::size_t d = distance(word, candidate);
    const std::size_t allowed = std::max<std::size_t>(2, std::max(word.size(), candidate.size()) / 3);
    if (d < least && d <= allowed && d < candidate.size()) {
      least = d;
      best = candidate;
    }
  }
  return std::string(best);
}

namespace {

std::string in_small_letters(std::string_view word) {
  std::string small;
  for (const char c : word) small += lower(c);
  return small;
}

std::vector<std::string_view> having(const std::string& part, std::span<const std::string_view> known) {
  std::vector<std::string_view> found;
  for (const std::string_view one : known)
    if (in_small_letters(one).find(part) != std::string::npos) found.push_back(one);
  return found;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

Sharing sharing(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kShortest = 2;
  const std::string small = in_small_letters(word.substr(0, kLongestWord));
  if (small.size() >= kShortest)
    if (std::vector<std::string_view> all = having(small, known); !all.empty())
      return {small, std::move(all)};
  Sharing best;
  for (std::size_t begin = 0, end = 0; begin < small.size(); begin = end + 1) {
    end = std::min(small.find_first_of("-_./ ", begin), small.size());
    const std::string part = small.substr(begin, end - begin);
    const bool names = std::ranges::any_of(part, is_digit) && std::ranges::any_of(part, is_letter);
    if (!names || part.size() <= best.by.size()) continue;
    if (std::vector<std::string_view> some = having(part, known); !some.empty())
      best = {part, std::move(some)};
  }
  return best;
}

std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace ds
