#include "tuner/estimate/collapse.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/engine/alone.h"

namespace ds::tuner {
namespace {

using engine::Durations;
using engine::kNoChannel;
using engine::LaneBody;
using engine::Segment;
using engine::StepSchedule;
using program::Instruction;
using program::InstructionId;
using program::Position;

constexpr InstructionId kNone{-1};

bool meets_everybody(const Instruction& instruction) {
  return instruction.kind == program::Kind::collective && instruction.comm.group == program::kWorld;
}

std::uint8_t direction_of(const Instruction& instruction) {
  return instruction.comm.shift > 0 ? kForward : kBackward;
}

/// What a lane beside the compute lane does; a lane does one thing.
enum class Does : std::uint8_t { nothing, sends, receives, reduces };

struct LaneRole {
  Does does{};
  std::uint8_t direction{};
};

/// Numbers the meetings: the k-th of a channel is one meeting for all its classes.
class MeetingNumbers {
 public:
  std::int32_t of(std::size_t rank_class, std::int32_t channel) {
    const std::int32_t k = seen_[{rank_class, channel}]++;
    return numbers_.try_emplace({channel, k}, static_cast<std::int32_t>(numbers_.size())).first->second;
  }

 private:
  std::map<std::pair<std::size_t, std::int32_t>, std::int32_t> seen_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> numbers_;
};

/// Builds the line of one class from its schedule.
class LineBuilder {
 public:
  LineBuilder(const program::Program& program, std::size_t rank_class, const StepSchedule& schedule,
              MeetingNumbers& meetings)
      : program_(program), class_(rank_class), schedule_(schedule), meetings_(meetings) {}

  void run() {
    find_roles();
    for (std::size_t lane = kCompute + 1; lane < roles_.size(); ++lane)
      if (!schedule_.segments[lane].empty()) tie_to_compute(lane);
    std::ranges::stable_sort(freed_, {}, &Freed::position);
    find_meeting();
    // The step from behind its last meeting with everybody up to that of the next step.
    const std::vector<Segment>& segments = schedule_.segments[kCompute];
    add_visits(after_meeting_, segments.size(), true);
    point({.stop = Stop::step});
    add_freed(0);
    end_visit(program::TemplateId{-1});
    add_visits(0, after_meeting_, false);
  }
  Line line() { return std::move(line_); }
  std::vector<Work> work() { return std::move(work_); }

 private:
  struct Freed {              // by the compute lane: what it sets free
    std::int64_t position{};  // of the compute lane
    std::size_t lane{};
    double seconds{};
    InstructionId what{kNone};
  };

  InstructionId id(const Segment& segment, std::size_t lane, std::int32_t position) const {
    return schedule_.body(segment, lane).at(segment.first + position).one->id;
  }
  const Instruction& instruction(const Segment& segment, std::size_t lane, std::int32_t position) const {
    return program_.instruction(id(segment, lane, position));
  }

  void find_roles() {
    roles_.resize(schedule_.segments.size());
    for (std::size_t lane = kCompute + 1; lane < roles_.size(); ++lane)
      for (const Segment& segment : schedule_.segments[lane])
        for (std::int32_t i = 0; i < segment.count; ++i) {
          const Instruction& one = instruction(segment, lane, i);
          const Does does = one.kind == program::Kind::send      ? Does::sends
                            : one.kind == program::Kind::receive ? Does::receives
                                                                 : Does::reduces;
          ensure(one.kind != program::Kind::collective || segment.channel == kNoChannel,
                 "a collective beside is within its class");
          const LaneRole role{does, does == Does::reduces ? std::uint8_t{} : direction_of(one)};
          LaneRole& known = roles_[lane];
          ensure(
              known.does == Does::nothing || (known.does == role.does && known.direction == role.direction),
              "a lane beside does one thing");
          known = role;
          if (does != Does::reduces) continue;
          ensure(reduce_lane_ == kCompute || reduce_lane_ == lane, "one lane beside has collectives");
          reduce_lane_ = lane;
        }
  }

