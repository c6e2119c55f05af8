// Waits between lanes, and the segments that they cut a step into.
#include "simulator/engine/step_schedule.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <utility>

#include "simulator/engine/alone.h"
#include "simulator/engine/touches.h"
#include "simulator/program/rows.h"
#include "simulator/program/scoreboard.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using program::index;
using program::Instruction;
using program::Position;

/// Positions of a lane, as bits.
class Marks {
 public:
  void set(std::int64_t position) {
    const auto word = static_cast<std::size_t>(position / 64);
    if (word >= words_.size()) words_.resize(word + 1, 0);
    words_[word] |= std::uint64_t{1} << (position % 64);
  }
  /// The first one behind `position`, at most `most`.
  std::int64_t next(std::int64_t position, std::int64_t most) const {
    auto word = static_cast<std::size_t>((position + 1) / 64);
    if (word >= words_.size()) return most;
    std::uint64_t rest = words_[word] & (~std::uint64_t{0} << ((position + 1) % 64));
    while (rest == 0) {
      ++word;
      if (word == words_.size() || static_cast<std::int64_t>(word) * 64 >= most) return most;
      rest = words_[word];
    }
    return std::min<std::int64_t>(most, static_cast<std::int64_t>(word) * 64 + std::countr_zero(rest));
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace

/// Fills a schedule whose calls and bodies are known.
class ScheduleBuilder {
 public:
  ScheduleBuilder(const program::Program& program, std::size_t rank_class, StepSchedule& schedule,
                  const Cut* cut)
      : program_(program),
        ranks_(program.classes[rank_class]),
        templates_(program::templates_of(program, ranks_)),
        scoreboard_(program, ranks_),
        lanes_of_(users_of_buffers(program, templates_)),
        schedule_(schedule),
        lanes_(program.lanes.size()),
        cut_(cut),
        cuts_(lanes_),
        forms_(program.templates.size()) {}

  void run() {
    count();
    find_waits();
    // What cuts a call stands in those that follow within the last periods: where all of these repeat, so do the cuts.
    for (std::int32_t c = 0; c < std::ssize(schedule_.calls); ++c) {
      const bool again = c >= repeated_.begin + repeated_.period && c < repeated_.end;
      schedule_.form_of.push_back(again ? schedule_.form_of[static_cast<std::size_t>(c - repeated_.period)]
                                        : form_of(static_cast<std::size_t>(c)));
    }
    schedule_.steady = repeated_;
  }

 private:
  /// A wait of a call, and the lane and its position in the template's LaneBody at which it waits.
  struct Waiter {
    std::int32_t lane{}, position{};
    CallWait until;
    bool operator==(const Waiter&) const = default;
  };

  void count() {
    std::vector<std::int32_t> issued(lanes_, 0);
    schedule_.issued_.reserve((schedule_.calls.size() + 1) * lanes_);
    const auto note = [&] {
      schedule_.issued_.insert(schedule_.issued_.end(), issued.begin(), issued.end());
    };
    for (const program::Call& call : schedule_.calls) {
      note();
      for (std::size_t lane = 0; lane < lanes_; ++lane)
        issued[lane] += schedule_.bodies[index(call.body)][lane].length();
    }
    note();
    schedule_.lengths.assign(issued.begin(), issued.end());
  }

  /// Issues two steps, the first from the cut on; the second waits for all that any later one waits for. A wait is left out
  /// where the lane has waited for as much of that other lane already.
  void find_waits() {
    read_touches();
    find_steady_state();
    if (cut_ != nullptr) count_before_cut();
    waited_.assign(lanes_ * lanes_, 0);
    for (const bool second : {false, true}) {
      second_ = second;
      const std::size_t first = !second_ && cut_ != nullptr ? static_cast<std::size_t>(cut_->call) : 0;
      for (std::size_t c = first; c < schedule_.calls.size(); ++c) {
        if (second_) first_waiter_.push_back(waiters_.size());
        issue(c, Waits::found);
        if (c + 1 == settled_before_) waited_before_ = waited_;
        if (c + 1 == settled_ && first < settled_before_) c = repeat() - 1;
      }
    }
    first_waiter_.push_back(waiters_.size());
  }

  /// Whether what a call waits for is noted, or known already.
  enum class Waits : std::uint8_t { found, known };
  void issue(std::size_t c, Waits waits) {
    const program::Call& call = schedule_.calls[c];
    const bool cuts = !second_ && cut_ != nullptr && c == static_cast<std::size_t>(cut_->call);
    for (const Resolved& one : touches_[index(call.body)]) {
      if (cuts && one.in_template <= cut_->position) continue;
      const std::size_t lane = index(one.lane);
      found_.clear();
      scoreboard_.issue(std::span(all_touches_).subspan(one.first, one.count), one.lane, call,
                        begin(c, lane) + one.in_lane + 1, found_);
      if (waits == Waits::known) continue;
      for (const Position& until : found_) {
        const auto other = static_cast<std::size_t>(until.lane);
        std::int64_t& most = waited_[lane * lanes_ + other];
        if (until.ended <= most) continue;
        most = until.ended;
        if (second_)
          add(c, {static_cast<std::int32_t>(lane),
                  one.in_lane,
                  {until.lane, static_cast<std::int32_t>(until.ended - begin(c, other))}});
      }
    }
  }
  std::int64_t begin(std::size_t call, std::size_t lane) const {
    return schedule_.issued(call, lane) + (second_ ? schedule_.lengths[lane] : 0);
  }
  void add(std::size_t c, const Waiter& waiter) {
    waiters_.push_back(waiter);
    const auto other = static_cast<std::size_t>(waiter.until.lane);
    const std::int64_t ended = schedule_.issued(c, other) + waiter.until.ended;
    cuts_[other].set(ended > 0 ? ended : ended + schedule_.lengths[other]);
    const auto lane = static_cast<std::size_t>(waiter.lane);
    cuts_[lane].set(schedule_.issued(c, lane) + waiter.position);
  }

  /// Once all slots have gone round, calls of a steady state wait for what those a period before wait for.
  void find_steady_state() {
    steady_ = steady_calls(schedule_.calls);
    if (steady_.period == 0) return;
    std::int32_t slots = 1;
    for (const program::Scoreboard::Touch& touch : all_touches_) slots = std::max(slots, touch.slots);
    around_ = (slots + steady_.micro_batches - 1) / steady_.micro_batches + 1;
    const std::int32_t settled = steady_.begin + (around_ + 2) * steady_.period;
    copied_ = (steady_.end - settled) / steady_.period;
    if (copied_ <= around_) return;
    settled_ = static_cast<std::size_t>(settled);
    settled_before_ = settled_ - static_cast<std::size_t>(steady_.period);
  }

  /// Goes on from settled_ by all periods that are left. The last ones are issued, so that what follows finds in the scoreboard
  /// what it would have found. Returns the call that follows, or settled_ where the steady state is none.
  std::size_t repeat() {
    const auto period = static_cast<std::size_t>(steady_.period);
    std::vector<std::int64_t> further(waited_.size());
    for (std::size_t i = 0; i < waited_.size(); ++i) {
      const std::size_t other = i % lanes_;
      further[i] = waited_[i] - waited_before_[i];
      const std::int64_t issued =
          schedule_.issued(settled_, other) - schedule_.issued(settled_before_, other);
      if (further[i] != 0 && further[i] != issued) return settled_;
    }
    const std::size_t end = settled_ + static_cast<std::size_t>(copied_) * period;
    const std::size_t last_ones = end - static_cast<std::size_t>(around_) * period;
    for (std::size_t c = settled_; c < end; ++c) {
      if (second_) {
        first_waiter_.push_back(waiters_.size());
        const std::size_t from = first_waiter_[c - period], to = first_waiter_[c - period + 1];
        for (std::size_t w = from; w < to; ++w) add(c, Waiter{waiters_[w]});
      }
      if (c >= last_ones) issue(c, Waits::known);
    }
    for (std::size_t i = 0; i < waited_.size(); ++i) waited_[i] += copied_ * further[i];
    if (second_)
      repeated_ = {.begin = static_cast<std::int32_t>(settled_before_),
                   .end = static_cast<std::int32_t>(last_ones) - steady_.period,
                   .period = steady_.period,
                   .micro_batches = steady_.micro_batches};
    return end;
  }

  /// What the scoreboard has to see of each template.
  void read_touches() {
    touches_.resize(program_.templates.size());
    for (const program::TemplateId id : templates_) {
      const std::vector<LaneBody>& bodies = schedule_.bodies[index(id)];
      for (const Touch& touch :
           touches_of(program_, lanes_of_, program_.templates[index(id)], Iterations::all)) {
        const Instruction& instruction = program_.instruction(touch.id);
        const std::size_t first = all_touches_.size();
        scoreboard_.find_touches(instruction, touch.iteration, all_touches_);
        touches_[index(id)].push_back(
            {.lane = instruction.lane,
             .in_lane = bodies[index(instruction.lane)].position_of(touch.id, touch.iteration),
             .in_template = touch.in_template,
             .first = first,
             .count = all_touches_.size() - first});
      }
    }
  }

  void count_before_cut() {
    const auto first = static_cast<std::size_t>(cut_->call);
    for (std::size_t lane = 0; lane < lanes_; ++lane)
      schedule_.before_cut.push_back(schedule_.issued(first, lane));
    std::int32_t position = 0;
    program::for_each_instruction(program_.body(schedule_.calls[first]),
                                  [&](program::InstructionId id, std::int32_t) {
                                    if (position++ <= cut_->position)
                                      ++schedule_.before_cut[index(program_.instruction(id).lane)];
                                  });
    for (std::size_t lane = 0; lane < lanes_; ++lane) cuts_[lane].set(schedule_.before_cut[lane]);
    cuts_[0].set(schedule_.before_cut[0] - 1);  // the cut stands alone
  }

  /// Where a call of a template is cut, a number for each position of each lane, and what it waits for.
  struct Way {
    std::vector<std::int32_t> cuts;
    std::vector<Waiter> waiters;
    std::int32_t form{};
  };

  std::int32_t form_of(std::size_t c) {
    const std::size_t body = index(schedule_.calls[c].body);
    cuts_of_call_.clear();
    std::int32_t lanes_before = 0;
    for (std::size_t lane = 0; lane < lanes_; ++lane) {
      const std::int64_t begin = schedule_.issued(c, lane), end = schedule_.issued(c + 1, lane);
      for (std::int64_t p = cuts_[lane].next(begin, end); p < end; p = cuts_[lane].next(p, end))
        cuts_of_call_.push_back(lanes_before + static_cast<std::int32_t>(p - begin));
      lanes_before += static_cast<std::int32_t>(end - begin);
    }
    const std::span<const Waiter> waiters =
        std::span(waiters_).subspan(first_waiter_[c], first_waiter_[c + 1] - first_waiter_[c]);
    std::vector<Way>& known = forms_[body];
    for (std::size_t k = known.size(); k-- > 0;)
      if (known[k].cuts == cuts_of_call_ && std::ranges::equal(known[k].waiters, waiters)) {
        if (k + 1 < known.size()) std::swap(known[k], known.back());  // it comes again
        return known.back().form;
      }
    known.push_back(
        {cuts_of_call_, {waiters.begin(), waiters.end()}, static_cast<std::int32_t>(schedule_.forms.size())});
    schedule_.forms.push_back({schedule_.calls[c].body, {}});
    for (std::size_t lane = 0; lane < lanes_; ++lane)
      schedule_.forms.back().segments.push_back(cut(c, lane, waiters));
    return known.back().form;
  }

  std::vector<Segment> cut(std::size_t c, std::size_t lane, std::span<const Waiter> waiters) {
    const LaneBody& body = schedule_.bodies[index(schedule_.calls[c].body)][lane];
    const std::int64_t begin = schedule_.issued(c, lane);
    std::vector<Segment> segments;
    std::int32_t next_apart = body.next_apart(0);
    for (std::int32_t first = 0; first < body.length();) {
      if (next_apart < first) next_apart = body.next_apart(first);
      std::int32_t end = first + 1;  // of the segment
      if (next_apart != first)
        end = static_cast<std::int32_t>(cuts_[lane].next(begin + first, begin + next_apart) - begin);
      const LaneBody::One& one = *body.at(first).one;
      Segment segment{.alone = {end == first + 1 ? one.seconds.value : body.begin(end) - body.begin(first)},
                      .first = first,
                      .count = end - first,
                      .channel = one.channel,
                      .instruction = one.id,
                      .first_wait = static_cast<std::int32_t>(schedule_.waits.size()),
                      .waits = 0,
                      .communicates = end == first + 1 && one.communicates};
      for (const Waiter& waiter : waiters)
        if (waiter.lane == static_cast<std::int32_t>(lane) && waiter.position == first) {
          schedule_.waits.push_back(waiter.until);
          ++segment.waits;
        }
      segments.push_back(segment);
      first = end;
    }
    return segments;
  }

  const program::Program& program_;
  const program::RankClass& ranks_;
  std::vector<program::TemplateId> templates_;
  program::Scoreboard scoreboard_;
  std::vector<BufferLanes> lanes_of_;  // by buffer
  StepSchedule& schedule_;
  std::size_t lanes_;
  const Cut* cut_;
  struct Resolved {
    program::LaneId lane{};
    std::int32_t in_lane{}, in_template{};
    std::size_t first{}, count{};  // of all_touches_
  };
  std::vector<std::vector<Resolved>> touches_;  // by template
  std::vector<program::Scoreboard::Touch> all_touches_;
  std::vector<Marks>
      cuts_;       // by lane: instructions of the step that have ended where somebody begins to wait or waits
  bool second_{};  // of two steps that are issued
  std::vector<std::int64_t> waited_;  // by lane and other lane: for how much of this
  std::vector<Position> found_;
  SteadyCalls steady_;                        // of the calls
  std::int32_t around_{};                     // periods after which all slots have been used anew
  std::int32_t copied_{};                     // periods from settled_ on
  std::size_t settled_{}, settled_before_{};  // a period apart; 0 where nothing is copied
  std::vector<std::int64_t> waited_before_;   // waited_ at the latter
  SteadyCalls repeated_;                      // of these, what was copied and cuts alike
  std::vector<Waiter> waiters_;
  std::vector<std::size_t> first_waiter_;  // by call, and one more
  std::vector<std::vector<Way>> forms_;    // by template; the one that came last is the last
  std::vector<std::int32_t> cuts_of_call_;
};

Cut cut_of(const program::Program& program, std::size_t rank_class, program::Channels& channels) {
  const std::vector<program::Call> calls = program::healthy_calls(program.classes[rank_class]);
  const bool alone = program.classes.size() == 1;
  const auto last_phase = static_cast<std::int32_t>(program.classes[rank_class].phases.back().calls.size());
  // The last call that has one, looked at from the end; each template once.
  std::vector<std::int32_t> known(program.templates.size(), -2);
  for (std::int32_t c = static_cast<std::int32_t>(calls.size()) - (alone ? last_phase : 0); c-- > 0;) {
    const program::Call& call = calls[static_cast<std::size_t>(c)];
    std::int32_t& found = known[index(call.body)];
    if (found == -2) {
      found = -1;
      std::int32_t position = 0;
      program::for_each_instruction(program.body(call), [&](program::InstructionId id, std::int32_t) {
        const Instruction& one = program.instruction(id);
        const bool on_compute_lane = one.lane == program::LaneId{0};
        if (alone ? on_compute_lane : on_compute_lane && one.kind == program::Kind::collective) {
          const auto channel =
              alone ? std::nullopt : channels.of(static_cast<std::int32_t>(rank_class), one.kind, one.comm);
          if (alone || (channel && channels[*channel].classes.size() == program.classes.size()))
            found = position;
        }
        ++position;
      });
    }
    if (found >= 0) return {c, found};
  }
  return {-1, -1};
}

StepSchedule::StepSchedule(const program::Program& program, std::size_t rank_class,
                           const Durations& durations, program::Channels& channels,
                           const std::vector<bool>& apart, const Cut* cut)
    : calls(program::healthy_calls(program.classes[rank_class])), bodies(program.templates.size()) {
  for (const program::TemplateId id : program::templates_of(program, program.classes[rank_class])) {
    std::vector<LaneBody>& lanes = bodies[index(id)];
    lanes.resize(program.lanes.size());
    for (const program::Block& block : program.templates[index(id)].blocks) {
      for (LaneBody& lane : lanes) lane.begin_block(block.times, block.first, block.body.count);
      for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
        const auto instruction = static_cast<program::InstructionId>(i);
        const Instruction& one = program.instruction(instruction);
        std::int32_t channel = kNoChannel;
        if (program::communicates(one.kind)) {
          const auto found = channels.of(static_cast<std::int32_t>(rank_class), one.kind, one.comm);
          if (found && channels[*found].classes.size() > 1) channel = *found;
        }
        lanes[index(one.lane)].add(
            {.id = instruction,
             .channel = channel,
             .apart = channel != kNoChannel || apart[index(instruction)],
             .computes = program::computes(one.kind),
             .communicates = !program::computes(one.kind) && one.kind != program::Kind::launches,
             .seconds = engine::alone(program, durations, rank_class, instruction)},
            i - block.body.first);
      }
      for (LaneBody& lane : lanes) lane.end_block();
    }
  }
  ScheduleBuilder(program, rank_class, *this, cut).run();
}

std::size_t StepSchedule::count(std::size_t lane) const {
  std::size_t result = 0;
  for (std::size_t c = 0; c < calls.size(); ++c) result += segments_of(c, lane).size();
  return result;
}

}  // namespace ds::engine
