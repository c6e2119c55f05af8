// Event depth: every instruction of one rank for each class, in lanes, with the waits that the scoreboard says.
#include <algorithm>
#include <array>
#include <deque>
#include <tuple>

#include "simulator/base/error.h"
#include "simulator/engine/computing_time.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/meetings.h"
#include "simulator/engine/running.h"
#include "simulator/program/scoreboard.h"

namespace ds::engine {
namespace {

using program::Instruction;
using program::Kind;
using program::Position;

constexpr int kSteps = 3;  // the third is steady: what runs over the seam has settled

/// One rank that stands for its class.
struct Player {
  struct Issued {
    const Instruction* instruction{};
    Seconds duration;
    program::Row row;
    std::vector<Position> waits;
  };
  struct Lane {
    std::deque<Issued> queue;
    std::int64_t issued{0}, ended{0};
    bool busy{false};  // the front has begun, or is ready and waits for others
  };
  Player(const program::Program& program, const program::RankClass& ranks)
      : scoreboard(program, ranks), lanes(program.lanes.size()) {}
  program::Scoreboard scoreboard;
  std::vector<Lane> lanes;
};

std::vector<std::int32_t> members_of_classes(const program::Program& program) {
  std::vector<std::int32_t> members;
  for (const program::RankClass& ranks : program.classes) members.push_back(ranks.members);
  return members;
}

class Play {
 public:
  Play(const program::Program& program, const Durations& durations, Cores cores)
      : program_(program),
        durations_(durations),
        meetings_(program),
        running_(members_of_classes(program), cores) {
    for (const program::RankClass& ranks : program.classes) players_.emplace_back(program, ranks);
  }

  program::Timeline run() {
    for (std::int32_t p = 0; p < std::ssize(players_); ++p)
      for (int step = 0; step < kSteps; ++step) issue_step(p, step);
    for (std::int32_t p = 0; p < std::ssize(players_); ++p) begin_ready(p);
    while (!running_.empty()) end(running_.next());
    for (const Player& player : players_)
      for (const Player::Lane& lane : player.lanes) ensure(lane.queue.empty(), "a program does not deadlock");
    const Seconds begin = ends_[kSteps - 2];
    for (program::Row& row : timeline_.rows) {
      row.start -= begin;
      row.end -= begin;
    }
    std::ranges::stable_sort(timeline_.rows, {}, [](const program::Row& row) {
      return std::tuple(row.rank, row.call, row.instruction);
    });
    timeline_.length = ends_[kSteps - 1] - begin;
    return std::move(timeline_);
  }

 private:
  void issue_step(std::int32_t p, int step) {
    Player& player = players_[static_cast<std::size_t>(p)];
    const program::RankClass& ranks = program_.classes[static_cast<std::size_t>(p)];
    std::int32_t number = 0;
    for (const program::Phase& phase : ranks.phases) {
      if (phase.when == program::When::overflow) continue;  // a healthy step is predicted
      for (const program::Call& call : phase.calls) {
        const std::vector<Instruction>& body = program_.body(call).body;
        for (std::size_t i = 0; i < body.size(); ++i) {
          Player::Lane& lane = player.lanes[static_cast<std::size_t>(body[i].lane)];
          lane.queue.push_back({.instruction = &body[i],
                                .duration = duration(call.body, i),
                                .row = {.rank = program::rank_at(program_, ranks.first),
                                        .step = step,
                                        .call = number,
                                        .instruction = static_cast<std::int32_t>(i),
                                        .body = call.body,
                                        .micro = call.micro[0]},
                                .waits = player.scoreboard.issue(body[i], call, ++lane.issued)});
        }
        ++number;
      }
    }
  }

  Seconds duration(program::TemplateId body, std::size_t i) const {
    const Instruction& instruction = program_.templates[program::index(body)].body[i];
    switch (instruction.kind) {
      case Kind::compute:
      case Kind::optimizer: return computing_time(program_, instruction, durations_);
      case Kind::send:
      case Kind::receive:
      case Kind::collective:
        ensure(!durations_.communications.empty(), "communications have been priced");
        return durations_.communications[program::index(body)][i];
      case Kind::copy: ensure(false, "copies to the host have not been lowered");
    }
    return {};
  }

  /// Begins what its lanes and hazards let begin.
  void begin_ready(std::int32_t p) {
    Player& player = players_[static_cast<std::size_t>(p)];
    for (std::size_t l = 0; l < player.lanes.size(); ++l) {
      Player::Lane& lane = player.lanes[l];
      if (lane.busy || lane.queue.empty() || !may_begin(player, lane.queue.front())) continue;
      lane.busy = true;
      begin({p, static_cast<std::int32_t>(l)}, lane.queue.front());
    }
  }

  static bool may_begin(const Player& player, const Player::Issued& next) {
    return std::ranges::all_of(next.waits, [&](const Position& position) {
      return player.lanes[static_cast<std::size_t>(position.lane)].ended >= position.ended;
    });
  }

  void begin(Front front, Player::Issued& next) {
    next.row.start = running_.now();
    switch (next.instruction->kind) {
      case Kind::compute:
      case Kind::optimizer: running_.compute(front, next.duration); return;
      case Kind::send:
      case Kind::receive:
      case Kind::collective: {
        const std::vector<Front> all = meetings_.arrive(front, *next.instruction);
        Seconds longest{};
        for (const Front& one : all) longest = std::max(longest, at(one).duration);
        for (const Front& one : all) running_.communicate(one, running_.now() + longest);
        return;
      }
      case Kind::copy: ensure(false, "copies to the host have not been lowered");
    }
  }

  Player::Issued& at(Front front) {
    return players_[static_cast<std::size_t>(front.player)]
        .lanes[static_cast<std::size_t>(front.lane)]
        .queue.front();
  }

  void end(Front front) {
    Player::Issued& ended = at(front);
    ended.row.end = running_.now();
    Seconds& step_end = ends_[static_cast<std::size_t>(ended.row.step)];
    step_end = std::max(step_end, ended.row.end);
    if (ended.row.step == kSteps - 1) timeline_.rows.push_back(ended.row);
    Player::Lane& lane =
        players_[static_cast<std::size_t>(front.player)].lanes[static_cast<std::size_t>(front.lane)];
    lane.queue.pop_front();
    ++lane.ended;
    lane.busy = false;
    begin_ready(front.player);
  }

  const program::Program& program_;
  const Durations& durations_;
  Meetings meetings_;
  Running running_;
  std::vector<Player> players_;  // by class
  std::array<Seconds, kSteps> ends_{};
  program::Timeline timeline_;
};

}  // namespace

program::Timeline play(const program::Program& program, const Durations& durations, Cores cores) {
  return Play(program, durations, cores).run();
}

}  // namespace ds::engine
