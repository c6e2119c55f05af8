// Adds up the compute lane of each kind of stage.
#include "simulator/engine/plan_bound.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "simulator/engine/local_lanes.h"
#include "simulator/program/schedule/schedule.h"

namespace ds::engine {
namespace {

using program::PassKind;

/// Of a kind of stage.
struct Work {
  double passes{}, around{};     // of all micro-batches; what follows them and the update
  double forward{}, backward{};  // from a message to the next, in the shortest pass of its first chunk
  // The most that such a forward does before its message is there, and a backward after its own is made.
  double ahead{}, behind{};
  bool whole{true};  // no pass is cut or merged
};

double seconds_of(const PlanStages& plan, const PlanStages::Kind& kind, std::size_t t) {
  double sum = 0;
  for (const OutlineItem& item : kind.outline->templates()[t].items) {
    const bool message = item.what == OutlineItem::What::sent || item.what == OutlineItem::What::received;
    if (item.lane == 0 && !message)
      sum += seconds_before(plan, kind, t, item.to) - seconds_before(plan, kind, t, item.from);
  }
  return sum;
}

/// The compute lane's time from the begin of a pass to its end, with what it waits for on other lanes that wait for it in turn.
/// Whatever else they wait for is there already.
double span_of(const PlanStages& plan, const PlanStages::Kind& kind, std::size_t t) {
  constexpr double kLongAgo = -std::numeric_limits<double>::infinity();
  struct Event {
    const SharedUse* use{};
    std::int32_t lane{};
    double end{};
  };
  const TemplateOutline& body = kind.outline->templates()[t];
  std::vector<Event> events;  // of a buffer's slot, lane and kind of use the last one
  std::vector<double> fronts{0};
  for (const OutlineItem& item : body.items) {
    const auto lane = static_cast<std::size_t>(item.lane);
    if (fronts.size() <= lane) fronts.resize(lane + 1, kLongAgo);
    double& now = fronts[lane];
    const auto uses = std::span(body.uses).subspan(static_cast<std::size_t>(item.first_use),
                                                   static_cast<std::size_t>(item.begins + item.ends));
    for (const SharedUse& use : uses.first(static_cast<std::size_t>(item.begins)))
      for (const Event& event : events)
        if (event.lane != item.lane && event.use->buffer == use.buffer &&
            event.use->instance == use.instance && (!use.reads || !event.use->reads))
          now = std::max(now, event.end);
    if (item.what == OutlineItem::What::work)
      now += std::max(seconds_before(plan, kind, t, item.to) - seconds_before(plan, kind, t, item.from), 0.0);
    for (const SharedUse& use : uses.subspan(static_cast<std::size_t>(item.begins))) {
      const auto known = std::ranges::find_if(events, [&](const Event& event) {
        return event.lane == item.lane && event.use->buffer == use.buffer &&
               event.use->instance == use.instance && event.use->reads == use.reads;
      });
      if (known == events.end())
        events.push_back({&use, item.lane, now});
      else
        known->end = now;
    }
  }
  return fronts.front();
}

/// From where a pass has to have its message to where it has made its own: what it does between that and the message's lane, such as
/// reducing gradients, the message does not wait for.
double way_through(const PlanStages& plan, const PlanStages::Kind& kind, std::size_t t) {
  const TemplateOutline& body = kind.outline->templates()[t];
  std::vector<std::int32_t> received;                 // buffers
  std::vector<std::pair<std::int32_t, double>> made;  // by the compute lane: buffers, and when
  double from = 0, to = 0;
  bool begun = false;
  for (const OutlineItem& item : body.items) {
    const auto uses = std::span(body.uses).subspan(static_cast<std::size_t>(item.first_use),
                                                   static_cast<std::size_t>(item.begins + item.ends));
    if (item.what == OutlineItem::What::received) {
      for (const SharedUse& use : uses) received.push_back(use.buffer);
      if (item.lane != 0) continue;
      begun = true;
    }
    if (item.what == OutlineItem::What::sent) {
      if (item.lane == 0) break;
      to = from;
      for (const SharedUse& use : uses.first(static_cast<std::size_t>(item.begins)))
        for (const auto& [buffer, end] : made)
          if (buffer == use.buffer) to = std::max(to, end);
      break;
    }
    if (item.lane != 0) continue;
    const bool needs = std::ranges::any_of(
        uses.first(static_cast<std::size_t>(item.begins)),
        [&](const SharedUse& use) { return std::ranges::find(received, use.buffer) != received.end(); });
    if (needs && !begun) begun = true, from = seconds_before(plan, kind, t, item.from);
    to = seconds_before(plan, kind, t, item.to);
    if (item.what == OutlineItem::What::received) from = to;
    for (const SharedUse& use : uses.subspan(static_cast<std::size_t>(item.begins)))
      if (!use.reads) made.emplace_back(use.buffer, to);
  }
  return begun || received.empty() ? std::max(to - from, 0.0) : 0;
}

/// Calls of a template in a step of so many micro-batches: the first and the last backward may have one each.
std::int32_t calls_of(const std::vector<PassKind>& kinds, const PassKind& kind, std::int32_t micro_batches) {
  if (kind.role.first || kind.role.last) return 1;
  const auto apart = std::ranges::count_if(kinds, [&](const PassKind& other) {
    return other.chunk == kind.chunk && other.forward == kind.forward && other.gradients == kind.gradients &&
           (other.role.first || other.role.last);
  });
  return micro_batches - static_cast<std::int32_t>(apart);
}

/// `calls`: by kind of pass.
Work work_of(const PlanStages& plan, const PlanStages::Kind& kind, const std::vector<std::int32_t>& calls) {
  const StageOutline& outline = *kind.outline;
  constexpr double kFar = std::numeric_limits<double>::infinity();
  Work work{.forward = kFar, .backward = kFar};
  const std::vector<PassKind>& kinds = outline.passes().kinds;
  for (std::size_t t = 0; t < kinds.size(); ++t) {
    if (kinds[t].merged_with >= 0) work.whole = false;
    if (kinds[t].gradients != program::Gradients::all) work.whole = false;
    const double pass = std::max(seconds_of(plan, kind, t), span_of(plan, kind, t));
    work.passes += pass * calls[t];
    if (kinds[t].chunk != 0) continue;
    const double way = way_through(plan, kind, t);
    double& shortest = kinds[t].forward ? work.forward : work.backward;
    double& beside = kinds[t].forward ? work.ahead : work.behind;
    shortest = std::min(shortest, way);
    beside = std::max(beside, pass - way);
  }
  for (const std::size_t t : {outline.finish(), outline.update()}) work.around += seconds_of(plan, kind, t);
  return work;
}

std::vector<std::int32_t> calls_of(const PlanStages::Kind& kind, std::int32_t micro_batches) {
  const std::vector<PassKind>& kinds = kind.outline->passes().kinds;
  std::vector<std::int32_t> calls;
  for (const PassKind& one : kinds) calls.push_back(calls_of(kinds, one, micro_batches));
  return calls;
}

}  // namespace

Seconds bound_of(const PlanStages& plan, const StepOrder& order, const Orders::Calls* calls) {
  std::vector<Work> works;
  const bool both_ways = program::directions_of(order.schedule) > 1;
  // What waits for the host may have sent its message before.
  bool whole = !both_ways && !plan.waits_for_launches;
  double around = std::numeric_limits<double>::infinity();  // the least of any stage
  for (std::size_t k = 0; k < plan.kinds.size(); ++k) {
    const PlanStages::Kind& kind = plan.kinds[k];
    // Where two pipelines run, each stage is a kind of its own.
    works.push_back(work_of(plan, kind, both_ways ? (*calls)[k] : calls_of(kind, order.micro_batches)));
    whole = whole && works.back().whole;
    around = std::min(around, works.back().around);
  }
  double most = 0, on_the_way = 0;
  for (const PlanStages::Stage& stage : plan.stages) {
    const Work& work = works[static_cast<std::size_t>(stage.kind)];
    most = std::max(most, work.passes + work.around);
    if (!whole) continue;
    // Others wait for messages, not for passes.
    most = std::max(most, on_the_way + work.passes - work.ahead - work.behind + around);
    on_the_way += work.forward + work.backward;
  }
  return {most};
}

}  // namespace ds::engine
