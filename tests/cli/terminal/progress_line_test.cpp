#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cli/terminal/terminal.h"

namespace ds::terminal {
namespace {

/// A clock that the test turns and a stream that it reads.
struct FakeOutside {
  Seconds time{100};
  std::string written;
  ProgressLine::Outside hands() {
    return {.write = [this](std::string_view text) { written += text; }, .now = [this] { return time; }};
  }
};

const Screen kTerminal{.colour = false, .redraws = true, .columns = 60};
const Screen kLog{};

int count(std::string_view text, std::string_view what) {
  int found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(ProgressLineTest, NeverMeansNotACall) {
  FakeOutside world;
  ProgressLine line(ProgressMode::never, kTerminal, world.hands());
  EXPECT_FALSE(line.callback());
  line.update(0.5, "searching");
  EXPECT_EQ(world.written, "");
}

TEST(ProgressLineTest, ShortWorkDrawsNothing) {
  FakeOutside world;
  {
    ProgressLine line(ProgressMode::automatic, kTerminal, world.hands());
    line.update(0, "reading");
    world.time.value += 0.2;
    line.update(1, "reading");
  }
  EXPECT_EQ(world.written, "");
}

TEST(ProgressLineTest, ATerminalIsRedrawnTenTimesASecondAtMost) {
  FakeOutside world;
  ProgressLine line(ProgressMode::always, kTerminal, world.hands());
  for (int i = 0; i < 1000; ++i, world.time.value += 0.001) line.update(i / 1000.0, "searching");
  EXPECT_EQ(count(world.written, "searching"), 10);
  EXPECT_EQ(count(world.written, "\n"), 0);
}

TEST(ProgressLineTest, TheTimeLeftIsThatOfWhoKnowsBetter) {
  FakeOutside world;
  ProgressLine line(ProgressMode::always, kLog, world.hands());
  line.update(0.001, "training", Seconds{42});
  EXPECT_NE(world.written.find("42.0 s left"), std::string::npos) << world.written;
}

TEST(ProgressLineTest, ALineFitsTheTerminal) {
  FakeOutside world;
  ProgressLine line(ProgressMode::always, kTerminal, world.hands());
  line.update(0.5, std::string(200, 'x'));
  const std::string shown = world.written.substr(world.written.find("\x1b[K") + 3);
  EXPECT_LT(columns_of(shown), kTerminal.columns);
  EXPECT_EQ(count(shown, "50 %"), 1);
}

/// The bar goes first, then the words; how far it is and how long it still takes are seen in any window.
TEST(ProgressLineTest, ANarrowTerminalKeepsTheNumbers) {
  for (int columns = 20; columns <= 90; ++columns) {
    SCOPED_TRACE(columns);
    FakeOutside world;
    ProgressLine line(ProgressMode::always, {.terminal = true, .redraws = true, .columns = columns},
                      world.hands());
    line.update(0, "");
    world.written.clear();
    world.time.value += 10;
    line.update(0.5, "searching the plans of a large space");
    const std::string shown = world.written.substr(world.written.find("\x1b[K") + 3);
    EXPECT_LT(columns_of(shown), columns);
    EXPECT_EQ(count(shown, "50 %"), 1) << shown;
    if (columns >= 24) {
      EXPECT_EQ(count(shown, "10.0 s left"), 1) << shown;
    }
    EXPECT_EQ(count(shown, "█") > 0, columns >= 46)
        << shown;  // 18 of numbers, 4 of gaps, 1 free, 12 of words, 11 of bar
    if (columns >= 36) {
      EXPECT_EQ(count(shown, "searching"), 1) << shown;
    }
  }
}

/// A search that has seen 2 % in 10 s and then cuts half of the space away at once: by its speed 490 s are left, and a tenth of a
/// second later 10 s. What is shown goes there over some seconds.
TEST(ProgressLineTest, WhatIsLeftDoesNotJumpByAnOrderOfMagnitude) {
  FakeOutside world;
  ProgressLine line(ProgressMode::always, kLog, world.hands());
  std::vector<double> left;
  for (int step = 0; step < 60; ++step, world.time.value += 5) {
    world.written.clear();
    line.update(step == 0 ? 0 : step < 4 ? 0.01 + 0.001 * step : 0.5 + 0.005 * step, "searching");
    const std::size_t at = world.written.find(" %  ");
    if (at == std::string::npos) continue;
    int minutes = 0;
    double seconds = 0;
    const char* text = world.written.c_str() + at + 4;
    if (std::sscanf(text, "%d min %lf", &minutes, &seconds) == 2)
      left.push_back(60 * minutes + seconds);
    else if (std::sscanf(text, "%lf s", &seconds) == 1)
      left.push_back(seconds);
  }
  ASSERT_GT(left.size(), 30U);
  EXPECT_LT(left.back(), 100);
  for (std::size_t i = 1; i < left.size(); ++i) EXPECT_GT(left[i] * 10, left[i - 1]) << i;
}

TEST(ProgressLineTest, TheTerminalIsCleanAtTheEnd) {
  FakeOutside world;
  {
    ProgressLine line(ProgressMode::always, kTerminal, world.hands());
    line.update(0.5, "searching");
  }
  EXPECT_TRUE(world.written.ends_with("\r\x1b[K"));
}

TEST(ProgressLineTest, AMessageStandsOnALineOfItsOwn) {
  FakeOutside world;
  ProgressLine line(ProgressMode::always, kTerminal, world.hands());
  line.update(0.5, "searching");
  line.say("rank 3 is slow");
  EXPECT_TRUE(world.written.ends_with("\r\x1b[Krank 3 is slow\n"));
}

TEST(ProgressLineTest, ALogGetsAPlainLineEveryFiveSeconds) {
  FakeOutside world;
  ProgressLine line(ProgressMode::automatic, kLog, world.hands());
  for (int second = 0; second <= 12; ++second, world.time.value += 1) line.update(second / 20.0, "searching");
  EXPECT_EQ(world.written, "searching  25 %  15.0 s left\nsearching  50 %  10.0 s left\n");
}

}  // namespace
}  // namespace ds::terminal
