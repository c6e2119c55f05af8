// Puts the graphs of all classes together, for a step of few micro-batches and one with a period more.
#include "simulator/engine/step_form.h"

#include <algorithm>
#include <optional>

#include "simulator/engine/class_graph.h"
#include "simulator/program/schedule/schedule.h"

namespace ds::engine {
namespace {

template <class T>
std::int32_t number_of(const T& value, std::vector<T>& list) {
  const auto found = std::ranges::find(list, value);
  if (found != list.end()) return static_cast<std::int32_t>(found - list.begin());
  list.push_back(value);
  return static_cast<std::int32_t>(list.size()) - 1;
}

/// Pairs of steps that are tried, the next one so many micro-batches a stage longer.
constexpr std::int32_t kTries = 2;
/// Beyond those that fill the pipeline: for what is different in the first and last ones of a step.
constexpr std::int32_t kAround = 6;
/// Of what repeats itself: as many as it takes to be found.
constexpr std::int32_t kPeriods = 4;

bool repeats(const maxplus::Tape& tape) {
  return std::ranges::any_of(tape.stretches, [](const auto& stretch) { return stretch.times > 1; });
}

}  // namespace

const StepForm& StepForms::of(const StepOrder& order, Stages stages) {
  Key key{order, {}};
  for (const StageOutline* const stage : stages) {
    if (key.shapes.empty() || key.shapes.back().first != stage->shape())
      key.shapes.emplace_back(stage->shape(), 0);
    ++key.shapes.back().second;
  }
  return forms_.of(key, [&] { return make(key, stages); });
}

void StepForms::clear() {
  forms_.clear();
  short_.clear();
  size_ = 0;
}

StepForm StepForms::make(const Key& key, Stages stages) {
  const StepOrder& order = key.order;
  const std::int32_t period = program::period_of(order.schedule, order.stages, order.chunks);
  const std::int32_t first = workload::entry_of(order.schedule).settles_after;
  for (std::int32_t round = first; round < first + kTries; ++round) {
    const std::int32_t least =
        program::directions_of(order.schedule) * round * order.stages + kPeriods * period + kAround;
    const std::int32_t few =
        program::shortened(order.schedule, order.stages, order.chunks, order.micro_batches, least);
    // To look again takes as long as a step of more than twice as many.
    if (few + period >= order.micro_batches || (round > first && 4 * few >= order.micro_batches)) break;
    const Short& shorter = with_micro_batches(key, few, stages);
    if (!repeats(shorter.structure.tape)) continue;
    const Short& longer = with_micro_batches(key, few + period, stages);
    if (shorter.durations != longer.durations) continue;
    const std::optional<maxplus::StepStructure> all =
        maxplus::lengthened(shorter.structure, longer.structure, (order.micro_batches - few) / period);
    if (all) return form_of(*all, shorter.durations);
  }
  const Short& step = with_micro_batches(key, order.micro_batches, stages);
  return form_of(step.structure, step.durations);
}

const StepForms::Short& StepForms::with_micro_batches(Key key, std::int32_t micro_batches, Stages stages) {
  key.order.micro_batches = micro_batches;
  return short_.of(key, [&] { return make_short(key.order, stages); });
}

StepForms::Short StepForms::make_short(const StepOrder& order, Stages stages) {
  ChannelNumbers channels;
  std::vector<ClassGraph> classes;
  classes.reserve(stages.size());
  std::vector<const maxplus::SyncGraph*> graphs;
  Short result;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    classes.push_back(class_graph(order, static_cast<std::int32_t>(s), *stages[s], channels));
    graphs.push_back(&classes.back().graph);
    result.durations.push_back(std::move(classes.back().durations));
  }
  result.structure.tape = maxplus::compile(graphs);
  result.structure.tape.entry_of = {};  // nobody asks when a single item ends, and there are millions
  size_ += result.structure.tape.code.size();
  for (ClassGraph& one : classes) result.structure.formulas.push_back(std::move(one.graph.formulas));
  return result;
}

StepForm StepForms::form_of(const maxplus::StepStructure& structure,
                            const std::vector<std::vector<DurationPart>>& durations) {
  StepForm form{.tape = structure.tape};
  for (const std::vector<DurationPart>& one : durations)
    form.classes.push_back(number_of(one, form.durations));
  return form;
}

}  // namespace ds::engine