  /// Notes for every instruction of a lane beside when the compute lane sets it free, and what it takes.
  void tie_to_compute(std::size_t lane) {
    std::int64_t freed = 0;  // by the compute lane at that position
    for (const Segment& segment : schedule_.segments[lane]) {
      for (std::int32_t w = 0; w < segment.waits; ++w) {
        const Position& until = schedule_.waits[static_cast<std::size_t>(segment.first_wait + w)];
        ensure(until.lane == static_cast<std::int32_t>(kCompute), "lanes beside wait for the compute lane");
        if (until.ended <= freed) continue;
        freed = until.ended;
        if (roles_[lane].does == Does::receives) {
          freed_.push_back({.position = freed, .lane = lane});
        }
      }
      const LaneBody& body = schedule_.body(segment, lane);
      for (std::int32_t i = 0; i < segment.count; ++i) {
        const double seconds = body.at(segment.first + i).one->seconds.value;
        if (roles_[lane].does == Does::receives) {
          beside_seconds_[roles_[lane].direction].emplace_back(seconds, id(segment, lane, i));
        } else {
          freed_.push_back({freed, lane, seconds, id(segment, lane, i)});
        }
      }
    }
  }

  auto freed_at(std::int64_t position) const {
    return std::ranges::equal_range(freed_, position, {}, &Freed::position);
  }

  void find_meeting() {
    const std::vector<Segment>& segments = schedule_.segments[kCompute];
    std::int32_t begun = 0;
    const auto count_begun = [&](std::int64_t position) {
      for (const Freed& one : freed_at(position)) begun += one.lane == reduce_lane_ ? 1 : 0;
    };
    count_begun(0);
    for (std::size_t s = 0; s < segments.size(); ++s) {
      if (meets_everybody(instruction(segments[s], kCompute, 0))) {
        after_meeting_ = s + 1;
        begun_before_meeting_ = begun;
      }
      count_begun(segments[s].ended);
    }
    if (after_meeting_ == 0) {
      after_meeting_ = segments.size();
      begun_before_meeting_ = begun;
    }
    before_step_ = begun - begun_before_meeting_;
  }

  void point(Point one, InstructionId what = kNone) {
    one.after = since_;
    since_ = 0;
    pass_.points.push_back(one);
    done_.before.push_back(std::exchange(done_.rest, {}));
    done_.at.push_back(what);
  }

  void add_visits(std::size_t first, std::size_t last, bool before_step) {
    const std::vector<Segment>& segments = schedule_.segments[kCompute];
    for (std::size_t s = first; s < last; ++s) {
      add_segment(s, before_step);
      if (s + 1 == last || segments[s + 1].call != segments[s].call)
        end_visit(schedule_.calls[static_cast<std::size_t>(segments[s].call)].body);
    }
  }

  /// A pass that this template has had already is the same pass.
  void end_visit(program::TemplateId body) {
    pass_.rest = std::exchange(since_, 0);
    std::vector<std::int32_t>& known = passes_of_[body];
    auto same = std::ranges::find_if(
        known, [&](std::int32_t p) { return line_.passes[static_cast<std::size_t>(p)] == pass_; });
    if (same == known.end()) {
      known.push_back(static_cast<std::int32_t>(line_.passes.size()));
      line_.passes.push_back(pass_);
      work_.push_back(std::move(done_));
      same = known.end() - 1;
    }
    line_.visits.push_back(*same);
    pass_ = {};
    done_ = {};
  }

  void add_segment(std::size_t s, bool before_step) {
    const Segment& segment = schedule_.segments[kCompute][s];
    for (std::int32_t w = 0; w < segment.waits; ++w)
      add_wait(schedule_.waits[static_cast<std::size_t>(segment.first_wait + w)], before_step);
    if (segment.channel == kNoChannel) {
      since_ += segment.alone.value;
      done_.rest.push_back(
          {schedule_.calls[static_cast<std::size_t>(segment.call)].body, segment.first, segment.count});
    } else {
      const Instruction& one = instruction(segment, kCompute, 0);
      if (one.kind == program::Kind::receive)
        point({.stop = Stop::receive, .direction = direction_of(one), .seconds = segment.alone.value},
              id(segment, kCompute, 0));
      else
        point({.stop = Stop::meet,
               .number = meetings_.of(class_, segment.channel),
               .seconds = segment.alone.value},
              id(segment, kCompute, 0));
    }
    add_freed(segment.ended);
  }

  void add_wait(const Position& until, bool before_step) {
    const LaneRole role = roles_[static_cast<std::size_t>(until.lane)];
    const std::uint8_t d = role.direction;
    const auto number = static_cast<std::int32_t>(until.ended) - 1;
    if (role.does == Does::reduces) {
      add_collective_wait(number, before_step);
    } else if (number < 0 || before_step) {
      return;  // messages of the step before have arrived before its meeting
    } else if (role.does == Does::sends) {
      point({.stop = Stop::refill, .direction = d, .number = sent_[d] - number});
    } else {
      ensure(number == arrived_[d]++, "messages are used in the order in which they come");
      const auto& [seconds, what] = beside_seconds_[d][static_cast<std::size_t>(number)];
      point({.stop = Stop::arrive, .direction = d, .seconds = seconds}, what);
    }
  }

