// Event depth: one rank for each class, lane by lane, with the waits of its schedule.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/engine/engine.h"
#include "simulator/engine/links.h"
#include "simulator/engine/running.h"
#include "simulator/engine/steady_play.h"
#include "simulator/engine/step_schedule.h"
#include "simulator/engine/step_times.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using program::index;

constexpr std::int32_t kSteps = 3;

std::vector<std::int32_t> members_of_classes(const program::Program& program) {
  std::vector<std::int32_t> members;
  for (const program::RankClass& ranks : program.classes) members.push_back(ranks.members);
  return members;
}

/// One rank that stands for its class.
struct Player {
  StepSchedule schedule;
  std::vector<std::vector<RankLinks::Flow>> flows;  // by program::InstructionId
  std::vector<LaneState> lanes;
  std::vector<std::size_t> behind_cut;       // by lane: the first segment that is issued behind the cut
  std::vector<std::vector<Interval>> times;  // of the last step's segments, by lane
};

/// Where there is a cut, it plays from one to the next: the way between them is that of every step, and the end of the one step
/// runs beside the begin of the next. Without a cut it plays three steps; in the third, what runs over the seam has settled.
/// Of a steady state it plays one period.
class Play {
 public:
  enum class From : std::uint8_t { start, cut };
  Play(const program::Program& program, const Durations& durations, const PlayOptions& options, From from)
      : program_(program),
        durations_(durations),
        options_(options),
        from_(from),
        crowded_(slows_down(members_of_classes(program), options.cores)),
        players_(make_players()),
        running_(members_of_classes(program), options.cores, capacities_) {}

  /// Nothing where the step was to be played from a cut and there is none.
  std::optional<Played> run() {
    if (from_ == From::cut && !has_cut_) return std::nullopt;
    for (std::int32_t p = 0; p < std::ssize(players_); ++p) begin_ready(p);
    while (!running_.empty()) {
      for (const Front& front : running_.next()) end(front);
      if (std::exchange(may_skip_, false)) skip();
    }
    for (const Player& player : players_)
      for (const LaneState& lane : player.lanes) ensure(lane.left == 0, "a program does not deadlock");
    if (from_ == From::start) return result(ends_[kSteps - 2], ends_[kSteps - 1] - ends_[kSteps - 2]);
    // At the cut everything has ended, and nothing that comes behind it could have begun before.
    const Seconds period = now();
    for (Player& player : players_)
      if (player.times[0][player.behind_cut[0] - 1].end != period || !begins_at_cut(player))
        return std::nullopt;
    for (Player& player : players_)
      for (std::size_t l = 0; l < player.lanes.size(); ++l)
        for (std::size_t s = player.behind_cut[l]; s < player.times[l].size(); ++s) {
          player.times[l][s].start += period;
          player.times[l][s].end += period;
        }
    return result(ends_[0], period);
  }

 private:
  /// Fills `capacities_` as well: links and flows are known once all classes have been looked at.
  std::vector<Player> make_players() {
    RankLinks links(program_, durations_, options_.sharing);
    program::Channels channels(program_);
    std::vector<Player> players;
    has_cut_ = from_ == From::cut;
    for (std::size_t c = 0; c < program_.classes.size(); ++c) {
      std::vector<std::vector<RankLinks::Flow>> flows(program_.instructions.size());
      std::vector<bool> apart(program_.instructions.size(), crowded_);
      for (const program::TemplateId body : program::templates_of(program_, program_.classes[c]))
        program::for_each_distinct(program_.templates[index(body)],
                                   [&](program::InstructionId id, std::int32_t) {
                                     flows[index(id)] = links.flows(c, id);
                                     if (!flows[index(id)].empty()) apart[index(id)] = true;
                                   });
      const Cut cut = from_ == From::cut ? cut_of(program_, c, channels) : Cut{-1, -1};
      if (cut.call < 0) has_cut_ = false;
      Player player{
          .schedule = StepSchedule(program_, c, durations_, channels, apart, has_cut_ ? &cut : nullptr),
          .flows = std::move(flows),
          .lanes = std::vector<LaneState>(program_.lanes.size()),
          .behind_cut = {},
          .times = {}};
      for (std::size_t l = 0; l < player.lanes.size(); ++l) {
        player.times.emplace_back(player.schedule.count(l));
        player.lanes[l].left = kSteps * player.times[l].size();
        if (player.lanes[l].left > 0) begin_call(player, l, 0);
      }
      if (has_cut_) begin_at_cut(player);
      players.push_back(std::move(player));
    }
    capacities_ = links.capacities();
    for (std::int32_t channel = 0; channel < channels.count(); ++channel)
      parties_.push_back(static_cast<std::int32_t>(channels[channel].classes.size()));
    waiting_.resize(parties_.size());
    return players;
  }

