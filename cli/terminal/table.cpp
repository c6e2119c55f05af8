// Lays cells out in columns, as many and as wide as the window takes.
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

/// The column to do without, or none of those below `most`.
std::optional<std::size_t> least_important(const std::vector<Column>& columns, int most) {
  std::optional<std::size_t> least;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].importance < most && (!least || columns[i].importance <= columns[*least].importance))
      least = i;
  return least;
}

void leave_out(Table& table, std::size_t column) {
  table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(column));
  for (auto& row : table.rows)
    if (column < row.size()) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
}

/// The least that each column may be cut to. Numbers are not cut: what is left of one is another.
std::vector<int> least_widths(const Table& table) {
  std::vector<int> least = widths_of(table);
  for (std::size_t i = 0; i < least.size(); ++i) {
    const Column& column = table.columns[i];
    if (column.least == 0) continue;
    int kept = column.least;
    for (const auto& row : table.rows)
      if (column.align == Align::right && i < row.size()) kept = std::max(kept, columns_of(row[i].text));
    least[i] = std::min(least[i], kept);
  }
  return least;
}

/// Takes from the widest column that has something to give until the table fits, or none has.
void cut(Table& table, int columns) {
  std::vector<int> widths = widths_of(table);
  const std::vector<int> least = least_widths(table);
  for (int excess = width_of(widths) - columns; excess > 0; --excess) {
    std::optional<std::size_t> widest;
    for (std::size_t i = 0; i < widths.size(); ++i)
      if (widths[i] > least[i] && (!widest || widths[i] > widths[*widest])) widest = i;
    if (!widest) break;
    --widths[*widest];
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    table.columns[i].title = shorten_middle(table.columns[i].title, widths[i]);
    for (auto& row : table.rows)
      if (i < row.size()) row[i].text = shorten_middle(row[i].text, widths[i]);
  }
}

void fit(Table& table, int columns) {
  const std::vector<int> widths = widths_of(table);
  for (std::size_t i = widths.size(); i-- > 0;)
    if (widths[i] == 0) leave_out(table, i);  // nothing but a gap
  const auto leave_out_below = [&](int importance, auto widths_when) {
    while (width_of(widths_when(table)) > columns)
      if (const auto column = least_important(table.columns, importance))
        leave_out(table, *column);
      else
        return;
  };
  leave_out_below(kNeeded, widths_of);
  leave_out_below(kAlways, least_widths);
  cut(table, columns);
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
  if (screen.terminal) fit(shown, screen.columns);
  const std::vector<int> widths = widths_of(shown);
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
