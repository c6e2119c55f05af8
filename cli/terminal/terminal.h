#pragma once
// What the three programs draw with: colour, tables, bars, and numbers as people read them.
//
//   const Screen out = look_at(STDOUT_FILENO, {.no_color = options.no_color});
//   Table table{.columns = {{"where"}, {"time", Align::right}, {"share"}}};
//   table.rows.push_back({{"compute"}, {duration(compute)}, {bar(compute / step, 20)}});
//   fmt::print("{}", draw(table, out));
//
// Everything returns a string; only ProgressLine writes. Results belong on standard output and progress on standard
// error, so each stream is looked at by itself. Block characters are always UTF-8: terminals are, even where
// a container forgot to set LANG.

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/base/progress.h"
#include "simulator/base/units.h"

namespace ds::terminal {

// ---- the stream

/// What a stream can show. The default is a file: no colour, nothing is drawn over.
struct Screen {
  bool colour{false};
  bool terminal{false};  ///< people see it through a window of `columns`
  bool redraws{false};   ///< a terminal that can go back to the start of a line
  int columns{80};
};

struct Wishes {
  bool no_color{false};  ///< --no-color
};

/// Colour needs a terminal, no --no-color, no NO_COLOR in the environment (no-color.org), and TERM other than dumb.
/// Columns come from the terminal, else from COLUMNS, else they are 80.
Screen look_at(int descriptor, Wishes wishes);

// ---- text

enum class Hue { plain, bold, dim, red, green, yellow, cyan };

std::string paint(std::string_view text, Hue hue, const Screen& screen);

/// Columns that UTF-8 text takes on a terminal: combining marks and colour sequences none, East Asian wide letters two.
int columns_of(std::string_view text);

/// At most `columns` wide; what is cut off is replaced by an ellipsis. Only for text without colour.
std::string shorten(std::string_view text, int columns);

/// The same, cut in the middle: names of things differ at their ends.
std::string shorten_middle(std::string_view text, int columns);

/// Text for people, as it is in a file. In a window what is wider than it goes on in the next line, broken between words; a word
/// that is wider than the window stays whole, since it may be a name to be copied.
std::string wrap(std::string_view text, const Screen& screen);

/// Text safe to show on one line: control characters (a newline, an escape sequence in a file's name) become '?'.
std::string one_line(std::string_view text);

enum class Align { left, right };

std::string pad(std::string_view text, int columns, Align align);

// ---- pictures in text

/// `share` (kept within [0, 1]) of `columns`, in eighths of a column: "████▌". Without trailing blanks; a share above
/// zero always shows at least one eighth.
std::string bar(double share, int columns);

/// One block a value, from the lowest value to the highest: "▇▅▄▃▂▂▁▁". Equal values are all lowest; what is not a
/// number is a blank. More values than `columns` are averaged in groups.
std::string sparkline(std::span<const double> values, int columns);

struct Cell {
  std::string text;
  Hue hue{Hue::plain};
};

/// Of a column that is never left out, and (as are those above it) of one that is left out only after long text was cut.
inline constexpr int kAlways = 1000, kNeeded = 100;

struct Column {
  std::string title;
  Align align{Align::left};
  int importance{kAlways};  ///< in a window that is too narrow the least important are left out first
  int least{
      0};  ///< to so many columns long text may be cut in its middle; where it stands to the right, only the title
};

/// Rows may be shorter than the columns; an empty row is drawn as a rule.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// Title line (left out when all titles are empty) and rows, columns two blanks apart, each line ended by a newline.
/// A file gets everything. A window too narrow for it loses columns, the least important first and of equal ones the last; then
/// long text is cut, the widest column first; then columns go that are needed.
std::string draw(const Table& table, const Screen& screen);

// ---- numbers: three significant digits unless it says exact; a missing value (not a number) is "n/a"

std::string bytes(Bytes value);         ///< 12.3 MB, 1e6 bytes to the MB; below 1 kB exact
std::string exact(std::int64_t value);  ///< 41,943,040
std::string duration(Seconds value);    ///< 113 ms, 1.28 s, 2 min 05 s, 1 h 02 min, 12 d 04 h
/// 0.128 s, or 1.49 ms where the least of a column is below 0.1 s: one unit for all that are compared.
std::string in_unit_of(Seconds least, Seconds value);
std::string rate(BytesPerSecond value);                      ///< 25.0 GB/s
std::string rate(FlopsPerSecond value);                      ///< 312 TFLOP/s
std::string rate(double per_second, std::string_view what);  ///< 7,412 tokens/s
std::string percent(double share);                           ///< 0.415 is 41.5 %
std::string signed_percent(double share);                    ///< +3.5 %
std::string energy(double kwh);                              ///< 433 MWh; below 1 MWh in kWh
std::string money(double usd);                               ///< $1,234,567; below 100 with cents

/// A prediction's error, coloured: green within 5 %, yellow within 10 %, else red.
Cell error_cell(double share);

// ---- progress

enum class ProgressMode { automatic, always, never };

/// Of --progress; nothing for any other word than auto, always, never.
std::optional<ProgressMode> progress_mode(std::string_view word);

/// One line that says how far long work is. On a terminal it is redrawn at most ten times a second and wiped at the
/// end; elsewhere it is a plain line every five seconds at most. `automatic` draws nothing for work that is over at once
/// (0.3 s on a terminal, 5 s elsewhere); `always` draws the first call. May be called from several threads.
class ProgressLine {
 public:
  /// Where it writes and what time it is, so that tests need neither a terminal nor patience.
  struct Outside {
    std::function<void(std::string_view)> write;
    std::function<Seconds()> now;
  };

  /// Writes to standard error, by the steady clock.
  ProgressLine(ProgressMode mode, const Screen& screen);
  ProgressLine(ProgressMode mode, const Screen& screen, Outside outside);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// `left`: the time that is left, where the caller knows better than by the share of the time that has passed.
  void update(double share, std::string_view what, std::optional<Seconds> left = {});
  /// Writes a line of its own without leaving half a bar behind.
  void say(std::string_view line);
  /// Leaves the terminal as if nothing had been drawn. The next update begins anew.
  void finish();
  /// For the libraries; this object must outlive it. Empty (nobody is called) when the mode is never.
  Progress callback();

 private:
  void wipe();
  std::string line(double share, std::string_view what, std::optional<Seconds> left) const;
  /// Smooths what is guessed to be left, so that people see it change and not jump.
  void guess_left(double share, Seconds elapsed);

  ProgressMode mode_;
  Screen screen_;
  Outside outside_;
  std::mutex mutex_;
  std::optional<Seconds> begun_, last_drawn_;
  std::optional<Seconds> left_, guessed_at_;  // what is left, and when after the begin that was guessed
  bool on_screen_{false};
};

}  // namespace ds::terminal
