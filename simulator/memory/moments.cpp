// Goes through the calls of a step and counts what is under way.
#include "simulator/memory/moments.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace ds::memory {
namespace {

using program::Leg;
using program::PassCall;
using program::PassKind;
using program::ScheduledPass;

/// From which leg to which: the pairs that a tensor can live between, one leg alone being the first.
constexpr std::array<std::pair<Leg, Leg>, 4> kSpans{std::pair{Leg::forward, Leg::forward},
                                                    {Leg::forward, Leg::inputs},
                                                    {Leg::forward, Leg::weights},
                                                    {Leg::inputs, Leg::weights}};

std::size_t slot_index(const program::SlotRule& rule) {
  const auto* const found =
      std::ranges::find(kSpans, rule.from == rule.to ? kSpans.front() : std::pair{rule.from, rule.to});
  return (static_cast<std::size_t>(rule.chunk) * kSpans.size() +
          static_cast<std::size_t>(found - kSpans.begin())) *
             2 +
         (rule.lanes_share ? 1 : 0);
}

/// Moments of one kind between the same calls: those that no other tops.
void keep_highest(std::vector<std::vector<std::int32_t>>& list, const std::vector<std::int32_t>& others) {
  const auto tops = [](const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    return std::ranges::equal(a, b, std::greater_equal<>{});
  };
  if (std::ranges::any_of(list, [&](const auto& one) { return tops(one, others); })) return;
  std::erase_if(list, [&](const auto& one) { return tops(others, one); });
  list.push_back(others);
}

class Walk {
 public:
  Walk(const StepPasses& passes, std::int32_t stage)
      : own_(passes.micro_batches / program::directions_of(passes.schedule)),
        chunks_(passes.chunks * program::directions_of(passes.schedule)),
        order_(program::order_of(passes.schedule, passes.stages, stage, passes.micro_batches, passes.chunks)),
        calls_(program::calls_of(order_, own_, passes.reduces_early, passes.first_forwards_apart)) {}

  StageMoments take() {
    result_.splits = program::splits_backward(order_, chunks_);
    find_kinds();
    find_moments();
    find_slots();
    return std::move(result_);
  }

 private:
  void find_kinds() {
    std::vector<std::size_t> last;  // call, by kind
    for (std::size_t c = 0; c < calls_.size(); ++c) {
      const auto found = std::ranges::find(result_.kinds, calls_[c].kind);
      kind_of_.push_back(static_cast<std::int32_t>(found - result_.kinds.begin()));
      if (found == result_.kinds.end()) {
        result_.kinds.push_back(calls_[c].kind);
        last.push_back(c);
      } else {
        last[static_cast<std::size_t>(kind_of_.back())] = c;
      }
    }
    for (const std::size_t call : last)
      result_.rank.push_back(static_cast<std::int32_t>(
          std::ranges::count_if(last, [&](std::size_t other) { return other < call; })));
    for (const std::int32_t behind : {result_.finish(), result_.update()}) result_.rank.push_back(behind);
    last_ = std::move(last);
  }

  /// Of all chunks and spans in one go through the order: as most_in_flight counts them.
  void find_slots() {
    struct UnderWay {
      std::int32_t now{0}, most{0};
    };
    std::vector<std::array<UnderWay, kSpans.size()>> of(static_cast<std::size_t>(chunks_));
    for (const ScheduledPass& pass : order_)
      for (std::size_t span = 1; span < kSpans.size(); ++span) {
        UnderWay& one = of[static_cast<std::size_t>(pass.chunk)][span];
        one.now += program::runs(pass, kSpans[span].first) ? 1 : 0;
        one.most = std::max(one.most, one.now);
        one.now -= program::runs(pass, kSpans[span].second) ? 1 : 0;
      }
    for (const auto& spans : of)
      for (std::size_t span = 0; span < kSpans.size(); ++span)
        for (const bool share : {false, true})
          result_.slots.push_back(program::slots_for(span == 0 ? 1 : spans[span].most, share, own_));
  }

  void find_moments() {
    using Others = std::vector<std::vector<std::int32_t>>;
    std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, Others> highest;
    struct Latest {
      std::int32_t begun{-1}, over{-1};
      Others* others{};
    };
    std::vector<Latest> latest(result_.kinds.size());  // by kind: where its last call is in `highest`
    std::vector<std::int32_t> under_way(static_cast<std::size_t>(2 * chunks_), 0);
    std::int32_t begun = 0, over = 0;
    for (std::size_t c = 0; c < calls_.size(); ++c) {
      const std::int32_t kind = kind_of_[c];
      if (last_[static_cast<std::size_t>(kind)] == c) ++over;
      leave(calls_[c].kind, under_way);
      Latest& own = latest[static_cast<std::size_t>(kind)];
      if (own.begun != begun || own.over != over) own = {begun, over, &highest[{kind, begun, over}]};
      keep_highest(*own.others, under_way);
      arrive(calls_[c].kind, under_way);
      begun = std::max(begun, kind + 1);
    }
    for (const std::int32_t behind : {result_.finish(), result_.update()})
      highest[{behind, behind, behind + 1}] = {under_way};
    for (auto& [which, list] : highest) {
      std::ranges::sort(list);
      for (std::vector<std::int32_t>& others : list)
        result_.moments.push_back(
            {std::get<0>(which), std::get<1>(which), std::get<2>(which), std::move(others)});
    }
  }

