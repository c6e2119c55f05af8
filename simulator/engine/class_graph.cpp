// Goes through a class's calls once, in the order of issue. A time is kept as a point and the work of its lane since then; where
// a lane waits for another one there is a new point.
#include "simulator/engine/class_graph.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using maxplus::kBeatsOfCall;
using maxplus::kNone;
using What = OutlineItem::What;

/// A time: a point, and work of its lane since then.
struct Way {
  std::int32_t point{kNone};     // none: the step's begin
  std::int32_t duration{kNone};  // none: no time
  std::int32_t beats{0};
  bool is_begin() const { return point == kNone && duration == kNone; }
};

class ClassWalk {
 public:
  ClassWalk(const StepOrder& order, std::int32_t stage, const StageOutline& outline, ChannelNumbers& channels)
      : order_(order),
        stage_(stage),
        outline_(outline),
        local_(!outline.local().empty()),
        channels_(channels) {
    const std::vector<program::ScheduledPass> passes =
        program::order_of(order.schedule, order.stages, stage, order.micro_batches, order.chunks);
    const std::int32_t own = order.micro_batches / program::directions_of(order.schedule);
    calls_ = program::calls_of(passes, own, order.reduces_early, order.first_forwards_apart);
    find_users();
    std::size_t events = 0;
    std::map<program::SlotRule, std::int32_t> known;
    for (std::size_t b = 0; b < buffers_.size(); ++b) {
      const auto [found, is_new] = known.try_emplace(outline.slots()[b], 0);
      if (is_new) found->second = program::slots_of(outline.slots()[b], passes, own);
      buffers_[b].slots = found->second;
      buffers_[b].first_event = events;
      events += static_cast<std::size_t>(found->second) * buffers_[b].users.size();
    }
    events_.resize(events);
    count_beats();
  }

  ClassGraph take() {
    const std::size_t finish = outline_.finish(), items = outline_.templates()[finish].items.size();
    for (std::size_t i = outline_.cut() + 1; i < items; ++i) go_through(finish, i, {});
    go_through(outline_.update(), {});
    for (const program::PassCall& call : calls_) go_through(kind_of(call.kind), call);
    is_finish_ = true;
    ++call_;
    for (std::size_t i = 0; i <= outline_.cut() && i < items; ++i) go_through(finish, i, {});
    if (outline_.cut() >= items) end_alone();
    graph_.cut = true;
    graph_.formulas.weights = static_cast<std::int32_t>(durations_.size());
    return {std::move(graph_), std::move(durations_)};
  }

 private:
  static constexpr std::size_t kLanes = 12;

  /// When a lane is free, and the work behind its last point: of one call, or of two that follow one another.
  struct Front {
    Way way;
    std::int32_t before{kNone};    // duration: of the first of two
    std::int32_t call{}, first{};  // that goes on, its first item
    bool ended{};                  // no further item goes on with it
  };
  /// A lane that reads a buffer, or writes it.
  struct User {
    std::int32_t lane{};
    bool reads{};
    bool operator==(const User&) const = default;
  };
  /// What is known of an item: its channel, and its duration with others before it.
  struct KnownItem {
    std::int32_t channel{kNone};
    std::int32_t first{kNone}, duration{kNone};
  };
  struct UsedBuffer {
    std::vector<User> users;
    std::int32_t slots{};
    std::size_t first_event{};  // of the first slot, by user
  };
  /// When a user has used a slot last. Events of a lane are numbered in their order, from 1.
  struct Event {
    Way way;
    std::int32_t number{0};
  };
  /// A time at which a way through the class's own lanes begins.
  struct Source {
    std::int32_t in_template{}, item{};
    Way begin;
  };

  /// Of a chunk's forwards, and of its backwards, most are as the one before.
  std::size_t kind_of(const program::PassKind& kind) {
    const std::vector<program::PassKind>& kinds = outline_.passes().kinds;
    const auto which = static_cast<std::size_t>(2 * kind.chunk + (kind.forward ? 1 : 0));
    if (which >= latest_.size()) latest_.resize(which + 1, 0);
    std::size_t& latest = latest_[which];
    if (kinds[latest] != kind)
      latest = static_cast<std::size_t>(std::ranges::find(kinds, kind) - kinds.begin());
    ensure(latest < kinds.size(), "a stage calls passes that it has");
    return latest;
  }

