#pragma once
// Event depth without sharing, as simply as it can be said: instruction by instruction, again and again until all have a
// time. The reference that `play` is held to.

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "simulator/engine/alone.h"
#include "simulator/program/rows.h"
#include "simulator/program/scoreboard.h"
#include "simulator/program/walk.h"

namespace ds::engine {

class NaivePlay {
 public:
  NaivePlay(const program::Program& program, const Durations& durations) : program_(program) {
    for (std::size_t c = 0; c < program.classes.size(); ++c) issue(c, durations);
    for (const auto& [meeting, all] : parties_)
      for (const Issued* one : all) meetings_[meeting] = std::max(meetings_[meeting], one->seconds);
    while (pass()) {}
  }

  program::Timeline third_step() const {
    program::Timeline timeline;
    std::array<double, 3> ends{};
    for (const std::deque<std::deque<Issued>>& lanes : players_)
      for (const std::deque<Issued>& lane : lanes)
        for (const Issued& one : lane) {
          double& end = ends[static_cast<std::size_t>(one.row.step)];
          end = std::max(end, one.row.end.value);
          if (one.row.step == 2) timeline.rows.push_back(one.row);
        }
    for (program::Row& row : timeline.rows) {
      row.start -= Seconds{ends[1]};
      row.end -= Seconds{ends[1]};
      // What waits since the step before is said to wait since this one began.
      if (!program::computes(program::instruction_of(program_, row).kind) && row.start < Seconds{})
        row.start = std::max(row.start, std::min(Seconds{}, row.end - alone_.at(row.id)));
    }
    std::ranges::sort(timeline.rows, {}, [](const program::Row& row) {
      return std::tuple(row.rank, row.call, row.instruction);
    });
    timeline.length = {ends[2] - ends[1]};
    return timeline;
  }
  bool finished() const { return left_ == 0; }

 private:
  using Channel = std::tuple<program::Group, std::int32_t, std::set<std::size_t>>;
  struct Issued {
    double seconds{};
    program::Row row;
    std::vector<program::Position> waits;
    std::pair<Channel, std::int64_t> meeting;  // with no class in it: none
    bool ready{}, ended{};
  };

  void issue(std::size_t c, const Durations& durations) {
    const program::RankClass& ranks = program_.classes[c];
    program::Scoreboard scoreboard(program_, ranks);
    std::map<std::pair<Channel, program::Kind>, std::int64_t> counts;
    std::deque<std::deque<Issued>>& lanes = players_.emplace_back(program_.lanes.size());
    for (std::int32_t step = 0; step < 3; ++step) {
      std::int32_t number = 0;
      for (const program::Phase& phase : ranks.phases)
        for (const program::Call& call : phase.calls) {
          std::int32_t position = 0;
          program::for_each_instruction(program_.body(call), [&](program::InstructionId id, std::int32_t k) {
            const program::Instruction& instruction = program_.instruction(id);
            std::deque<Issued>& lane = lanes[program::index(instruction.lane)];
            Issued& one = lane.emplace_back();
            one.seconds = alone(program_, durations, c, id).value;
            alone_[id] = {one.seconds};
            one.row = {.rank = ranks.first,
                       .step = step,
                       .call = number,
                       .instruction = position++,
                       .body = call.body,
                       .id = id,
                       .micro = call.micro[0]};
            scoreboard.issue(instruction, k, call, std::ssize(lane), one.waits);
            const Channel channel = channel_of(c, instruction);
            if (std::get<2>(channel).size() > 1) {
              one.meeting = {channel, counts[{channel, instruction.kind}]++};
              parties_[one.meeting].push_back(&one);
            }
            ++left_;
          });
          ++number;
        }
    }
  }

  /// Messages of one shift from one sender are one channel; so are the collectives of a set of classes.
  Channel channel_of(std::size_t c, const program::Instruction& instruction) const {
    using program::Kind;
    const program::Comm& comm = instruction.comm;
    const std::int32_t rank = program_.classes[c].first;
    const auto class_of = [&](std::int32_t other) { return program::class_of(program_, other); };
    Channel none{};
    if (program::computes(instruction.kind)) return none;
    if (instruction.kind == Kind::collective) {
      std::set<std::size_t> classes;
      for (const std::int32_t member : program_.grid.members(comm.group, rank))
        classes.insert(class_of(member));
      return {comm.group, 0, classes};
    }
    const std::int32_t sender =
        instruction.kind == Kind::send ? rank : program_.grid.neighbour(comm.group, rank, -comm.shift);
    // The sender's class and one more: a receiver is never in it twice.
    return {comm.group, comm.shift, {class_of(sender), program_.classes.size() + class_of(sender)}};
  }

  /// Once over all lanes, each as far as it gets.
  bool pass() {
    bool moved = false;
    next_.resize(players_.size(), std::vector<std::size_t>(program_.lanes.size(), 0));
    for (std::size_t p = 0; p < players_.size(); ++p) {
      std::deque<std::deque<Issued>>& lanes = players_[p];
      std::vector<std::size_t>& next = next_[p];
      for (std::size_t l = 0; l < lanes.size(); ++l)
        while (next[l] < lanes[l].size() && advance(lanes, next, l)) {
          ++next[l];
          --left_;
          moved = true;
        }
    }
    return moved || std::exchange(readied_, false);
  }

  bool advance(std::deque<std::deque<Issued>>& lanes, const std::vector<std::size_t>& next, std::size_t l) {
    Issued& one = lanes[l][next[l]];
    if (!one.ready) {
      double start = next[l] > 0 ? lanes[l][next[l] - 1].row.end.value : 0;
      for (const program::Position& until : one.waits) {
        const auto other = static_cast<std::size_t>(until.lane);
        if (std::ssize(lanes[other]) < until.ended) return false;
        const Issued& awaited = lanes[other][static_cast<std::size_t>(until.ended - 1)];
        if (!awaited.ended) return false;
        start = std::max(start, awaited.row.end.value);
      }
      one.row.start = {start};
      one.ready = readied_ = true;
    }
    double begin = one.row.start.value, seconds = one.seconds;
    if (const auto party = parties_.find(one.meeting); party != parties_.end()) {
      for (const Issued* other : party->second) {
        if (!other->ready) return false;
        begin = std::max(begin, other->row.start.value);
      }
      seconds = meetings_.at(one.meeting);
    }
    one.row.end = {begin + seconds};
    one.ended = true;
    return true;
  }

  const program::Program& program_;
  std::deque<std::deque<std::deque<Issued>>> players_;
  std::vector<std::vector<std::size_t>> next_;
  std::map<std::pair<Channel, std::int64_t>, std::vector<const Issued*>> parties_;
  std::map<std::pair<Channel, std::int64_t>, double> meetings_;
  std::int64_t left_{0};
  std::map<program::InstructionId, Seconds> alone_;
  bool readied_{false};
};

}  // namespace ds::engine