  /// Goes to the lane's first segment from that call on. There is one in every step.
  static void begin_call(Player& player, std::size_t lane, std::size_t call) {
    LaneState& one = player.lanes[lane];
    for (;; ++call) {
      if (call == player.schedule.calls.size()) {
        call = 0, one.next = 0;
        ++one.step;
      }
      const std::vector<Segment>& segments = player.schedule.segments_of(call, lane);
      if (segments.empty()) continue;
      one.call = call;
      one.segment = segments.data();
      one.of_call = one.segment + segments.size();
      return;
    }
  }
  static void go_on(Player& player, std::size_t lane) {
    LaneState& one = player.lanes[lane];
    ++one.next;
    if (++one.segment == one.of_call) begin_call(player, lane, one.call + 1);
  }

  /// All that was issued up to the cut of the first step has ended.
  static void begin_at_cut(Player& player) {
    const StepSchedule& schedule = player.schedule;
    for (std::size_t l = 0; l < player.lanes.size(); ++l) {
      LaneState& lane = player.lanes[l];
      lane.left = player.times[l].size();
      while (lane.left > 0 && lane.step == 0 && ended_with(player, l) <= schedule.before_cut[l])
        go_on(player, l);
      player.behind_cut.push_back(lane.step == 0 ? lane.next : lane.left);
      lane.ended = schedule.before_cut[l];
    }
  }

  /// Instructions that have ended with a lane's segment, since the first step.
  static std::int64_t ended_with(const Player& player, std::size_t l) {
    const LaneState& lane = player.lanes[l];
    return player.schedule.issued(lane.call, l) + lane.segment->first + lane.segment->count +
           lane.step * player.schedule.lengths[l];
  }

  /// Whether no lane could have begun in earnest, before the cut, with what comes behind it.
  static bool begins_at_cut(const Player& player) {
    const StepSchedule& schedule = player.schedule;
    for (std::size_t l = 1; l < player.lanes.size(); ++l) {
      if (player.times[l].empty()) continue;
      // A lane that has nothing to do before the cut begins its step behind it.
      const bool next_step = player.behind_cut[l] == player.times[l].size();
      std::size_t before = next_step ? 0 : player.behind_cut[l];
      const Interval& time = player.times[l][before];
      std::size_t c = 0;
      for (; schedule.segments_of(c, l).size() <= before; ++c) before -= schedule.segments_of(c, l).size();
      const Segment& segment = schedule.segments_of(c, l)[before];
      const bool met_later =
          segment.channel != kNoChannel && time.end.value > segment.alone.value * (1 + 1e-12);
      if (time.start == Seconds{} && !met_later && !waits_behind_cut(schedule, c, segment, next_step))
        return false;
    }
    return true;
  }
  static bool waits_behind_cut(const StepSchedule& schedule, std::size_t call, const Segment& segment,
                               bool next_step) {
    return std::ranges::any_of(schedule.waits_of(segment), [&](const CallWait& wait) {
      const auto lane = static_cast<std::size_t>(wait.lane);
      return schedule.issued(call, lane) + wait.ended + (next_step ? schedule.lengths[lane] : 0) >
             schedule.before_cut[lane];
    });
  }

  /// What is under way counts from the begin of the play, without the periods that were passed over.
  Seconds now() const { return running_.now() + passed_over_; }

  Player& player_of(Front front) { return players_[static_cast<std::size_t>(front.player)]; }
  LaneState& lane_of(Front front) { return player_of(front).lanes[static_cast<std::size_t>(front.lane)]; }
  const Segment& segment_of(Front front) { return *lane_of(front).segment; }

  /// Begins what its lanes and hazards let begin.
  void begin_ready(std::int32_t p) {
    Player& player = players_[static_cast<std::size_t>(p)];
    for (std::size_t l = 0; l < player.lanes.size(); ++l) {
      LaneState& lane = player.lanes[l];
      if (lane.busy || lane.left == 0) continue;
      if (lane.for_lane >= 0) {
        if (player.lanes[static_cast<std::size_t>(lane.for_lane)].ended < lane.until_ended) continue;
        lane.for_lane = -1;
      }
      if (!may_begin(player, lane)) continue;
      lane.busy = true;
      begin({p, static_cast<std::int32_t>(l)});
    }
  }

  static bool may_begin(const Player& player, LaneState& waiting) {
    const StepSchedule& schedule = player.schedule;
    const std::span<const CallWait> waits = schedule.waits_of(*waiting.segment);
    for (; waiting.wait < std::ssize(waits); ++waiting.wait) {
      const CallWait& until = waits[static_cast<std::size_t>(waiting.wait)];
      const auto lane = static_cast<std::size_t>(until.lane);
      const std::int64_t ended =
          schedule.issued(waiting.call, lane) + until.ended + waiting.step * schedule.lengths[lane];
      if (player.lanes[lane].ended < ended) {
        waiting.for_lane = until.lane, waiting.until_ended = ended;
        return false;
      }
    }
    return true;
  }

  void begin(Front front) {
    lane_of(front).begun = now();
    const Segment& segment = segment_of(front);
    if (segment.channel != kNoChannel)
      meet(front, segment);
    else if (segment.communicates)
      start({&front, 1}, segment.alone);
    else
      running_.compute(front, segment.alone);
  }

