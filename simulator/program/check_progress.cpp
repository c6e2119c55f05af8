// The checker across classes, second half: no deadlock. Two steps are walked through by lanes and hazards; time does not
// matter, since what may begin never depends on it. What neither meets another class nor touches what two lanes share
// cannot make anything wait but its own lane, so it is left out: a large program shrinks by a factor of ten.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "simulator/program/channels.h"
#include "simulator/program/rows.h"
#include "simulator/program/scoreboard.h"
#include "simulator/program/walk.h"

namespace ds::program {
namespace {

constexpr int kSteps = 2;  // lanes run on over the border
constexpr std::int32_t kNobody = -1;

class Progress {
 public:
  explicit Progress(const Program& program) : program_(program), channels_(program) {}

  std::optional<std::string> run() {
    for (std::int32_t c = 0; c < std::ssize(program_.classes); ++c) issue(c);
    arrived_.resize(static_cast<std::size_t>(channels_.count()), 0);
    for (std::int32_t c = 0; c < std::ssize(program_.classes); ++c) push(c);
    while (!ready_.empty()) {
      const std::int32_t c = ready_.back();
      ready_.pop_back();
      players_[static_cast<std::size_t>(c)].is_ready = false;
      go_on(c);
    }
    for (std::int32_t c = 0; c < std::ssize(players_); ++c)
      for (const Lane& lane : players_[static_cast<std::size_t>(c)].lanes)
        if (lane.ended < std::ssize(lane.queue)) return stuck(c, lane);
    return std::nullopt;
  }

 private:
  struct Issued {
    const Call* call{};
    const Instruction* instruction{};
    std::int32_t channel{kNobody};
    std::int32_t first_wait{}, waits{};
  };
  struct Lane {
    std::vector<Issued> queue;
    std::int64_t ended{0};
    bool waits{false};  // the front is ready and waits for other classes
  };
  struct Player {
    std::vector<Lane> lanes;
    std::vector<Position> waits;
    bool is_ready{false};
  };

  void issue(std::int32_t c) {
    const RankClass& ranks = program_.classes[static_cast<std::size_t>(c)];
    Scoreboard scoreboard(program_, ranks);
    Player& player = players_.emplace_back();
    player.lanes.resize(program_.lanes.size());
    for (int step = 0; step < kSteps; ++step)
      for (const Phase& phase : ranks.phases)
        for (const Call& call : phase.calls)
          for_each_instruction(program_.body(call), [&](InstructionId id, std::int32_t iteration) {
            const Instruction& i = program_.instruction(id);
            if (communicates(i.kind) || scoreboard.watches(i))
              issue(c, player, scoreboard, call, i, iteration);
          });
  }

  void issue(std::int32_t c, Player& player, Scoreboard& scoreboard, const Call& call, const Instruction& i,
             std::int32_t iteration) {
    Lane& lane = player.lanes[static_cast<std::size_t>(i.lane)];
    std::int32_t channel = kNobody;
    if (communicates(i.kind)) {
      channel = channels_.of(c, i.kind, i.comm).value_or(kNobody);
      if (channel != kNobody && channels_[channel].classes.size() == 1) channel = kNobody;
    }
    const auto first = static_cast<std::int32_t>(player.waits.size());
    scoreboard.issue(i, iteration, call, std::ssize(lane.queue) + 1, player.waits);
    lane.queue.push_back({&call, &i, channel, first, static_cast<std::int32_t>(player.waits.size()) - first});
  }

  void push(std::int32_t c) {
    Player& player = players_[static_cast<std::size_t>(c)];
    if (!std::exchange(player.is_ready, true)) ready_.push_back(c);
  }

  bool may_begin(const Player& player, const Issued& next) const {
    const std::span<const Position> waits =
        std::span(player.waits)
            .subspan(static_cast<std::size_t>(next.first_wait), static_cast<std::size_t>(next.waits));
    return std::ranges::all_of(waits, [&](const Position& position) {
      return player.lanes[static_cast<std::size_t>(position.lane)].ended >= position.ended;
    });
  }

  /// Runs a class until all its lanes wait.
  void go_on(std::int32_t c) {
    Player& player = players_[static_cast<std::size_t>(c)];
    for (bool moved = true; moved;) {
      moved = false;
      for (Lane& lane : player.lanes)
        while (!lane.waits && lane.ended < std::ssize(lane.queue)) {
          const Issued& next = lane.queue[static_cast<std::size_t>(lane.ended)];
          if (!may_begin(player, next)) break;
          moved = true;
          if (next.channel == kNobody)
            ++lane.ended;
          else
            arrive(lane, next.channel);
        }
    }
  }

  /// Each class has one lane in a channel, or one for each end of its messages: nobody arrives twice at one meeting.
  void arrive(Lane& lane, std::int32_t channel) {
    lane.waits = true;
    const std::vector<std::int32_t>& classes = channels_[channel].classes;
    std::int32_t& here = arrived_[static_cast<std::size_t>(channel)];
    if (++here < std::ssize(classes)) return;
    here = 0;
    for (const std::int32_t member : classes) {
      for (Lane& other : players_[static_cast<std::size_t>(member)].lanes)
        if (other.waits && other.queue[static_cast<std::size_t>(other.ended)].channel == channel) {
          other.waits = false;
          ++other.ended;
        }
      push(member);
    }
  }

  std::string stuck(std::int32_t c, const Lane& lane) const {
    const Issued& front = lane.queue[static_cast<std::size_t>(lane.ended)];
    return fmt::format("deadlock: {} wait for ever at {} of {} of micro-batch {}", class_text(program_, c),
                       class_name(program_, *front.instruction), program_.body(*front.call).name,
                       front.call->micro[0]);
  }

  const Program& program_;
  Channels channels_;
  std::vector<Player> players_;        // by class
  std::vector<std::int32_t> arrived_;  // by channel: how many wait at its next meeting
  std::vector<std::int32_t> ready_;
};

}  // namespace

std::optional<std::string> check_progress(const Program& program) { return Progress(program).run(); }

}  // namespace ds::program