  void find_users() {
    buffers_.resize(outline_.slots().size());
    for (const TemplateOutline& body : outline_.templates()) {
      first_item_.push_back(static_cast<std::int32_t>(known_.size()));
      known_.resize(known_.size() + body.items.size());
      for (const OutlineItem& item : body.items) {
        lanes_ = std::max(lanes_, static_cast<std::size_t>(item.lane) + 1);
        for (std::int32_t u = item.first_use + item.begins; u < item.first_use + item.begins + item.ends;
             ++u) {
          const SharedUse& use = body.uses[static_cast<std::size_t>(u)];
          std::vector<User>& users = buffers_[static_cast<std::size_t>(use.buffer)].users;
          const User user{item.lane, use.reads};
          if (std::ranges::find(users, user) == users.end()) users.push_back(user);
        }
      }
    }
    ensure(lanes_ <= kLanes, "a stage has few lanes of messages");
  }

  /// Work of a call shares its beats, lane by lane.
  void count_beats() {
    for (const TemplateOutline& body : outline_.templates()) {
      std::array<std::int32_t, kLanes> all{}, done{};
      for (const OutlineItem& item : body.items)
        if (is_work(item)) ++all[static_cast<std::size_t>(item.lane)];
      std::vector<std::int32_t>& beats = beats_.emplace_back();
      for (const OutlineItem& item : body.items) {
        const auto lane = static_cast<std::size_t>(item.lane);
        if (!is_work(item)) {
          beats.push_back(0);
          continue;
        }
        const std::int32_t before = kBeatsOfCall * done[lane] / all[lane];
        beats.push_back(kBeatsOfCall * ++done[lane] / all[lane] - before);
      }
    }
  }

  /// With a single stage, messages go to the stage itself: then they are work.
  bool is_work(const OutlineItem& item) const { return item.what == What::work || order_.stages == 1; }

  void go_through(std::size_t t, const program::PassCall& call) {
    ++call_;
    for (std::size_t i = 0; i < outline_.templates()[t].items.size(); ++i) go_through(t, i, call);
  }

  void go_through(std::size_t t, std::size_t i, const program::PassCall& call) {
    const TemplateOutline& body = outline_.templates()[t];
    const OutlineItem& item = body.items[i];
    const auto lane = static_cast<std::size_t>(item.lane);
    const bool special = local_ && item.lane == 0;
    Front& front = fronts_[lane];
    find_waits(body, item, call);
    if (special && (call.is_last_backward || is_finish_)) {
      if (!waits_.empty() || front.way.duration != kNone) begin_anew(item, front);
      sources_.push_back({static_cast<std::int32_t>(t), static_cast<std::int32_t>(i), front.way});
    }
    if (is_work(item)) {
      // Work of one call, and that of the next.
      const bool is_full = front.before != kNone && front.call != call_;
      const bool is_apart = front.way.duration != kNone && (front.ended || item.what != What::work);
      if (!waits_.empty() || is_full || is_apart) begin_anew(item, front);
      go_on(t, i, front);
      if (special && (call.is_first_forward || (t == outline_.update() && outline_.update_waits())))
        waits_.push_back({kNone, from_begin(t, i)});
      if (special && is_finish_) add_ways_to(static_cast<std::int32_t>(i));
      if (!waits_.empty()) begin_anew(item, front);
    } else {
      if (special && is_finish_) add_ways_to(static_cast<std::int32_t>(i));
      front = {{point(front.way, item.lane, channel_of(t, i), duration_of(t, i, i))}};
    }
    ++ended_[lane];
    const std::int32_t number = ended_[lane];
    each_event(body, item.first_use + item.begins, item.ends, call,
               [&](Event* events, const UsedBuffer& buffer, const SharedUse& use) {
                 const auto user = std::ranges::find(buffer.users, User{item.lane, use.reads});
                 events[user - buffer.users.begin()] = {front.way, number};
               });
  }

