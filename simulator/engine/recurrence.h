#pragma once
// The core of the analytic depth: a step's time from plain arrays, without a program.
//
// A rank's compute lane is a line of visits. A visit is one of a few passes: seconds of work between points where the lane
// waits for somebody or somebody waits for it. Lines are gone through side by side, each as far as it gets; every time is
// the latest of those it waits for.
//
//   Pass forward{.points = {{.after = 1.0, .stop = Stop::send, .direction = kForward, .seconds = 0.1}}};
//   Pass backward{.points = {{.stop = Stop::receive, .direction = kBackward, .seconds = 0.1}}, .rest = 2.0};
//   Pass norm{.points = {{.stop = Stop::meet, .number = 0, .seconds = 0.1}}};
//   Line first_stage{.passes = {forward, backward, norm}, .visits = {0, 0, 1, 1, 2}};
//
// Visits follow from the schedule alone, so that a search keeps them (and `turns_of` them) and changes only passes.
//
// A line begins where the meeting of all classes in the step before has ended, which is the same time for all: so one
// step is steady, whatever runs over the seam.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace ds::engine {

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
  double seconds{};       // that the communication takes alone; of a message the longer of both ends' counts
  bool operator==(const Point&) const = default;
};

struct Pass {
  std::vector<Point> points;
  double rest{};  // work after the last point
  bool operator==(const Pass&) const = default;
};

/// Messages that a lane beside the compute lane receives from one direction.
struct ReceiveLane {
  std::vector<std::int32_t>
      passes;                       // by message: the pass that it is for; Stop::arrive there has its seconds
  std::vector<std::int32_t> gates;  // by message: how many gates must have opened before it may come in
};

struct Line {
  std::vector<Pass> passes;
  std::vector<std::int32_t> visits;  // passes, in order
  std::array<ReceiveLane, 2> beside;
};

/// Lines of the stages of a pipeline, in order, and how many of them take part in each meeting.
struct Lines {
  std::vector<Line> stages;
  std::vector<std::int32_t> parties;
};

/// From when to when, counted from the end of the last step's meeting.
struct Spell {
  double start{}, end{};
};

/// Stages in an order in which each can make its next visit without having to wait for what comes later. Some visits have
/// to stop halfway, for a meeting or for memory, and take several turns.
struct Turn {
  std::uint16_t stage{};
  bool halfway{};
};
using Turns = std::vector<Turn>;

/// Keeps its memory from one set of lines to the next.
class Recurrence {
 public:
  /// Seconds from one step to the next. `Trace::yes` keeps when every point was reached and left.
  enum class Trace : std::uint8_t { no, yes };
  double run(const Lines& lines, Trace trace = Trace::no);
  /// The same, several times as fast. `turns`: those of lines with the same visits and points.
  double run(const Lines& lines, const Turns& turns);

  // What the last run has left. Spells of a lane begin when the lane is ready for the communication.
  std::span<const Spell> points(std::size_t stage) const { return stages_[stage].points; }  // with Trace::yes
  std::span<const Spell> collectives(std::size_t stage) const { return stages_[stage].collectives; }
  std::span<const Spell> received(std::size_t stage, std::uint8_t direction) const {
    return stages_[stage].beside[direction].spells;
  }
  std::vector<Spell> sent(std::size_t stage, std::uint8_t direction) const;
  /// When all has ended that a stage does after the meeting, up to Stop::step.
  double end_of_step(std::size_t stage) const { return stages_[stage].end_of_step; }

 private:
  friend Turns turns_of(const Lines& lines);
  static constexpr double kUnknown = -1;
  struct Message {
    double ready{}, seconds{}, ended{kUnknown};
  };
  struct Beside {
    double free{};
    std::vector<Spell> spells;  // of what has come in
    std::vector<double> gates;  // when they opened
  };
  /// A pass of nothing but a message taken, memory waited for and a message sent, each of which may be missing.
  struct Plain {
    bool plain{}, takes{}, refills{}, sends{};
    std::uint8_t from{}, to{};
    std::int32_t back{};
    double before{}, take{}, refill{}, send{}, rest{};
    double sending{};
  };
  struct Stage {
    std::size_t visit{}, point{};  // next
    double at{};
    bool met{};  // has been counted at the meeting it stands at
    double collectives_free{}, end_of_step{};
    std::array<std::size_t, 2> received{};
    std::array<std::vector<Message>, 2> sent;
    std::array<Beside, 2> beside;
    std::vector<Spell> collectives, points;
    std::vector<Plain> passes;
  };
  struct Meeting {
    std::int32_t here{};
    double at{}, seconds{};
  };

  void reset(const Lines& lines);
  void sweep(const Lines& lines, Trace trace, Turns* turns);
  void take_turns(const Lines& lines, const Turns& turns);
  bool visit(const Lines& lines, std::size_t s, Trace trace);
  bool visit_plain(const Lines& lines, std::size_t s, const Plain& pass);
  bool pass(const Lines& lines, std::size_t s, const Point& point);
  bool meet(const Lines& lines, Stage& stage, const Point& point, double at);
  std::vector<Message>& messages_to(std::size_t s, std::uint8_t direction);
  void take_beside(const Line& line, std::size_t s, std::uint8_t direction);
  double ended_back(const Lines& lines, std::size_t s, std::uint8_t direction, std::int32_t back);
  double period() const;

  std::vector<Stage> stages_;
  std::vector<Meeting> meetings_;
};

Turns turns_of(const Lines& lines);

/// A time that no step of these lines is below is that of a recurrence with fewer waits. Of the messages only the first and
/// the last of each channel are waited for here, so that a step's fill, drain and the trips of its first and last
/// micro-batch count.
Lines thinned(const Lines& lines);

}  // namespace ds::engine
