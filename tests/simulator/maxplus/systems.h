#pragma once
// Classes with durations, the player that they are held to, and what the engine makes of them.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "simulator/base/random.h"
#include "simulator/maxplus/maxplus.h"

namespace ds::maxplus {

struct System {
  std::vector<Outline> classes;
  std::vector<std::vector<double>> durations;  // by class

  double seconds(std::size_t c, const Item& item) const {
    return item.duration == kNone ? 0 : durations[c][static_cast<std::size_t>(item.duration)];
  }
  std::vector<const Outline*> pointers() const {
    std::vector<const Outline*> list;
    for (const Outline& outline : classes) list.push_back(&outline);
    return list;
  }
};

/// Item by item, again and again until all have a time.
class NaivePlay {
 public:
  static constexpr int kSteps = 4;
  explicit NaivePlay(const System& system) {
    struct One {
      std::size_t rank_class{};
      const Item* item{};
      std::map<std::int32_t, int> until;  // by lane
      int step{};
    };
    std::vector<std::vector<std::vector<One>>> lanes;                         // by class and lane, in order
    std::map<std::pair<std::int32_t, int>, std::pair<int, double>> meetings;  // how many come, the longest
    for (std::size_t c = 0; c < system.classes.size(); ++c) {
      const Outline& outline = system.classes[c];
      lanes.emplace_back(static_cast<std::size_t>(outline.lanes));
      std::map<std::int32_t, int> length, seen;
      for (const Item& item : outline.items) ++length[item.lane];
      for (int step = 0; step < kSteps; ++step)
        for (const Item& item : outline.items) {
          One one{c, &item, {}, step};
          for (const Wait& wait : outline.waits_of(item))
            one.until[wait.lane] = std::max(one.until[wait.lane], step * length[wait.lane] + wait.count);
          lanes.back()[static_cast<std::size_t>(item.lane)].push_back(one);
          if (item.channel == kNone) continue;
          auto& [parties, longest] = meetings[{item.channel, seen[item.channel]++}];
          ++parties;
          longest = std::max(longest, system.seconds(c, item));
        }
    }
    std::vector<std::vector<std::vector<double>>> ends(lanes.size());
    for (std::size_t c = 0; c < lanes.size(); ++c) ends[c].resize(lanes[c].size());
    std::map<std::pair<std::int32_t, int>, std::map<std::size_t, double>> here;
    std::vector<std::map<std::int32_t, int>> met(lanes.size());
    step_ends.resize(kSteps);
    for (bool any = true; any;) {
      any = false;
      for (std::size_t c = 0; c < lanes.size(); ++c)
        for (std::size_t l = 0; l < lanes[c].size(); ++l) {
          if (ends[c][l].size() == lanes[c][l].size()) continue;
          const One& one = lanes[c][l][ends[c][l].size()];
          double ready = ends[c][l].empty() ? 0 : ends[c][l].back();
          bool may = true;
          for (const auto& [lane, count] : one.until) {
            const std::vector<double>& other = ends[c][static_cast<std::size_t>(lane)];
            may = may && std::ssize(other) >= count;
            if (may && count > 0) ready = std::max(ready, other[static_cast<std::size_t>(count) - 1]);
          }
          if (!may) continue;
          double end = ready + system.seconds(c, *one.item);
          if (one.item->channel != kNone) {
            const std::pair<std::int32_t, int> key{one.item->channel, met[c][one.item->channel]};
            here[key][c] = ready;
            if (std::ssize(here[key]) < meetings[key].first) continue;
            for (const auto& [other, at] : here[key]) ready = std::max(ready, at);
            end = ready + meetings[key].second;
            ++met[c][one.item->channel];
          }
          ends[c][l].push_back(end);
          double& last = step_ends[static_cast<std::size_t>(one.step)];
          last = std::max(last, end);
          any = true;
        }
    }
    finished = true;
    for (std::size_t c = 0; c < lanes.size(); ++c)
      for (std::size_t l = 0; l < lanes[c].size(); ++l)
        finished = finished && ends[c][l].size() == lanes[c][l].size();
    ends_of = std::move(ends);
  }
  /// The third step.
  double step() const { return step_ends[2] - step_ends[1]; }

  std::vector<double> step_ends;
  std::vector<std::vector<std::vector<double>>> ends_of;  // by class and lane
  bool finished{};
};

/// What the engine makes of a system.
struct Compiled {
  explicit Compiled(const System& system) : cut(find_cut(system.pointers())) { compile_from(system.classes); }
  /// With fewer waits.
  Compiled(const System& system, std::vector<std::int32_t> at) : cut(std::move(at)) {
    std::vector<Outline> relaxed;
    for (std::size_t c = 0; c < system.classes.size(); ++c)
      relaxed.push_back(relax(system.classes[c], (*cut)[c]));
    compile_from(relaxed);
  }
  /// Weights of all classes, one after another.
  std::vector<double> weights(const System& system) const {
    std::vector<double> all, own;
    for (std::size_t c = 0; c < graphs.size(); ++c) {
      graphs[c].formulas.work_out(system.durations[c], own);
      all.insert(all.end(), own.begin(), own.begin() + graphs[c].formulas.weights);
    }
    return all;
  }
  double step(const System& system, Skip skip = Skip::yes) {
    std::ranges::copy(weights(system), evaluation.weights(tape).begin());
    return evaluation.step(tape, skip);
  }

  void compile_from(const std::vector<Outline>& classes) {
    std::vector<const SyncGraph*> list;
    graphs.reserve(classes.size());
    for (std::size_t c = 0; c < classes.size(); ++c)
      list.push_back(&graphs.emplace_back(reduce(classes[c], cut ? (*cut)[c] : kNone)));
    tape = compile(list);
  }

  std::optional<std::vector<std::int32_t>> cut;
  std::vector<SyncGraph> graphs;
  Tape tape;
  Evaluation<double> evaluation;
};

}  // namespace ds::maxplus
