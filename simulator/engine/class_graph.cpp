// Goes through a class's calls once, in the order of issue. When something ends is kept as the latest of a few points and
// ways from there; where too many come together, a point of its own is made.
#include "simulator/engine/class_graph.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using maxplus::kBeatsOfCall;
using maxplus::kNone;
using maxplus::WeightTerms;
using What = OutlineItem::What;

/// The latest of some points, each with the way from there.
class Time {
 public:
  struct Way {
    std::int32_t point{kNone};  // none: the step's begin
    std::int32_t term{WeightTerms::kZero};
    std::int32_t beats{0};
  };
  static constexpr std::size_t kMost = 8;

  Time() = default;
  // Most have one or two ways.
  Time(const Time& other) : size_(other.size_) { std::copy_n(other.ways_.data(), size_, ways_.data()); }
  Time& operator=(const Time& other) {
    size_ = other.size_;
    std::copy_n(other.ways_.data(), size_, ways_.data());
    return *this;
  }
  ~Time() = default;

  std::size_t size() const { return size_; }
  const Way* begin() const { return ways_.data(); }
  const Way* end() const { return ways_.data() + size_; }

  void add(const Way& way, WeightTerms& terms) {
    for (std::size_t i = 0; i < size_; ++i)
      if (ways_[i].point == way.point) {
        ways_[i].term = terms.longest(ways_[i].term, way.term);
        ways_[i].beats = std::max(ways_[i].beats, way.beats);
        return;
      }
    ensure(size_ < kMost, "points are made where many ways meet");
    ways_[size_++] = way;
  }
  void add(const Time& other, WeightTerms& terms) {
    for (const Way& way : other) add(way, terms);
  }
  void go_on(std::int32_t term, std::int32_t beats, WeightTerms& terms) {
    for (std::size_t i = 0; i < size_; ++i) {
      ways_[i].term = terms.plus(ways_[i].term, term);
      ways_[i].beats += beats;
    }
  }
  /// The begin of the step says nothing where something else is waited for, unless it takes time from there.
  void drop_begin() {
    if (size_ < 2) return;
    for (std::size_t i = 0; i < size_; ++i)
      if (ways_[i].point == kNone && ways_[i].term == WeightTerms::kZero) {
        --size_;
        ways_[i] = ways_[size_];
        return;
      }
  }

 private:
  std::array<Way, kMost> ways_{};
  std::size_t size_{0};
};

class ClassWalk {
 public:
  ClassWalk(const StepOrder& order, std::int32_t stage, const StageOutline& outline, ChannelNumbers& channels)
      : order_(order),
        stage_(stage),
        outline_(outline),
        local_(!outline.local().empty()),
        channels_(channels) {
    passes_ = program::order_of(order.schedule, order.stages, stage, order.micro_batches, order.chunks);
    const std::int32_t own = order.micro_batches / program::directions_of(order.schedule);
    calls_ = program::calls_of(passes_, own, order.reduces_early, order.first_forwards_apart);
    std::size_t slots = 0;
    std::map<program::SlotRule, std::int32_t> known;
    for (const program::SlotRule& rule : outline.slots()) {
      first_slot_.push_back(slots);
      const auto [found, is_new] = known.try_emplace(rule, 0);
      if (is_new) found->second = program::slots_of(rule, passes_, own);
      slots_.push_back(found->second);
      slots += static_cast<std::size_t>(slots_.back());
    }
    for (const TemplateOutline& body : outline.templates())
      for (const OutlineItem& item : body.items)
        lanes_ = std::max(lanes_, static_cast<std::size_t>(item.lane) + 1);
    ensure(lanes_ <= kLanes, "a stage has few lanes of messages");
    events_.resize(slots * lanes_);
    Time begin;
    begin.add(Time::Way{}, terms_);
    fronts_.fill(begin);
    terms_of_.resize(outline.templates().size());
    for (std::size_t t = 0; t < terms_of_.size(); ++t)
      terms_of_[t].assign(outline.templates()[t].items.size(), {kNone, kNone});
    count_beats();
  }

  ClassGraph take() {
    const std::size_t finish = outline_.finish(), items = outline_.templates()[finish].items.size();
    for (std::size_t i = outline_.cut() + 1; i < items; ++i) go_through(finish, i, {});
    go_through(outline_.update(), {});
    for (const program::PassCall& call : calls_) go_through(kind_of(call.kind), call);
    is_finish_ = true;
    for (std::size_t i = 0; i <= outline_.cut() && i < items; ++i) go_through(finish, i, {});
    if (outline_.cut() >= items) end_alone();
    return finished();
  }

