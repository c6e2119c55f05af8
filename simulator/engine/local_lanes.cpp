// Longest ways from where they begin, item by item.
#include "simulator/engine/local_lanes.h"

#include <algorithm>
#include <limits>

namespace ds::engine {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

void raise(std::vector<double>& times, const std::vector<double>& at_least, double later) {
  if (times.size() < at_least.size()) times.resize(at_least.size(), kNever);
  for (std::size_t s = 0; s < at_least.size(); ++s) times[s] = std::max(times[s], at_least[s] + later);
}

/// When a place of the compute lane is reached after waits before it.
struct Carried {
  std::vector<double> times;  // by source
  double place{0};

  void reach(double next) {
    for (double& time : times) time += next - place;
    place = next;
  }
};

}  // namespace

double seconds_before(const PlanStages& plan, const PlanStages::Kind& kind, std::size_t in_template,
                      const Boundary& boundary) {
  double result = boundary.seconds + (boundary.losses ? plan.loss_sum : 0);
  const PlanStages::Pass& pass = kind.passes[in_template];
  if (pass.own != nullptr && boundary.lane == 0) result += pass.own->before(boundary.own, pass.layers);
  if (pass.once != nullptr)
    result += (*pass.once)[static_cast<std::size_t>(boundary.lane)].before(boundary.of_step, pass.layers);
  return result;
}

std::size_t LocalLanes::source(const Place& place) {
  const auto found = std::ranges::find(sources_, place);
  if (found != sources_.end()) return static_cast<std::size_t>(found - sources_.begin());
  sources_.push_back(place);
  return sources_.size() - 1;
}

void LocalLanes::wait_for(Times& times, const LocalItem& one, double later) const {
  for (const std::int32_t w : one.waits) raise(times, times_[static_cast<std::size_t>(w)], later);
}

void LocalLanes::work_out(const PlanStages& plan, const PlanStages::Kind& kind) {
  const StageOutline& outline = *kind.outline;
  sources_.assign(1, {-1, -1});
  from_begin_.clear();
  const std::vector<OutlineItem>& finish = outline.templates()[outline.finish()].items;
  through_.assign(finish.size() + 1, {});
  if (times_.size() < outline.local().size()) times_.resize(outline.local().size());
  const auto before = [&](const LocalItem& one, const Boundary& boundary) {
    return seconds_before(plan, kind, static_cast<std::size_t>(one.in_template), boundary);
  };
  // Between the cut and the update.
  double after_cut = 0;
  if (outline.cut() < finish.size())
    after_cut = seconds_before(plan, kind, outline.finish(), finish.back().to) -
                seconds_before(plan, kind, outline.finish(), finish[outline.cut()].to);
  std::vector<Times> lanes;  // of its own: when they are free
  Carried carried;           // in the update, or in an item of finish()
  std::int32_t carried_item = -1;
  for (std::size_t i = 0; i < outline.local().size(); ++i) {
    const LocalItem& one = outline.local()[i];
    Times& end = times_[i];
    end.clear();
    if (one.item < 0) {
      const auto number = static_cast<std::size_t>(one.from.lane);
      if (lanes.size() <= number) lanes.resize(number + 1, {0});
      Times& lane = lanes[number];
      wait_for(lane, one, 0);
      const double seconds = before(one, one.to) - before(one, one.from);
      for (double& time : lane) time += seconds;
      end = lane;
      continue;
    }
    const OutlineItem& item = outline.templates()[static_cast<std::size_t>(one.in_template)]
                                  .items[static_cast<std::size_t>(one.item)];
    const bool meets = item.what != OutlineItem::What::work;
    const double at = before(one, one.from), done = before(one, one.to), item_end = before(one, item.to);
    switch (one.when) {
      case LocalItem::When::after_cut: {
        const bool update = static_cast<std::size_t>(one.in_template) == outline.update();
        const double cut = update ? -after_cut : before(one, finish[outline.cut()].to);
        end.assign(1, done - cut);
        carried.reach(at);
        wait_for(carried.times, one, 0);
        if (carried.times.empty()) break;
        raise(end, carried.times, done - at);
        from_begin_.push_back({{one.in_template, one.item}, carried.times[0] + item_end - at});
        break;
      }
      case LocalItem::When::first_forward:
        for (const std::int32_t w : one.waits) {
          const Times& waited = times_[static_cast<std::size_t>(w)];
          if (!waited.empty() && waited[0] > kNever)
            from_begin_.push_back({{one.in_template, one.item}, waited[0] + item_end - at});
        }
        break;
      case LocalItem::When::last_backward: {
        const std::size_t s = source({one.in_template, one.item});
        end.assign(s + 1, kNever);
        end[s] = done - before(one, item.from);
        break;
      }
      case LocalItem::When::finish: {
        if (carried_item != one.item) carried.times.clear();
        carried_item = one.item;
        carried.reach(at);
        wait_for(carried.times, one, 0);
        wait_for(through_[static_cast<std::size_t>(one.item)], one, meets ? 0 : item_end - at);
        const std::size_t s = source({one.in_template, one.item});
        end.assign(s + 1, kNever);
        end[s] = done - before(one, item.from);
        raise(end, carried.times, done - at);
        break;
      }
    }
  }
  for (const Times& lane : lanes) raise(through_.back(), lane, 0);
}

double LocalLanes::from_begin(std::int32_t in_template, std::int32_t item) const {
  double most = 0;
  for (const auto& [place, seconds] : from_begin_)
    if (place == Place{in_template, item}) most = std::max(most, seconds);
  return most;
}

double LocalLanes::through(std::int32_t in_template, std::int32_t item, std::int32_t to) const {
  const auto found = std::ranges::find(sources_, Place{in_template, item});
  if (found == sources_.end()) return 0;
  const Times& times = through_[static_cast<std::size_t>(to)];
  const auto s = static_cast<std::size_t>(found - sources_.begin());
  return s < times.size() ? std::max(times[s], 0.0) : 0;
}

}  // namespace ds::engine