  void begin_anew(const OutlineItem& item, Front& front) {
    front = {{point(front.way, item.lane, kNone, kNone)}};
  }

  /// The work of the item behind the lane's last point.
  void go_on(std::size_t t, std::size_t i, Front& front) {
    const OutlineItem& item = outline_.templates()[t].items[i];
    if (front.way.duration == kNone || front.call != call_) {
      front.before = front.way.duration;
      front.call = call_;
      front.first = static_cast<std::int32_t>(i);
    }
    const std::int32_t work = duration_of(t, static_cast<std::size_t>(front.first), i);
    front.way.duration = front.before == kNone ? work : sum(front.before, work);
    front.way.beats += beats_[t][i];
    front.ended = item.what != What::work;
  }

  /// What other lanes have done to what the item uses: of each the last.
  void find_waits(const TemplateOutline& body, const OutlineItem& item, const program::PassCall& call) {
    waits_.clear();
    if (item.begins == 0) return;
    const auto own = static_cast<std::size_t>(item.lane);
    std::array<const Event*, kLanes> last{};
    std::uint32_t lanes = 0;
    each_event(body, item.first_use, item.begins, call,
               [&](const Event* event, const UsedBuffer& buffer, const SharedUse& use) {
                 for (const User& user : buffer.users) {
                   const Event*& known = last[static_cast<std::size_t>(user.lane)];
                   if (!(use.reads && user.reads) && user.lane != item.lane &&
                       event->number > (known == nullptr ? 0 : known->number)) {
                     known = event;
                     lanes |= std::uint32_t{1} << user.lane;
                   }
                   ++event;
                 }
               });
    for (; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
      if (last[lane]->number <= waited_[own][lane]) continue;
      waited_[own][lane] = last[lane]->number;
      if (!last[lane]->way.is_begin()) waits_.push_back(last[lane]->way);
    }
  }

  template <class Fn>
  void each_event(const TemplateOutline& body, std::int32_t first_use, std::int32_t count,
                  const program::PassCall& call, Fn&& fn) {
    for (std::int32_t u = first_use; u < first_use + count; ++u) {
      const SharedUse& use = body.uses[static_cast<std::size_t>(u)];
      const UsedBuffer& buffer = buffers_[static_cast<std::size_t>(use.buffer)];
      const bool all = use.instance == program::kAllSlots;
      const program::Call as_call{{}, {call.micro[0], call.micro[1]}};
      const std::int32_t first =
          all ? 0 : program::slot_of({.instance = use.instance}, as_call, buffer.slots);
      const std::int32_t last = all ? buffer.slots : first + 1;
      for (std::int32_t s = first; s < last; ++s)
        fn(events_.data() + buffer.first_event + static_cast<std::size_t>(s) * buffer.users.size(), buffer,
           use);
    }
  }

  /// What lanes of the class's own may delay in what follows the last backwards.
  void add_ways_to(std::int32_t item) {
    waits_.push_back({kNone, through(-1, -1, item)});
    for (const Source& source : sources_)
      waits_.push_back({source.begin.point, through(source.in_template, source.item, item)});
  }

  /// The k-th of a channel meets the k-th, so both ends give it one name.
  std::int32_t channel_of(std::size_t t, std::size_t i) {
    std::int32_t& known = known_[static_cast<std::size_t>(place(t, i))].channel;
    if (known == kNone) known = channel_of(outline_.templates()[t].items[i]);
    return known;
  }
  std::int32_t channel_of(const OutlineItem& item) {
    const auto around = [&](std::int32_t s) { return (s + order_.stages) % order_.stages; };
    switch (item.what) {
      case What::sent: return channels_.of(item.group, item.shift, stage_);
      case What::received: return channels_.of(item.group, -item.shift, around(stage_ + item.shift));
      case What::collective:
      case What::work: break;
    }
    const bool mirror = item.group.members == program::Members::mirror;
    return channels_.of(item.group, 0, mirror ? std::min(stage_, order_.stages - 1 - stage_) : 0);
  }