  /// `n` counts from the step's begin. In the line come first those that begin behind the meeting. Of the step before, what
  /// is before the meeting has been waited for there.
  void add_collective_wait(std::int32_t n, bool before_step) {
    const bool this_step = n >= 0 && !before_step;
    if (n < 0) n += static_cast<std::int32_t>(schedule_.lengths[reduce_lane_]);
    if (n >= begun_before_meeting_)
      wait_for(n - begun_before_meeting_);
    else if (this_step)
      wait_for(n + before_step_);
  }
  void wait_for(std::int32_t number) { point({.stop = Stop::wait, .number = number}); }

  void add_freed(std::int64_t position) {
    for (const Freed& one : freed_at(position)) {
      const LaneRole role = roles_[one.lane];
      switch (role.does) {
        case Does::sends:
          point({.stop = Stop::send, .direction = role.direction, .seconds = one.seconds}, one.what);
          ++sent_[role.direction];
          break;
        case Does::receives: point({.stop = Stop::release, .direction = role.direction}); break;
        case Does::reduces: point({.stop = Stop::begin, .seconds = one.seconds}, one.what); break;
        case Does::nothing: break;
      }
    }
  }

  const program::Program& program_;
  std::size_t class_;
  const StepSchedule& schedule_;
  MeetingNumbers& meetings_;
  std::vector<LaneRole> roles_;        // by lane
  std::size_t reduce_lane_{kCompute};  // kCompute: none
  std::vector<Freed> freed_;           // by position
  std::size_t after_meeting_{0};       // segment
  std::int32_t begun_before_meeting_{0}, before_step_{0};
  double since_{0};  // work since the last point of the visit, or its begin
  Pass pass_;        // of the visit that is under way
  Work done_;        // likewise
  std::map<program::TemplateId, std::vector<std::int32_t>> passes_of_;
  std::array<std::int32_t, 2> sent_{}, arrived_{};
  std::array<std::vector<std::pair<double, InstructionId>>, 2> beside_seconds_;  // of messages, by direction
  Line line_;
  std::vector<Work> work_;
};

/// Seconds of all instructions before each position of a lane.
std::vector<double> begins_of(const program::Program& program, const Durations& durations,
                              std::size_t rank_class, const LaneBody& lane) {
  std::vector<double> begins{0};
  for (std::int32_t i = 0; i < lane.length(); ++i)
    begins.push_back(begins.back() + engine::alone(program, durations, rank_class, lane.at(i).one->id).value);
  return begins;
}

}  // namespace

void reprice(const program::Program& program, const Durations& durations, Collapsed& collapsed) {
  for (std::size_t c = 0; c < program.classes.size(); ++c) {
    std::vector<std::vector<double>> begins(program.templates.size());
    const auto seconds_of = [&](const std::vector<Run>& runs) {
      double sum = 0;
      for (const Run& run : runs) {
        std::vector<double>& list = begins[program::index(run.body)];
        if (list.empty())
          list = begins_of(program, durations, c,
                           collapsed.schedules[c].bodies[program::index(run.body)][kCompute]);
        const auto first = static_cast<std::size_t>(run.first);
        sum += list[first + static_cast<std::size_t>(run.count)] - list[first];
      }
      return sum;
    };
    Line& line = collapsed.lines[c];
    for (std::size_t p = 0; p < line.passes.size(); ++p) {
      const Work& work = collapsed.work[c][p];
      for (std::size_t i = 0; i < work.at.size(); ++i) {
        Point& point = line.passes[p].points[i];
        point.after = seconds_of(work.before[i]);
        if (work.at[i] != kNone) point.seconds = engine::alone(program, durations, c, work.at[i]).value;
      }
      line.passes[p].rest = seconds_of(work.rest);
    }
  }
}

Collapsed collapse(const program::Program& program, const Durations& durations) {
  Collapsed result;
  program::Channels channels(program);
  MeetingNumbers meetings;
  std::vector<bool> apart;
  for (const Instruction& one : program.instructions) apart.push_back(meets_everybody(one));
  for (std::size_t c = 0; c < program.classes.size(); ++c) {
    result.schedules.emplace_back(program, c, durations, channels, apart, nullptr);
    LineBuilder builder(program, c, result.schedules.back(), meetings);
    builder.run();
    result.lines.push_back(builder.line());
    result.work.push_back(builder.work());
  }
  reprice(program, durations, result);  // the first prices are summed as all later ones, to the bit
  return result;
}

}  // namespace ds::tuner
