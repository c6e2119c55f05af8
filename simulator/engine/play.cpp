// Event depth: one rank for each class, lane by lane, with the waits of its schedule.
#include <algorithm>
#include <array>

#include "simulator/base/error.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/expand.h"
#include "simulator/engine/links.h"
#include "simulator/engine/running.h"
#include "simulator/engine/step_schedule.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using program::index;

constexpr int kSteps = 3;  // the third is steady: what runs over the seam has settled

std::vector<std::int32_t> members_of_classes(const program::Program& program) {
  std::vector<std::int32_t> members;
  for (const program::RankClass& ranks : program.classes) members.push_back(ranks.members);
  return members;
}

/// One rank that stands for its class.
struct Player {
  struct Lane {
    std::int32_t step{0};
    std::size_t next{0};    // segment
    std::int64_t ended{0};  // instructions, since the first step
    bool busy{false};       // the segment has begun, or is ready and waits for other classes
  };
  StepSchedule schedule;
  std::vector<std::vector<RankLinks::Flow>> flows;  // by program::InstructionId
  std::vector<Lane> lanes;
  std::vector<std::vector<Interval>> times;  // of the last step's segments, by lane
};

class Play {
 public:
  Play(const program::Program& program, const Durations& durations, const PlayOptions& options)
      : program_(program),
        durations_(durations),
        options_(options),
        crowded_(slows_down(members_of_classes(program), options.cores)),
        players_(make_players()),
        running_(members_of_classes(program), options.cores, capacities_) {}

  Played run() {
    for (std::int32_t p = 0; p < std::ssize(players_); ++p) begin_ready(p);
    while (!running_.empty())
      for (const Front& front : running_.next()) end(front);
    for (const Player& player : players_)
      for (std::size_t lane = 0; lane < player.lanes.size(); ++lane)
        ensure(player.lanes[lane].ended == kSteps * player.schedule.lengths[lane],
               "a program does not deadlock");
    return result();
  }

 private:
  /// Fills `capacities_` as well: links and flows are known once all classes have been looked at.
  std::vector<Player> make_players() {
    RankLinks links(program_, durations_, options_.sharing);
    program::Channels channels(program_);
    std::vector<Player> players;
    for (std::size_t c = 0; c < program_.classes.size(); ++c) {
      std::vector<std::vector<RankLinks::Flow>> flows(program_.instructions.size());
      std::vector<bool> apart(program_.instructions.size(), crowded_);
      for (const program::TemplateId body : program::templates_of(program_, program_.classes[c]))
        program::for_each_distinct(program_.templates[index(body)], [&](program::InstructionId id, std::int32_t) {
          flows[index(id)] = links.flows(c, id);
          if (!flows[index(id)].empty()) apart[index(id)] = true;
        });
      Player player{.schedule = StepSchedule(program_, c, durations_, channels, apart),
                    .flows = std::move(flows),
                    .lanes = std::vector<Player::Lane>(program_.lanes.size()),
                    .times = {}};
      for (const std::vector<Segment>& lane : player.schedule.segments)
        player.times.emplace_back(lane.size());
      players.push_back(std::move(player));
    }
    capacities_ = links.capacities();
    for (std::int32_t channel = 0; channel < channels.count(); ++channel)
      parties_.push_back(static_cast<std::int32_t>(channels[channel].classes.size()));
    waiting_.resize(parties_.size());
    return players;
  }

  Player& player_of(Front front) { return players_[static_cast<std::size_t>(front.player)]; }
  const Segment& segment_of(Front front) {
    const Player& player = player_of(front);
    const auto lane = static_cast<std::size_t>(front.lane);
    return player.schedule.segments[lane][player.lanes[lane].next];
  }
  Interval& time_of(Front front) {
    Player& player = player_of(front);
    const auto lane = static_cast<std::size_t>(front.lane);
    return player.times[lane][player.lanes[lane].next];
  }

  /// Begins what its lanes and hazards let begin.
  void begin_ready(std::int32_t p) {
    Player& player = players_[static_cast<std::size_t>(p)];
    for (std::size_t l = 0; l < player.lanes.size(); ++l) {
      Player::Lane& lane = player.lanes[l];
      if (lane.busy || lane.step == kSteps || player.schedule.segments[l].empty()) continue;
      if (!may_begin(player, player.schedule.segments[l][lane.next], lane.step)) continue;
      lane.busy = true;
      begin({p, static_cast<std::int32_t>(l)});
    }
  }

