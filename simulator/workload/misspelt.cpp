// Compares words letter by letter, and as sets of words.
#include "simulator/workload/misspelt.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ds::workload {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || is_capital(c); }
char small(char c) { return is_capital(c) ? static_cast<char>(c - 'A' + 'a') : c; }

std::string digits_of(std::string_view text) {
  std::string all;
  std::ranges::copy_if(text, std::back_inserter(all), is_digit);
  return all;
}

/// hidden and size, of hidden_size as of HiddenSize.
std::vector<std::string> words_of(std::string_view key) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool parts = !is_letter(key[i]) && !is_digit(key[i]);
    const bool hump = is_capital(key[i]) && i > 0 && !is_capital(key[i - 1]);
    if ((parts || hump) && !words.back().empty()) words.emplace_back();
    if (!parts) words.back() += small(key[i]);
  }
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += word;
  return all;
}

}  // namespace

bool is_slip(std::string_view word, std::string_view meant) {
  const std::size_t longer = std::max(word.size(), meant.size()),
                    shorter = std::min(word.size(), meant.size());
  std::size_t front = 0, back = 0;
  while (front < shorter && word[front] == meant[front]) ++front;
  while (back < shorter - front && word[word.size() - 1 - back] == meant[meant.size() - 1 - back]) ++back;
  const bool swapped = word.size() == meant.size() && front + back + 2 == longer &&
                       word[front] == meant[front + 1] && word[front + 1] == meant[front];
  return (front + back + 1 >= longer || swapped) && digits_of(word) == digits_of(meant);
}

bool is_misspelt(std::string_view key, std::string_view meant) {
  if (key == meant) return false;
  std::vector<std::string> words = words_of(key), right = words_of(meant);
  if (is_slip(joined(words), joined(right))) return true;
  std::ranges::sort(words);
  std::ranges::sort(right);
  return words == right;
}

void refuse_misspelt(const Cursor& object, std::span<const std::string_view> read) {
  const auto known = [&](const std::string& key) { return std::ranges::find(read, key) != read.end(); };
  for (const auto& [key, value] : object.members()) {
    if (value.is_null() || known(key)) continue;
    for (const std::string_view meant : read)
      if (!object.find_not_null(meant) && is_misspelt(key, meant))
        value.fail(std::string(kUnknownKey), fmt::format("did you mean {}?", meant));
  }
}

}  // namespace ds::workload
