#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <vector>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

const Screen kFile{};
const Screen kColour{.colour = true, .redraws = true, .columns = 80};

TEST(Text, ColumnsAreWhatATerminalShowsNotBytes) {
  EXPECT_EQ(columns_of("abc"), 3);
  EXPECT_EQ(columns_of("µs"), 2);
  EXPECT_EQ(columns_of("████▌"), 5);
  EXPECT_EQ(columns_of("模型"), 4);
  EXPECT_EQ(columns_of("e\u0301"), 1);             // e and a combining acute
  EXPECT_EQ(columns_of("\x1b[31mred\x1b[0m"), 3);  // colour takes no room
  EXPECT_EQ(columns_of("\xff\xc3"), 2);            // bytes that are no UTF-8 stand for themselves
}

TEST(Text, ShortenedTextFitsAndSaysThatItWasCut) {
  EXPECT_EQ(shorten("searching", 9), "searching");
  EXPECT_EQ(shorten("searching", 5), "sear…");
  EXPECT_EQ(shorten("模型型", 4), "模…");  // a wide letter is not cut in half
  EXPECT_EQ(shorten("searching", 0), "");
}

TEST(Text, CutInTheMiddleKeepsBothEnds) {
  EXPECT_EQ(shorten_middle("searching", 9), "searching");
  EXPECT_EQ(shorten_middle("searching", 6), "sea…ng");
  EXPECT_EQ(shorten_middle("searching", 5), "se…ng");
  EXPECT_EQ(shorten_middle("模型模型", 6), "模…型");  // a wide letter is not cut in half
  EXPECT_EQ(shorten_middle("searching", 1), "…");
  EXPECT_EQ(shorten_middle("searching", 0), "");
}

TEST(Text, PaddingCountsColumns) {
  EXPECT_EQ(pad("µs", 4, Align::left), "µs  ");
  EXPECT_EQ(pad("µs", 4, Align::right), "  µs");
  EXPECT_EQ(pad("long", 2, Align::right), "long");
}

TEST(Text, ControlCharactersNeverReachTheTerminal) { EXPECT_EQ(one_line("a\nb\x1b[2J\x7f"), "a?b?[2J?"); }

TEST(Text, ColourIsAddedOnlyWhereItIsWanted) {
  EXPECT_EQ(paint("fits", Hue::green, kFile), "fits");
  EXPECT_EQ(paint("fits", Hue::plain, kColour), "fits");
  EXPECT_EQ(paint("fits", Hue::green, kColour), "\x1b[32mfits\x1b[0m");
}

TEST(Pictures, BarsCountInEighths) {
  EXPECT_EQ(bar(0, 10), "");
  EXPECT_EQ(bar(0.45, 10), "████▌");
  EXPECT_EQ(bar(1, 3), "███");
  EXPECT_EQ(bar(7, 3), "███");    // never longer than its room
  EXPECT_EQ(bar(1e-9, 10), "▏");  // something is not nothing
  EXPECT_EQ(bar(std::numeric_limits<double>::quiet_NaN(), 10), "");
}

TEST(Pictures, SparklinesGoFromLowestToHighest) {
  EXPECT_EQ(sparkline(std::vector<double>{7, 6, 3, 2, 1, 1, 0, 0}, 8), "█▇▄▃▂▂▁▁");
  EXPECT_EQ(sparkline(std::vector<double>{3, 3, 3}, 8), "▁▁▁");
  EXPECT_EQ(sparkline(std::vector<double>{}, 8), "");
  EXPECT_EQ(sparkline(std::vector<double>{0, std::numeric_limits<double>::quiet_NaN(), 1}, 8), "▁ █");
  EXPECT_EQ(sparkline(std::vector<double>{0, 0, 1, 1}, 2), "▁█");  // means of pairs
}

TEST(TableDrawing, NumbersAlignRightAndLinesEndWithoutBlanks) {
  const Table table{.columns = {{"where"}, {"time", Align::right}, {"share"}},
                    .rows = {{{"compute"}, {"113 ms"}, {"████"}}, {}, {{"µ"}, {"9 ms"}}}};
  EXPECT_EQ(draw(table, kFile),
            "where      time  share\n"
            "compute  113 ms  ████\n"
            "───────  ──────  ─────\n"
            "µ          9 ms\n");
}

TEST(TableDrawing, ColourDoesNotMoveColumns) {
  const Table table{.columns = {{""}, {"", Align::right}},
                    .rows = {{{"a"}, {"+3.5 %", Hue::green}}, {{"b"}, {"-12.0 %", Hue::red}}}};
  EXPECT_EQ(draw(table, kFile), "a   +3.5 %\nb  -12.0 %\n");
  EXPECT_EQ(draw(table, kColour), "a   \x1b[32m+3.5 %\x1b[0m\nb  \x1b[31m-12.0 %\x1b[0m\n");
}

