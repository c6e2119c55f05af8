// How many columns a text takes on a terminal, and cutting it to so many.
#include <algorithm>
#include <array>
#include <cstddef>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

struct Letter {
  char32_t code{0};
  std::size_t length{1};  ///< bytes
};

/// The letter that `text` (not empty) begins with. A byte that begins no letter stands for itself.
Letter first_letter(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80U          ? 1
                             : lead >> 5U == 0x6U  ? 2
                             : lead >> 4U == 0xEU  ? 3
                             : lead >> 3U == 0x1EU ? 4
                                                   : 0;
  if (length == 0 || length > text.size()) return {.code = lead, .length = 1};
  if (length == 1) return {.code = lead, .length = 1};
  char32_t code = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6U != 0x2U) return {.code = lead, .length = 1};
    code = code << 6U | (byte(i) & 0x3FU);
  }
  return {.code = code, .length = length};
}

struct Range {
  char32_t first, last;
};

bool within(char32_t code, std::span<const Range> ranges) {
  return std::ranges::any_of(ranges, [code](Range r) { return r.first <= code && code <= r.last; });
}

/// The C library's wcwidth knows more letters, but only when the locale is set, which a container often forgets.
int columns_of(char32_t code) {
  static constexpr std::array<Range, 5> kNone{
      {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}}};
  static constexpr std::array<Range, 8> kTwo{{{0x1100, 0x115F},
                                              {0x2E80, 0xA4CF},
                                              {0xAC00, 0xD7A3},
                                              {0xF900, 0xFAFF},
                                              {0xFE30, 0xFE6F},
                                              {0xFF00, 0xFF60},
                                              {0xFFE0, 0xFFE6},
                                              {0x1F300, 0x1FAFF}}};
  if (within(code, kNone)) return 0;
  return within(code, kTwo) ? 2 : 1;
}

/// Bytes of the colour sequence that `text` begins with, else 0.
std::size_t colour_sequence(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

int columns_of(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    if (const std::size_t skip = colour_sequence(text); skip > 0) {
      text.remove_prefix(skip);
      continue;
    }
    const Letter letter = first_letter(text);
    columns += columns_of(letter.code);
    text.remove_prefix(letter.length);
  }
  return columns;
}

std::string shorten(std::string_view text, int columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns < 1) return {};
  std::size_t kept = 0;
  for (int used = 1; kept < text.size();) {  // one column for the ellipsis
    const Letter letter = first_letter(text.substr(kept));
    used += columns_of(letter.code);
    if (used > columns) break;
    kept += letter.length;
  }
  return std::string(text.substr(0, kept)) + "…";
}

std::string shorten_middle(std::string_view text, int columns) {
  int left_out = columns_of(text);
  if (left_out <= columns) return std::string(text);
  const int tail = std::max(0, columns - 1) / 2;
  std::string_view rest = text;
  while (left_out > tail) {
    const Letter letter = first_letter(rest);
    left_out -= columns_of(letter.code);
    rest.remove_prefix(letter.length);
  }
  return shorten(text, columns - tail).append(rest);
}

std::string one_line(std::string_view text) {
  std::string shown(text);
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(shown[i]); };
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (byte(i) < 0x20U || shown[i] == 0x7F) shown[i] = '?';
    // U+0080 to U+009F, which some terminals take for the beginning of an escape sequence.
    if (byte(i) == 0xC2U && i + 1 < shown.size() && byte(i + 1) >= 0x80U && byte(i + 1) < 0xA0U)
      shown.replace(i, 2, "?");
  }
  return shown;
}

std::string pad(std::string_view text, int columns, Align align) {
  const std::string blanks(static_cast<std::size_t>(std::max(0, columns - columns_of(text))), ' ');
  return align == Align::left ? std::string(text) + blanks : blanks + std::string(text);
}

}  // namespace ds::terminal
