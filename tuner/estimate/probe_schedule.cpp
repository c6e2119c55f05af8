#include "tuner/estimate/probe_schedule.h"

#include <algorithm>
#include <map>
#include <utility>

#include "simulator/engine/alone.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::tuner {
namespace {

using program::Access;
using program::index;
using program::Instruction;
using program::Position;

/// Instructions of a template that the scoreboard has to see: of a lane's uses of a buffer, without another lane's between
/// them, only the first and the last can make anybody wait; for reads and for writes apart.
class Touches {
 public:
  Touches(const program::Program& program, const program::Scoreboard& scoreboard,
          std::span<const Instruction> body)
      : seen_(body.size(), false) {
    for (std::size_t i = 0; i < body.size(); ++i)
      program::for_each_use(program, body[i], [&](const program::Use& use) {
        const program::BufferId buffer = program.view(use.view).buffer;
        if (scoreboard.watches(buffer)) touch(buffer, use, body[i].lane, i);
      });
    for (const auto& [buffer, run] : runs_) end(run);
  }
  std::vector<std::int32_t> take() const {
    std::vector<std::int32_t> list;
    for (std::size_t i = 0; i < seen_.size(); ++i)
      if (seen_[i]) list.push_back(static_cast<std::int32_t>(i));
    return list;
  }

 private:
  struct Run {
    program::LaneId lane{};
    std::map<std::pair<std::int16_t, bool>, std::size_t> last;  // by slot, and whether it reads only
  };
  void touch(program::BufferId buffer, const program::Use& use, program::LaneId lane, std::size_t i) {
    Run& run = runs_[buffer];
    if (run.lane != lane) {
      end(run);
      run = {lane, {}};
    }
    const auto [found, is_first] = run.last.insert_or_assign({use.instance, use.access == Access::read}, i);
    if (is_first) seen_[i] = true;
  }
  void end(const Run& run) {
    for (const auto& [which, i] : run.last) seen_[i] = true;
  }

  std::vector<bool> seen_;
  std::map<program::BufferId, Run> runs_;
};

LaneBody& lane_of(std::vector<LaneBody>& bodies, const Instruction& instruction) {
  return bodies[index(instruction.lane)];
}

/// A wait of one lane, by the number of the instruction that waits.
struct Wait {
  std::int64_t number{};
  Position until;
};

class Builder {
 public:
  Builder(const program::Program& program, std::size_t rank_class, ProbeSchedule& schedule)
      : program_(program),
        scoreboard_(program, program.classes[rank_class]),
        schedule_(schedule),
        lanes_(program.lanes.size()),
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
        schedule_.lengths[lane] += std::ssize(schedule_.bodies[index(call.body)][lane].instructions);
  }

  /// Issues two steps; the second waits for all that any later one waits for. A wait is left out where the lane has waited
  /// for as much of that other lane already.
  void find_waits() {
    struct Touch {
      program::InstructionId instruction;
      std::int64_t number;  // in its lane
    };
    std::vector<std::vector<Touch>> touches(program_.templates.size());
    for (const program::Call& call : schedule_.calls) {
      const std::size_t t = index(call.body);
      if (!touches[t].empty()) continue;
      for (const std::int32_t i : Touches(program_, scoreboard_, body_of(program_, call.body)).take()) {
        const auto id = static_cast<program::InstructionId>(first_of(program_, call.body) + i);
        const LaneBody& lane = lane_of(schedule_.bodies[t], program_.instruction(id));
        const auto place = std::ranges::lower_bound(lane.instructions, id) - lane.instructions.begin();
        touches[t].push_back({id, place + 1});
      }
    }
    std::vector<std::vector<std::int64_t>> waited(lanes_, std::vector<std::int64_t>(lanes_, 0));
    std::vector<std::int64_t> issued(lanes_, 0);
    std::vector<Position> waits;
    for (const bool second : {false, true})
      for (const program::Call& call : schedule_.calls) {
        const std::size_t t = index(call.body);
        for (const Touch& touch : touches[t]) {
          const Instruction& instruction = program_.instruction(touch.instruction);
          const std::size_t lane = index(instruction.lane);
          const std::int64_t number = issued[lane] + touch.number;
          waits.clear();
          scoreboard_.issue(instruction, 0, call, number, waits);
          for (const Position& until : waits) {
            std::int64_t& most = waited[lane][static_cast<std::size_t>(until.lane)];
            if (until.ended <= most) continue;
            most = until.ended;
            if (second) note(lane, number, until);
          }
        }
        for (std::size_t lane = 0; lane < lanes_; ++lane)
          issued[lane] += std::ssize(schedule_.bodies[t][lane].instructions);
      }
  }