/// Three columns of 5, 3 and 4, two apart: 16.
TEST(TableTest, AWindowThatIsTooNarrowLosesTheLeastImportantColumns) {
  const Table table{.columns = {{"plan"}, {"bar", Align::left, 1}, {"time", Align::right, 2}},
                    .rows = {{{"tp 16"}, {"==="}, {"9 ms"}}}};
  const auto in = [&](int columns) { return draw(table, {.terminal = true, .columns = columns}); };
  EXPECT_EQ(in(16), "plan   bar  time\ntp 16  ===  9 ms\n");
  EXPECT_EQ(in(15), "plan   time\ntp 16  9 ms\n");
  EXPECT_EQ(in(10), "plan\ntp 16\n");
  EXPECT_EQ(in(3), "plan\ntp 16\n");  // what is always shown
  EXPECT_EQ(draw(table, {.terminal = false, .columns = 3}), in(16));
}

/// 18 and 4, two apart: 24. Bars (3 and a gap) go before a name is cut, a name is cut before what is needed goes.
TEST(TableTest, LongTextIsCutInItsMiddleBetweenWhatIsLessAndWhatIsMoreImportant) {
  const Table table{.columns = {{"case", Align::left, kAlways, 8},
                                {"bar", Align::left, 1},
                                {"time", Align::right, kNeeded}},
                    .rows = {{{"megatron-tp4-gb200"}, {"==="}, {"9 ms"}}, {{"tp8"}, {"="}, {"8 ms"}}}};
  const auto in = [&](int columns) { return draw(table, {.terminal = true, .columns = columns}); };
  EXPECT_EQ(in(24), "case                time\nmegatron-tp4-gb200  9 ms\ntp8                 8 ms\n");
  EXPECT_EQ(in(16), "case        time\nmegat…b200  9 ms\ntp8         8 ms\n");
  EXPECT_EQ(in(14), "case      time\nmega…200  9 ms\ntp8       8 ms\n");
  EXPECT_EQ(in(13), "case\nmegatr…-gb200\ntp8\n");
  EXPECT_EQ(draw(table, {.terminal = false, .columns = 14}).find("…"), std::string::npos);
}

/// A number with its middle left out would be another number.
TEST(TableTest, OfNumbersOnlyTheTitleIsCut) {
  const Table table{.columns = {{"", Align::left}, {"llama3-70b-256-h100", Align::right, kAlways, 3}},
                    .rows = {{{"tokens/s"}, {"282,464"}}}};
  EXPECT_EQ(draw(table, {.terminal = true, .columns = 19}), "          llam…h100\ntokens/s    282,464\n");
  EXPECT_EQ(draw(table, {.terminal = true, .columns = 12}), "          lla…100\ntokens/s  282,464\n");
}

TEST(Wrapping, LinesAreBrokenBetweenWords) {
  const auto in = [](int columns, std::string_view text) {
    return wrap(text, {.terminal = true, .columns = columns});
  };
  EXPECT_EQ(in(13, "one two three\n"), "one two three\n");
  EXPECT_EQ(in(12, "one two three\n"), "one two\n  three\n");
  EXPECT_EQ(in(12, "  one two three"), "  one two\n    three");
  EXPECT_EQ(in(20, "rate       12 a second and more\nnext\n"),
            "rate       12 a\n          second and\n          more\nnext\n");  // never beyond the middle
  EXPECT_EQ(in(24, "rate       12 a second\n"), "rate       12 a second\n");
  EXPECT_EQ(in(8, "µs µs µs µs\n\n"), "µs µs µs\n  µs\n\n");
  EXPECT_EQ(in(6, "a /tmp/long/path b"), "a\n  /tmp/long/path\n  b");  // a name is not cut
  EXPECT_EQ(in(6, "\x1b[31mone\x1b[0m two"), "\x1b[31mone\x1b[0m\n  two");
  EXPECT_EQ(in(6, ""), "");
  EXPECT_EQ(wrap("one two three\n", {.terminal = false, .columns = 5}), "one two three\n");
}

TEST(ScreenTest, AFileGetsNeitherColourNorRedrawing) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::setenv("COLUMNS", "132", 1);
  const Screen wide = look_at(ends[1], {});
  EXPECT_FALSE(wide.colour);
  EXPECT_FALSE(wide.redraws);
  EXPECT_EQ(wide.columns, 132);
  ::setenv("COLUMNS", "nonsense", 1);
  EXPECT_EQ(look_at(ends[1], {}).columns, 80);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ScreenTest, ATerminalHasColourUntilSomeoneObjects) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) GTEST_SKIP() << "no pseudo-terminals here";
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(look_at(terminal, {}).colour);
  EXPECT_FALSE(look_at(terminal, {.no_color = true}).colour);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(look_at(terminal, {}).colour);
  EXPECT_TRUE(look_at(terminal, {}).redraws);  // no colour does not mean no progress line
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(look_at(terminal, {}).redraws);
  ::close(terminal);
}

}  // namespace
}  // namespace ds::terminal