  /// All begin once the last is ready. A channel's communications follow one another in a lane of each class, so those who
  /// wait there wait for the same one.
  void meet(Front front, const Segment& segment) {
    const auto channel = static_cast<std::size_t>(segment.channel);
    std::vector<Front>& here = waiting_[channel];
    here.push_back(front);
    lane_of(front).meets = true;
    if (std::ssize(here) < parties_[channel]) return;
    for (const Front& one : here) lane_of(one).meets = false;
    std::ranges::sort(here, {}, &Front::player);
    Seconds longest{};
    for (const Front& one : here) longest = std::max(longest, segment_of(one).alone);
    start(here, longest);
    here.clear();
  }

  void start(std::span<const Front> fronts, Seconds alone) {
    flows_.clear();
    for (const Front& front : fronts) {
      for (const RankLinks::Flow& flow : player_of(front).flows[index(segment_of(front).instruction)])
        flows_.push_back(&flow);
    }
    running_.communicate(fronts, alone, flows_);
  }

  void end(Front front) {
    Player& player = player_of(front);
    const auto l = static_cast<std::size_t>(front.lane);
    LaneState& lane = player.lanes[l];
    player.times[l][lane.next] = {lane.begun, now()};
    ++events_;
    if (front.player == 0 && l == 0) may_skip_ = ends_period(player.schedule.steady, lane);
    Seconds& step_end = ends_[static_cast<std::size_t>(lane.step)];
    step_end = std::max(step_end, now());
    lane.ended = ended_with(player, l);
    lane.busy = false;
    lane.wait = 0;
    if (--lane.left > 0) go_on(player, l);
    begin_ready(front.player);
  }

  /// Whether a lane's segment is the last of a call, and that of a period.
  static bool ends_period(const SteadyCalls& steady, const LaneState& lane) {
    const auto call = static_cast<std::int32_t>(lane.call);
    return lane.segment + 1 == lane.of_call && call >= steady.begin && call < steady.end &&
           (call - steady.begin) % steady.period == 0;
  }

  /// Where everything is as it was some time ago, all periods that are still to come are like those between.
  void skip() {
    if (crowded_ || options_.every_period) return;
    std::vector<SteadyPlay::Player> players;
    for (const Player& player : players_) players.push_back({&player.schedule, &player.lanes});
    const std::optional<Skip> found = steady_.look(players, running_.flows_left(), now());
    if (!found) return;
    for (std::size_t p = 0; p < players_.size(); ++p)
      for (std::size_t l = 0; l < players_[p].lanes.size(); ++l)
        pass_over(players_[p], l, found->lanes[p][l], *found);
    passed_over_ += found->length();
    steady_.forget();
  }
  static void pass_over(Player& player, std::size_t l, const Skip::Lane& by, const Skip& skip) {
    if (by.calls == 0) return;
    LaneState& lane = player.lanes[l];
    std::vector<Interval>& times = player.times[l];
    const std::size_t from = lane.next, call = lane.call;
    const auto periods = static_cast<std::size_t>(skip.times);
    lane.call += periods * by.calls;
    lane.next += periods * by.segments;
    lane.left -= periods * by.segments;
    lane.ended += skip.times * by.instructions;
    lane.begun += skip.length();
    for (std::size_t s = from; s < lane.next; ++s)
      times[s] = {times[s - by.segments].start + skip.period, times[s - by.segments].end + skip.period};
    if (lane.for_lane >= 0) {
      const auto other = static_cast<std::size_t>(lane.for_lane);
      lane.until_ended += player.schedule.issued(lane.call, other) - player.schedule.issued(call, other);
    }
  }

  Played result(Seconds begin, Seconds length) {
    std::vector<StepOfClass> classes;
    for (Player& player : players_) classes.push_back({&player.schedule, &player.times});
    count_from(classes, begin);
    Played played = sum_up(program_, classes, length, durations_.communications, crowded_, options_.rows);
    played.events = events_;
    return played;
  }

  const program::Program& program_;
  const Durations& durations_;
  const PlayOptions& options_;
  From from_;
  bool has_cut_{false};
  bool crowded_;
  std::vector<double> capacities_;
  std::vector<std::int32_t> parties_;        // by channel
  std::vector<std::vector<Front>> waiting_;  // by channel
  std::vector<Player> players_;              // by class
  Running running_;
  SteadyPlay steady_;
  Seconds passed_over_;
  bool may_skip_{false};
  std::int64_t events_{0};
  std::vector<const RankLinks::Flow*> flows_;
  std::array<Seconds, kSteps> ends_{};
};

}  // namespace

Played play(const program::Program& program, const Durations& durations, const PlayOptions& options) {
  if (std::optional<Played> played = Play(program, durations, options, Play::From::cut).run()) return *played;
  std::optional<Played> played = Play(program, durations, options, Play::From::start).run();
  ensure(played.has_value(), "a step that is played from its start ends");
  return *std::move(played);
}

}  // namespace ds::engine