  static bool may_begin(const Player& player, const Segment& segment, std::int32_t step) {
    const StepSchedule& schedule = player.schedule;
    for (std::int32_t w = segment.waits.first; w < segment.waits.first + segment.waits.count; ++w) {
      const program::Position& until = schedule.waits[static_cast<std::size_t>(w)];
      const auto lane = static_cast<std::size_t>(until.lane);
      if (player.lanes[lane].ended < until.ended + step * schedule.lengths[lane]) return false;
    }
    return true;
  }

  void begin(Front front) {
    time_of(front).start = running_.now();
    const Segment& segment = segment_of(front);
    const bool communicates =
        segment.count == 1 && !program::computes(program_.instruction(first_of(front)).kind);
    if (segment.channel != kNoChannel)
      meet(front, segment);
    else if (communicates)
      start({&front, 1}, segment.alone);
    else
      running_.compute(front, segment.alone);
  }

  program::InstructionId first_of(Front front) {
    const Segment& segment = segment_of(front);
    return player_of(front).schedule.body(segment, static_cast<std::size_t>(front.lane)).at(segment.first).one->id;
  }

  /// All begin once the last is ready. A channel's communications follow one another in a lane of each class, so those who
  /// wait there wait for the same one.
  void meet(Front front, const Segment& segment) {
    const auto channel = static_cast<std::size_t>(segment.channel);
    std::vector<Front>& here = waiting_[channel];
    here.push_back(front);
    if (std::ssize(here) < parties_[channel]) return;
    std::ranges::sort(here, {}, &Front::player);
    Seconds longest{};
    for (const Front& one : here) longest = std::max(longest, segment_of(one).alone);
    start(here, longest);
    here.clear();
  }

  void start(std::span<const Front> fronts, Seconds alone) {
    flows_.clear();
    for (const Front& front : fronts) {
      for (const RankLinks::Flow& flow : player_of(front).flows[index(first_of(front))]) flows_.push_back(&flow);
    }
    running_.communicate(fronts, alone, flows_);
  }

  void end(Front front) {
    time_of(front).end = running_.now();
    Player& player = player_of(front);
    const auto l = static_cast<std::size_t>(front.lane);
    Player::Lane& lane = player.lanes[l];
    Seconds& step_end = ends_[static_cast<std::size_t>(lane.step)];
    step_end = std::max(step_end, running_.now());
    lane.ended = segment_of(front).ended + lane.step * player.schedule.lengths[l];
    lane.busy = false;
    if (++lane.next == player.schedule.segments[l].size()) {
      lane.next = 0;
      ++lane.step;
    }
    begin_ready(front.player);
  }

  Played result() {
    const Seconds begin = ends_[kSteps - 2];
    for (Player& player : players_)
      for (std::vector<Interval>& lane : player.times)
        for (Interval& time : lane) {
          time.start -= begin;
          time.end -= begin;
        }
    Played played;
    played.timeline.length = ends_[kSteps - 1] - begin;
    std::vector<program::RankTotals> totals;
    for (const Player& player : players_) totals.push_back(totals_of(player));
    const std::size_t last = program::finishes_last(totals);
    std::vector<program::Row> rows;
    add_rows(program_, last, players_[last].schedule, players_[last].times, kSteps - 1, rows);
    played.summary =
        program::summarise_rank(program_, rows, played.timeline.length, durations_.communications);
    if (options_.rows == Rows::all)
      for (std::size_t p = 0; p < players_.size(); ++p)
        add_rows(program_, p, players_[p].schedule, players_[p].times, kSteps - 1, played.timeline.rows);
    return played;
  }

  program::RankTotals totals_of(const Player& player) const {
    program::RankTotals totals;
    for (std::size_t l = 0; l < player.lanes.size(); ++l)
      for (std::size_t s = 0; s < player.times[l].size(); ++s) {
        const Interval& time = player.times[l][s];
        const Segment& segment = player.schedule.segments[l][s];
        const LaneBody& body = player.schedule.body(segment, l);
        const double alone = body.computed(segment.first + segment.count) - body.computed(segment.first);
        // Where cores are short, an operator is a segment of its own.
        if (alone > 0) totals.busy += crowded_ ? time.end - time.start : Seconds{alone};
        totals.end = std::max(totals.end, time.end);
      }
    return totals;
  }

  const program::Program& program_;
  const Durations& durations_;
  const PlayOptions& options_;
  bool crowded_;
  std::vector<double> capacities_;
  std::vector<std::int32_t> parties_;        // by channel
  std::vector<std::vector<Front>> waiting_;  // by channel
  std::vector<Player> players_;              // by class
  Running running_;
  std::vector<const RankLinks::Flow*> flows_;
  std::array<Seconds, kSteps> ends_{};
};

}  // namespace

Played play(const program::Program& program, const Durations& durations, const PlayOptions& options) {
  return Play(program, durations, options).run();
}

}  // namespace ds::engine