  /// Behind that time, and behind all of waits_.
  std::int32_t point(const Way& from, std::int32_t lane, std::int32_t channel, std::int32_t seconds) {
    const auto number = static_cast<std::int32_t>(graph_.points.size());
    const auto first = static_cast<std::int32_t>(graph_.edges.size());
    // The begin of the step says nothing where something else is waited for.
    if (waits_.empty() || !from.is_begin()) waits_.push_back(from);
    for (const Way& way : waits_) graph_.edges.push_back({way.point, way.duration, false, way.beats});
    graph_.points.push_back({.item = number,
                             .lane = lane,
                             .channel = channel,
                             .seconds = seconds,
                             .first_edge = first,
                             .edges = static_cast<std::int32_t>(waits_.size())});
    waits_.clear();
    return number;
  }

  /// A class that meets no others ends its step when all of its lanes have.
  void end_alone() {
    waits_.clear();
    for (std::size_t lane = 1; lane < lanes_; ++lane) waits_.push_back(fronts_[lane].way);
    add_ways_to(static_cast<std::int32_t>(outline_.cut()));
    point(fronts_.front().way, 0, kNone, kNone);
  }

  std::int32_t duration(std::int32_t a, std::int32_t b, const DurationPart& part) {
    std::int32_t& known = numbers_.at(a, b);
    if (known < 0) {
      known = static_cast<std::int32_t>(durations_.size());
      durations_.push_back(part);
    }
    return known;
  }
  std::int32_t place(std::size_t t, std::size_t i) const {
    return first_item_[t] + static_cast<std::int32_t>(i);
  }
  /// Mostly the same as last time.
  std::int32_t duration_of(std::size_t t, std::size_t first, std::size_t last) {
    KnownItem& item = known_[static_cast<std::size_t>(place(t, last))];
    const auto begin = static_cast<std::int32_t>(first);
    if (item.first == begin) return item.duration;
    item.first = begin;
    item.duration = duration(
        place(t, first), place(t, last),
        {DurationPart::What::items, static_cast<std::int32_t>(t), begin, static_cast<std::int32_t>(last)});
    return item.duration;
  }
  std::int32_t from_begin(std::size_t t, std::size_t i) {
    return duration(
        place(t, i), -1,
        {DurationPart::What::from_begin, static_cast<std::int32_t>(t), static_cast<std::int32_t>(i)});
  }
  std::int32_t sum(std::int32_t before, std::int32_t work) {
    return duration(~before, work, {DurationPart::What::sum, -1, before, work});
  }
  std::int32_t through(std::int32_t in_template, std::int32_t item, std::int32_t to) {
    durations_.push_back({DurationPart::What::through, in_template, item, to});
    return static_cast<std::int32_t>(durations_.size()) - 1;
  }

  const StepOrder& order_;
  std::int32_t stage_;
  const StageOutline& outline_;
  bool local_;  // lanes of the class's own make the compute lane wait
  ChannelNumbers& channels_;
  std::vector<program::PassCall> calls_;
  std::vector<std::size_t> latest_;  // kinds, by chunk and direction
  std::int32_t call_{0};             // that is gone through
  bool is_finish_{false};            // what follows the last backwards, up to the cut, is gone through
  std::vector<std::vector<std::int32_t>> beats_;  // by template and item
  std::vector<UsedBuffer> buffers_;
  std::size_t lanes_{1};
  std::vector<Event> events_;  // by buffer, slot and user
  std::array<Front, kLanes> fronts_{};
  std::array<std::int32_t, kLanes> ended_{};                       // items, by lane
  std::array<std::array<std::int32_t, kLanes>, kLanes> waited_{};  // by lane: for which event of another one
  std::vector<Way> waits_;                                         // of the next point
  std::vector<Source> sources_;
  std::vector<std::int32_t> first_item_;  // by template, in known_
  std::vector<KnownItem> known_;          // by item, of all templates
  maxplus::PairTable numbers_;            // of durations, by their first and last items
  std::vector<DurationPart> durations_;
  maxplus::SyncGraph graph_;
};

}  // namespace

ClassGraph class_graph(const StepOrder& order, std::int32_t stage, const StageOutline& outline,
                       ChannelNumbers& channels) {
  return ClassWalk(order, stage, outline, channels).take();
}

}  // namespace ds::engine
