// Lays cells out in columns.
#include <algorithm>
#include <optional>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

constexpr std::string_view kGap = "  ";

std::vector<int> widths_of(const Table& table) {
  std::vector<int> widths;
  for (const Column& column : table.columns) widths.push_back(columns_of(column.title));
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < std::min(row.size(), widths.size()); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i].text));
  return widths;
}

int width_of(const std::vector<int>& widths) {
  int sum = 0;
  for (const int width : widths) sum += width + columns_of(kGap);
  return sum - columns_of(kGap);
}

/// The column to do without, or none.
std::optional<std::size_t> least_important(const std::vector<Column>& columns) {
  std::optional<std::size_t> least;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].importance < kAlways && (!least || columns[i].importance <= columns[*least].importance))
      least = i;
  return least;
}

void leave_out(Table& table, std::size_t column) {
  table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(column));
  for (auto& row : table.rows)
    if (column < row.size()) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
}

std::string rule(const std::vector<int>& widths) {
  std::string line;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (i > 0) line += kGap;
    for (int n = 0; n < widths[i]; ++n) line += "─";
  }
  return line + '\n';
}

/// A row's cells on their columns; no blanks at the end of the line, so that a diff of two outputs stays quiet.
std::string line_of(const Table& table, const std::vector<Cell>& cells, const std::vector<int>& widths,
                    const Screen& screen) {
  std::string line;
  std::string blanks;  // owed before the next text
  for (std::size_t i = 0; i < std::min(cells.size(), widths.size()); ++i) {
    const auto missing = static_cast<std::size_t>(widths[i] - columns_of(cells[i].text));
    const bool right = table.columns[i].align == Align::right;
    if (right) blanks.append(missing, ' ');
    if (!cells[i].text.empty()) {
      line.append(blanks).append(paint(cells[i].text, cells[i].hue, screen));
      blanks.clear();
    }
    if (!right) blanks.append(missing, ' ');
    blanks.append(kGap);
  }
  return line + '\n';
}

}  // namespace

std::string draw(const Table& table, const Screen& screen) {
  // What stands in cells may come from files: names, paths, ids.
  Table shown = table;
  for (auto& row : shown.rows)
    for (Cell& cell : row) cell.text = one_line(cell.text);
  std::vector<int> widths = widths_of(shown);
  while (screen.terminal && width_of(widths) > screen.columns) {
    const std::optional<std::size_t> column = least_important(shown.columns);
    if (!column) break;
    leave_out(shown, *column);
    widths = widths_of(shown);
  }
  std::string drawn;
  std::vector<Cell> titles;
  for (const Column& column : shown.columns) titles.push_back({column.title, Hue::bold});
  if (std::ranges::any_of(titles, [](const Cell& title) { return !title.text.empty(); }))
    drawn += line_of(shown, titles, widths, screen);
  for (const auto& row : shown.rows)
    drawn += row.empty() ? rule(widths) : line_of(shown, row, widths, screen);
  return drawn;
}

}  // namespace ds::terminal