  static std::int32_t& behind(std::vector<std::int32_t>& under_way, std::int32_t chunk, Leg leg) {
    return under_way[static_cast<std::size_t>(2 * chunk + (leg == Leg::forward ? 0 : 1))];
  }
  /// The call's own micro-batches are none of the others.
  static void leave(const PassKind& kind, std::vector<std::int32_t>& under_way) {
    if (kind.forward && kind.merged_with < 0) return;
    const std::int32_t chunk = kind.forward ? kind.merged_with : kind.chunk;
    --behind(under_way, chunk, kind.gradients == program::Gradients::weights ? Leg::inputs : Leg::forward);
  }
  static void arrive(const PassKind& kind, std::vector<std::int32_t>& under_way) {
    if (kind.forward) ++behind(under_way, kind.chunk, Leg::forward);
    if (kind.forward && kind.merged_with < 0) return;
    const std::int32_t chunk = kind.forward ? kind.merged_with : kind.chunk;
    if (kind.gradients == program::Gradients::inputs) ++behind(under_way, chunk, Leg::inputs);
  }

  std::int32_t own_, chunks_;
  std::vector<ScheduledPass> order_;
  std::vector<PassCall> calls_;
  std::vector<std::int32_t> kind_of_;  // by call
  std::vector<std::size_t> last_;      // call, by kind
  StageMoments result_;
};

/// Numbers that may be different in steps of more micro-batches.
template <class Fn>
void for_each_count(StageMoments& stage, Fn&& fn) {
  for (Moment& moment : stage.moments)
    for (std::int32_t& count : moment.others) fn(count);
  for (std::int32_t& count : stage.slots) fn(count);
}

std::vector<std::int32_t> counts_of(StageMoments stage) {
  std::vector<std::int32_t> counts;
  for_each_count(stage, [&](std::int32_t count) { counts.push_back(count); });
  return counts;
}

bool alike_but_counts(StageMoments a, StageMoments b) {
  for (StageMoments* const one : {&a, &b}) for_each_count(*one, [](std::int32_t& count) { count = 0; });
  return a == b;
}

bool grow_evenly(const StageMoments& a, const StageMoments& b, const StageMoments& c) {
  if (!alike_but_counts(a, b) || !alike_but_counts(b, c)) return false;
  const std::vector<std::int32_t> first = counts_of(a), second = counts_of(b), third = counts_of(c);
  for (std::size_t i = 0; i < first.size(); ++i)
    if (second[i] - first[i] != third[i] - second[i]) return false;
  return true;
}

/// Beyond those that fill the pipeline, in which the first and last ones of a step are different.
constexpr std::int32_t kAround = 6;

}  // namespace

std::int32_t StageMoments::slots_of(const program::SlotRule& rule) const {
  return rule.kind == program::SlotRule::Kind::one ? 1 : slots[slot_index(rule)];
}

bool tops(const StageMoments& a, const StageMoments& b) {
  if (a.kinds != b.kinds || a.rank != b.rank || !std::ranges::equal(a.slots, b.slots, std::greater_equal<>{}))
    return false;
  return std::ranges::all_of(b.moments, [&](const Moment& low) {
    return std::ranges::any_of(a.moments, [&](const Moment& high) {
      return std::tie(high.kind, high.begun, high.over) == std::tie(low.kind, low.begun, low.over) &&
             std::ranges::equal(high.others, low.others, std::greater_equal<>{});
    });
  });
}

StageMoments moments_of(const StepPasses& passes, std::int32_t stage) { return Walk(passes, stage).take(); }

const PlanMoments& Moments::of(const StepPasses& passes) {
  return *known_.of(passes, [&] { return make(passes); });
}

Moments::Short Moments::make_short(const StepPasses& passes) const {
  Short result{.steps = {}, .grows = false, .evenly = true};
  StepPasses longer = passes;
  for (std::vector<StageMoments>& step : result.steps) {
    for (std::int32_t stage = 0; stage < passes.stages; ++stage) step.push_back(moments_of(longer, stage));
    longer.micro_batches += program::period_of(passes.schedule, passes.stages, passes.chunks);
  }
  result.grows = result.steps[0] != result.steps[1];
  for (std::size_t s = 0; s < result.steps[0].size(); ++s)
    result.evenly = result.evenly && grow_evenly(result.steps[0][s], result.steps[1][s], result.steps[2][s]);
  return result;
}

const PlanMoments* Moments::kept(std::vector<StageMoments> stages) {
  PlanMoments result;
  for (StageMoments& stage : stages) result.push_back(&stages_.of(stage, [&] { return std::move(stage); }));
  return &plans_.of(result, [&] { return result; });
}

const PlanMoments* Moments::make(const StepPasses& passes) {
  const std::int32_t period = program::period_of(passes.schedule, passes.stages, passes.chunks);
  // Chunks after the first let in as many micro-batches again before the first backward.
  const std::int32_t least = 2 * program::directions_of(passes.schedule) * passes.stages + kAround;
  StepPasses few = passes;
  few.micro_batches =
      program::shortened(passes.schedule, passes.stages, passes.chunks, passes.micro_batches, least);
  if (few.micro_batches + 2 * period < passes.micro_batches) {
    const Short& found = short_.of(few, [&] { return make_short(few); });
    if (found.evenly) {
      std::vector<StageMoments> stages = found.steps[0];
      const std::int32_t times = (passes.micro_batches - few.micro_batches) / period;
      for (std::size_t s = 0; found.grows && s < stages.size(); ++s) {
        const std::vector<std::int32_t> first = counts_of(found.steps[0][s]),
                                        second = counts_of(found.steps[1][s]);
        std::size_t i = 0;
        for_each_count(stages[s], [&](std::int32_t& count) {
          count += times * (second[i] - first[i]);
          ++i;
        });
      }
      return kept(std::move(stages));
    }
  }
  std::vector<StageMoments> stages;
  for (std::int32_t stage = 0; stage < passes.stages; ++stage) stages.push_back(moments_of(passes, stage));
  return kept(std::move(stages));
}

}  // namespace ds::memory
