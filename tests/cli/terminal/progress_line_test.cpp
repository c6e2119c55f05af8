#include <gtest/gtest.h>

#include <string>

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