 private:
  static constexpr std::size_t kLanes = 12;
  static constexpr std::size_t kWays = 3;    // that a time may have before it becomes a point
  static constexpr std::size_t kTerms = 24;  // of a way, likewise

  /// A time at which a way through the class's own lanes begins.
  struct Source {
    std::int32_t in_template{}, item{};
    Time begin;
  };
  /// When a lane has read and written a slot last.
  struct Event {
    Time read, written;
  };
  struct Terms {
    std::int32_t item{kNone}, from_begin{kNone};
  };

  std::size_t kind_of(const program::PassKind& kind) const {
    const std::vector<program::PassKind>& kinds = outline_.passes().kinds;
    const auto found = std::ranges::find(kinds, kind);
    ensure(found != kinds.end(), "a stage calls passes that it has");
    return static_cast<std::size_t>(found - kinds.begin());
  }

  /// Work of a call shares its beats, lane by lane.
  void count_beats() {
    for (const TemplateOutline& body : outline_.templates()) {
      std::size_t& begins = begins_call_.emplace_back(body.items.size());
      for (std::size_t i = body.items.size(); i-- > 0;) {
        if (body.items[i].lane != 0) continue;
        if (!is_work(body.items[i])) break;
        begins = i;
      }
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
    for (std::size_t i = 0; i < outline_.templates()[t].items.size(); ++i) go_through(t, i, call);
  }

  void go_through(std::size_t t, std::size_t i, const program::PassCall& call) {
    const TemplateOutline& body = outline_.templates()[t];
    const OutlineItem& item = body.items[i];
    Time time = fronts_[static_cast<std::size_t>(item.lane)];
    // Ways do not go beyond a call: they would be sums over as many calls as lie behind.
    if (begins_call_[t] == i && (time.size() > 1 || time.begin()->term != WeightTerms::kZero))
      time = point(time, item, kNone, kNone);
    each_event(body, item.first_use, item.begins, call, [&](Event* events, const SharedUse& use) {
      for (std::size_t lane = 0; lane < lanes_; ++lane) {
        if (lane == static_cast<std::size_t>(item.lane)) continue;
        if (events[lane].written.size() > 0) add(events[lane].written, time);
        if (!use.reads && events[lane].read.size() > 0) add(events[lane].read, time);
      }
    });
    time.drop_begin();
    const bool special = item.lane == 0;
    if (special && local_ && (call.is_last_backward || is_finish_))
      sources_.push_back({static_cast<std::int32_t>(t), static_cast<std::int32_t>(i), time});
    const std::int32_t duration = term_of(t, i);
    if (is_work(item)) {
      time.go_on(duration, beats_[t][i], terms_);
      if (special && local_ && call.is_first_forward) time.add(Time::Way{kNone, from_begin(t, i)}, terms_);
      if (special && is_finish_) add_ways_to(static_cast<std::int32_t>(i), time);
      if (time.size() > kWays || is_long(time)) time = point(time, item, kNone, kNone);
    } else {
      if (special && is_finish_) add_ways_to(static_cast<std::int32_t>(i), time);
      time = point(time, item, channel_of(item), duration);
    }
    fronts_[static_cast<std::size_t>(item.lane)] = time;
    each_event(body, item.first_use + item.begins, item.ends, call, [&](Event* events, const SharedUse& use) {
      Event& event = events[static_cast<std::size_t>(item.lane)];
      (use.reads ? event.read : event.written) = time;
    });
  }

  template <class Fn>
  void each_event(const TemplateOutline& body, std::int32_t first_use, std::int32_t count,
                  const program::PassCall& call, Fn&& fn) {
    for (std::int32_t u = first_use; u < first_use + count; ++u) {
      const SharedUse& use = body.uses[static_cast<std::size_t>(u)];
      const auto buffer = static_cast<std::size_t>(use.buffer);
      const bool all = use.instance == program::kAllSlots;
      const program::Call as_call{{}, {call.micro[0], call.micro[1]}};
      const std::int32_t first =
          all ? 0 : program::slot_of({.instance = use.instance}, as_call, slots_[buffer]);
      const std::int32_t last = all ? slots_[buffer] : first + 1;
      for (std::int32_t s = first; s < last; ++s)
        fn(events_.data() + (first_slot_[buffer] + static_cast<std::size_t>(s)) * lanes_, use);
    }
  }

  /// Of a call in which hundreds of items follow one another, no sum is over all of them.
  bool is_long(const Time& time) const {
    return std::ranges::any_of(time, [&](const Time::Way& way) { return terms_.length(way.term) > kTerms; });
  }

  /// What lanes of the class's own may delay in what follows the last backwards.
  void add_ways_to(std::int32_t item, Time& time) {
    if (!local_) return;
    time.add(Time::Way{kNone, terms_.duration(through(-1, -1, item))}, terms_);
    for (const Source& source : sources_) {
      Time way = source.begin;
      way.go_on(terms_.duration(through(source.in_template, source.item, item)), 0, terms_);
      add(way, time);
    }
  }

  void add(const Time& other, Time& time) {
    if (time.size() + other.size() > Time::kMost) time = point(time, {}, kNone, kNone);
    time.add(other, terms_);
  }

  /// The k-th of a channel meets the k-th, so both ends give it one name.
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

  Time point(const Time& from, const OutlineItem& item, std::int32_t channel, std::int32_t seconds) {
    const auto number = static_cast<std::int32_t>(graph_.points.size());
    maxplus::SyncPoint point{.item = number,
                             .lane = item.lane,
                             .channel = channel,
                             .seconds = seconds < 0 ? kNone : weights_.number(seconds),
                             .first_edge = static_cast<std::int32_t>(graph_.edges.size()),
                             .edges = static_cast<std::int32_t>(from.size())};
    for (const Time::Way& way : from)
      graph_.edges.push_back({way.point, weights_.number(way.term), false, way.beats});
    std::sort(graph_.edges.begin() + point.first_edge, graph_.edges.end(),
              [](const maxplus::SyncEdge& a, const maxplus::SyncEdge& b) { return a.from < b.from; });
    graph_.points.push_back(point);
    Time result;
    result.add(Time::Way{.point = number}, terms_);
    return result;
  }

  /// A class that meets no others ends its step when all of its lanes have.
  void end_alone() {
    const auto end = static_cast<std::int32_t>(outline_.cut());
    Time time;
    for (const Time& front : fronts_) add(front, time);
    add_ways_to(end, time);
    point(time, {}, kNone, kNone);
  }

  ClassGraph finished() {
    graph_.cut = true;
    graph_.formulas = terms_.formulas(weights_.terms());
    return {std::move(graph_), std::move(durations_)};
  }

  std::int32_t duration(const DurationPart& part) {
    durations_.push_back(part);
    return static_cast<std::int32_t>(durations_.size()) - 1;
  }
  std::int32_t term_of(std::size_t t, std::size_t i) {
    std::int32_t& term = terms_of_[t][i].item;
    if (term == kNone)
      term = terms_.duration(
          duration({DurationPart::What::item, static_cast<std::int32_t>(t), static_cast<std::int32_t>(i)}));
    return term;
  }
  std::int32_t from_begin(std::size_t t, std::size_t i) {
    std::int32_t& term = terms_of_[t][i].from_begin;
    if (term == kNone)
      term = terms_.duration(duration(
          {DurationPart::What::from_begin, static_cast<std::int32_t>(t), static_cast<std::int32_t>(i)}));
    return term;
  }
  std::int32_t through(std::int32_t in_template, std::int32_t item, std::int32_t to) {
    return duration({DurationPart::What::through, in_template, item, to});
  }

  const StepOrder& order_;
  std::int32_t stage_;
  const StageOutline& outline_;
  bool local_;  // lanes of the class's own make the compute lane wait
  ChannelNumbers& channels_;
  std::vector<program::ScheduledPass> passes_;
  std::vector<program::PassCall> calls_;
  bool is_finish_{false};                 // what follows the last backwards, up to the cut, is gone through
  std::vector<std::size_t> begins_call_;  // by template: first work of the compute lane behind all that meets
  std::vector<std::vector<std::int32_t>> beats_;  // by template and item
  std::vector<std::int32_t> slots_;               // by buffer
  std::vector<std::size_t> first_slot_;           // likewise, in events_
  std::size_t lanes_{1};
  std::vector<Event> events_;  // by slot and lane
  std::array<Time, kLanes> fronts_{};
  std::vector<Source> sources_;
  std::vector<std::vector<Terms>> terms_of_;  // by template and item
  std::vector<DurationPart> durations_;
  WeightTerms terms_;
  maxplus::WeightNumbers weights_;
  maxplus::SyncGraph graph_;
};

}  // namespace

ClassGraph class_graph(const StepOrder& order, std::int32_t stage, const StageOutline& outline,
                       ChannelNumbers& channels) {
  return ClassWalk(order, stage, outline, channels).take();
}

}  // namespace ds::engine
