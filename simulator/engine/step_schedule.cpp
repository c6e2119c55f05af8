// Waits between lanes, and the segments that they cut a step into.
#include "simulator/engine/step_schedule.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "simulator/engine/alone.h"
#include "simulator/engine/touches.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using program::index;
using program::Instruction;
using program::Position;

/// A wait of one lane, by the number of the instruction that waits.
struct Wait {
  std::int64_t number{};
  Position until;
};

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

class Builder {
 public:
  Builder(const program::Program& program, std::size_t rank_class, StepSchedule& schedule, const Cut* cut)
      : program_(program),
        ranks_(program.classes[rank_class]),
        scoreboard_(program, program.classes[rank_class]),
        lanes_of_(users_of_buffers(program, program::templates_of(program, ranks_))),
        schedule_(schedule),
        lanes_(program.lanes.size()),
        cut_(cut),
        waits_(lanes_),
        cuts_(lanes_) {}

  void run() {
    count();
    find_waits();
    for (std::size_t lane = 0; lane < lanes_; ++lane) cut(lane);
  }

 private:
  void count() {
    schedule_.lengths.assign(lanes_, 0);
    for (const program::Call& call : schedule_.calls)
      for (std::size_t lane = 0; lane < lanes_; ++lane)
        schedule_.lengths[lane] += schedule_.bodies[index(call.body)][lane].length();
  }

  /// Issues two steps, the first from the cut on; the second waits for all that any later one waits for. A wait is left out
  /// where the lane has waited for as much of that other lane already.
  void find_waits() {
    read_touches();
    if (cut_ != nullptr) count_before_cut();
    std::vector<std::vector<std::int64_t>> waited(lanes_, std::vector<std::int64_t>(lanes_, 0));
    std::vector<std::int64_t> issued(lanes_, 0);
    std::vector<Position> waits;
    for (const bool second : {false, true})
      for (std::size_t c = 0; c < schedule_.calls.size(); ++c) {
        const program::Call& call = schedule_.calls[c];
        const std::size_t t = index(call.body);
        const bool ended = !second && cut_ != nullptr && c < static_cast<std::size_t>(cut_->call);
        const bool cuts = !second && cut_ != nullptr && c == static_cast<std::size_t>(cut_->call);
        for (const Resolved& one : touches_[t]) {
          if (ended || (cuts && one.in_template <= cut_->position)) continue;
          const std::size_t lane = index(one.lane);
          const std::int64_t number = issued[lane] + one.in_lane + 1;
          waits.clear();
          scoreboard_.issue(std::span(all_touches_).subspan(one.first, one.count), one.lane, call, number,
                            waits);
          for (const Position& until : waits) {
            std::int64_t& most = waited[lane][static_cast<std::size_t>(until.lane)];
            if (until.ended <= most) continue;
            most = until.ended;
            if (second) note(lane, number, until);
          }
        }
        for (std::size_t lane = 0; lane < lanes_; ++lane) issued[lane] += lengths_[t][lane];
      }
  }

  /// What the scoreboard has to see of each template.
  void read_touches() {
    touches_.resize(program_.templates.size());
    lengths_.resize(program_.templates.size());
    for (const program::TemplateId id : program::templates_of(program_, ranks_)) {
      const std::vector<LaneBody>& bodies = schedule_.bodies[index(id)];
      for (const LaneBody& body : bodies) lengths_[index(id)].push_back(body.length());
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
    schedule_.before_cut.assign(lanes_, 0);
    for (std::int32_t c = 0; c < cut_->call; ++c)
      for (std::size_t lane = 0; lane < lanes_; ++lane)
        schedule_.before_cut[lane] +=
            lengths_[index(schedule_.calls[static_cast<std::size_t>(c)].body)][lane];
    const program::Call& call = schedule_.calls[static_cast<std::size_t>(cut_->call)];
    std::int32_t position = 0;
    program::for_each_instruction(program_.body(call), [&](program::InstructionId id, std::int32_t) {
      if (position++ <= cut_->position) ++schedule_.before_cut[index(program_.instruction(id).lane)];
    });
    for (std::size_t lane = 0; lane < lanes_; ++lane) cuts_[lane].set(schedule_.before_cut[lane]);
    cuts_[0].set(schedule_.before_cut[0] - 1);  // the cut stands alone
  }

  void note(std::size_t lane, std::int64_t number, Position until) {
    const auto other = static_cast<std::size_t>(until.lane);
    number -= schedule_.lengths[lane];
    until.ended -= schedule_.lengths[other];
    waits_[lane].push_back({number, until});
    cuts_[lane].set(number - 1);
    cuts_[other].set(until.ended > 0 ? until.ended : until.ended + schedule_.lengths[other]);
  }

  void cut(std::size_t lane) {
    const Marks& cuts = cuts_[lane];
    auto next_wait = waits_[lane].begin();
    std::int64_t ended = 0;
    for (std::size_t c = 0; c < schedule_.calls.size(); ++c) {
      const LaneBody& body = schedule_.bodies[index(schedule_.calls[c].body)][lane];
      const std::int32_t count = body.length();
      std::int32_t next_apart = body.next_apart(0);
      for (std::int32_t first = 0; first < count;) {
        if (next_apart < first) next_apart = body.next_apart(first);
        std::int32_t end = first + 1;  // of the segment
        if (next_apart != first)
          end = first + static_cast<std::int32_t>(cuts.next(ended, ended + next_apart - first) - ended);
        const LaneBody::One& one = *body.at(first).one;
        Segment segment{.alone = {end == first + 1 ? one.seconds.value : body.begin(end) - body.begin(first)},
                        .ended = static_cast<std::int32_t>(ended + end - first),
                        .call = static_cast<std::int32_t>(c),
                        .first = first,
                        .count = end - first,
                        .channel = one.channel,
                        .instruction = one.id,
                        .first_wait = static_cast<std::int32_t>(schedule_.waits.size()),
                        .waits = 0,
                        .communicates = end == first + 1 && one.communicates};
        for (; next_wait != waits_[lane].end() && next_wait->number == ended + 1; ++next_wait) {
          schedule_.waits.push_back(next_wait->until);
          ++segment.waits;
        }
        ended = segment.ended;
        first = end;
        schedule_.segments[lane].push_back(segment);
      }
    }
  }

  const program::Program& program_;
  const program::RankClass& ranks_;
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
  std::vector<std::vector<std::int64_t>> lengths_;  // by template and lane
  std::vector<std::vector<Wait>> waits_;            // by lane, in the order of its instructions
  std::vector<Marks> cuts_;                         // by lane: instructions of the step that have ended there
};

}  // namespace

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
    : calls(program::healthy_calls(program.classes[rank_class])),
      bodies(program.templates.size()),
      segments(program.lanes.size()) {
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
  Builder(program, rank_class, *this, cut).run();
}

}  // namespace ds::engine
