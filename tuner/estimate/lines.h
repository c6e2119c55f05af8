#pragma once
// What a rank does in a step, without a program: a line of visits to passes. A pass is seconds of work between points where
// its compute lane waits for somebody, or somebody waits for it.
//
// A line begins where the meeting of all classes in the step before has ended, which is the same time for all: so one
// step is steady, whatever runs over the seam.

#include <array>
#include <cstdint>
#include <vector>

namespace ds::tuner {

inline constexpr std::uint8_t kForward = 0, kBackward = 1;  // towards the next stage, towards the one before

enum class Stop : std::uint8_t {
  send,     // the next message of that direction is complete
  refill,   // waits until a message has been sent, the `number`-th back from the next: its memory is needed
  receive,  // the lane takes the next message of that direction
  arrive,   // waits until a lane beside has taken the next message of that direction
  release,  // the next gate of the lane that receives in that direction opens
  begin,    // the next collective of the lane beside may begin
  wait,     // waits until the `number`-th collective of that lane has ended
  meet,     // the `number`-th meeting with other classes
  step      // here the step itself begins; what is before belongs to the one before
};

struct Point {
  double after{};  // seconds of work since the point before
  Stop stop{};
  std::uint8_t direction{};
  std::int32_t number{};  // from 0
  double seconds{};       // that the communication takes alone
  bool operator==(const Point&) const = default;
};

struct Pass {
  std::vector<Point> points;
  double rest{};  // work after the last point
  bool operator==(const Pass&) const = default;
};

struct Line {
  std::vector<Pass> passes;
  std::vector<std::int32_t> visits;  // passes, in order
};

}  // namespace ds::tuner