  void note(std::size_t lane, std::int64_t number, Position until) {
    const auto other = static_cast<std::size_t>(until.lane);
    number -= schedule_.lengths[lane];
    until.ended -= schedule_.lengths[other];
    waits_[lane].push_back({number, until});
    cuts_[lane].push_back(number - 1);
    cuts_[other].push_back(until.ended > 0 ? until.ended : until.ended + schedule_.lengths[other]);
  }

  void cut(std::size_t lane) {
    std::vector<std::int64_t>& cuts = cuts_[lane];
    std::ranges::sort(cuts);
    auto next_cut = cuts.begin();
    auto next_wait = waits_[lane].begin();
    std::int64_t ended = 0;
    for (std::size_t c = 0; c < schedule_.calls.size(); ++c) {
      const LaneBody& body = schedule_.bodies[index(schedule_.calls[c].body)][lane];
      const auto count = static_cast<std::int32_t>(body.instructions.size());
      for (std::int32_t first = 0; first < count;) {
        while (next_cut != cuts.end() && *next_cut <= ended) ++next_cut;
        std::int32_t last = first;  // of the segment
        const auto apart = [&](std::int32_t i) { return body.apart[static_cast<std::size_t>(i)]; };
        const std::int64_t room = next_cut == cuts.end() ? count : *next_cut - ended;  // up to the next cut
        if (!apart(first))
          while (last + 1 < count && last + 1 - first < room && !apart(last + 1)) ++last;
        Segment segment{.call = static_cast<std::int32_t>(c),
                        .first = first,
                        .count = last + 1 - first,
                        .channel = body.channels[static_cast<std::size_t>(first)],
                        .waits = {static_cast<std::int32_t>(schedule_.waits.size()), 0},
                        .ended = ended + last + 1 - first,
                        .alone = {body.begins[static_cast<std::size_t>(last) + 1] -
                                  body.begins[static_cast<std::size_t>(first)]}};
        for (; next_wait != waits_[lane].end() && next_wait->number == ended + 1; ++next_wait) {
          schedule_.waits.push_back(next_wait->until);
          ++segment.waits.count;
        }
        ended = segment.ended;
        first = last + 1;
        schedule_.segments[lane].push_back(segment);
      }
    }
  }

  const program::Program& program_;
  program::Scoreboard scoreboard_;
  ProbeSchedule& schedule_;
  std::size_t lanes_;
  std::vector<std::vector<Wait>> waits_;         // by lane, in the order of its instructions
  std::vector<std::vector<std::int64_t>> cuts_;  // by lane: instructions of the step that have ended there
};

}  // namespace

std::span<const Instruction> body_of(const program::Program& program, program::TemplateId id) {
  const std::vector<program::Block>& blocks = program.templates[index(id)].blocks;
  return blocks.empty() ? std::span<const Instruction>{} : program.instructions_of(blocks.front());
}

std::int32_t first_of(const program::Program& program, program::TemplateId id) {
  const std::vector<program::Block>& blocks = program.templates[index(id)].blocks;
  return blocks.empty() ? 0 : blocks.front().body.first;
}

ProbeSchedule::ProbeSchedule(const program::Program& program, std::size_t rank_class,
                             const engine::Durations& durations, program::Channels& channels)
    : calls(program::healthy_calls(program.classes[rank_class])),
      bodies(program.templates.size()),
      segments(program.lanes.size()) {
  const auto channel_of = [&](const Instruction& one) {
    if (!program::communicates(one.kind)) return kNoChannel;
    const auto found = channels.of(static_cast<std::int32_t>(rank_class), one.kind, one.comm);
    return found && channels[*found].classes.size() > 1 ? *found : kNoChannel;
  };
  for (const program::Call& call : calls) {
    std::vector<LaneBody>& lanes = bodies[index(call.body)];
    if (!lanes.empty()) continue;
    lanes.resize(program.lanes.size());
    for (LaneBody& lane : lanes) lane.begins = {0};
    auto id = static_cast<program::InstructionId>(first_of(program, call.body));
    for (const Instruction& one : body_of(program, call.body)) {
      LaneBody& lane = lane_of(lanes, one);
      const std::int32_t channel = channel_of(one);
      lane.instructions.push_back(id);
      lane.channels.push_back(channel);
      lane.begins.push_back(lane.begins.back() + engine::alone(program, durations, rank_class, id).value);
      lane.apart.push_back(channel != kNoChannel || meets_everybody(one));
      id = static_cast<program::InstructionId>(index(id) + 1);
    }
  }
  Builder(program, rank_class, *this).run();
}

}  // namespace ds::tuner
