// Breaks lines at words where they are wider than the window.
#include <algorithm>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

/// Of the text behind a label and at least two blanks ("memory     88.6 MB ..."), else two columns behind the line's begin.
int column_to_go_on(std::string_view line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t gap = line.find("  ", begin);
  const std::size_t text = line.find_first_not_of(' ', gap);
  if (gap == std::string_view::npos || text == std::string_view::npos) return static_cast<int>(begin) + 2;
  return columns_of(line.substr(0, text));
}

std::string wrap_line(std::string_view line, int columns) {
  const int indent = std::min(column_to_go_on(line), columns / 2);
  std::string wrapped;
  int used = 0;
  bool has_word = false;
  while (!line.empty()) {
    const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t end = std::min(line.find(' ', blanks), line.size());
    const int width = columns_of(line.substr(blanks, end - blanks));
    int gap = static_cast<int>(blanks);
    if (has_word && used + gap + width > columns) {
      wrapped += '\n';
      used = 0;
      gap = indent;
    }
    wrapped.append(static_cast<std::size_t>(gap), ' ').append(line.substr(blanks, end - blanks));
    used += gap + width;
    has_word = true;
    line.remove_prefix(end);
  }
  return wrapped;
}

}  // namespace

std::string wrap(std::string_view text, const Screen& screen) {
  if (!screen.terminal) return std::string(text);
  std::string wrapped;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    wrapped += columns_of(line) > screen.columns ? wrap_line(line, screen.columns) : std::string(line);
    text.remove_prefix(end);
    if (text.empty()) break;
    wrapped += '\n';
    text.remove_prefix(1);
  }
  return wrapped;
}

}  // namespace ds::terminal
