// Adds up what is done between boundaries.
#include "simulator/engine/step_weights.h"

#include <algorithm>
#include <utility>

namespace ds::engine {

const StepWeights::Known& StepWeights::of_class(const PlanStages& plan, const StepForm& form,
                                                const PlanStages::Stage& stage, std::int32_t durations) {
  for (std::size_t k = count_; k-- > 0;) {
    const Known& known = known_[k];
    if (known.stage == stage && known.durations == durations) return known;
  }
  if (count_ == known_.size()) known_.emplace_back();
  Known& known = known_[count_++];
  known.stage = stage;
  known.durations = durations;
  known.weights.clear();
  for (const DurationPart& part : form.durations[static_cast<std::size_t>(durations)])
    known.weights.push_back(part.what == DurationPart::What::sum
                                ? known.weights[static_cast<std::size_t>(part.item)] +
                                      known.weights[static_cast<std::size_t>(part.to)]
                                : seconds(plan, stage, part));
  return known;
}

double StepWeights::seconds(const PlanStages& plan, const PlanStages::Stage& stage,
                            const DurationPart& part) {
  const PlanStages::Kind& kind = plan.kinds[static_cast<std::size_t>(stage.kind)];
  if (part.what != DurationPart::What::items) {
    if (std::exchange(local_of_, stage.kind) != stage.kind) local_.work_out(plan, kind);
    return part.what == DurationPart::What::from_begin ? local_.from_begin(part.in_template, part.item)
                                                       : local_.through(part.in_template, part.item, part.to);
  }
  const auto t = static_cast<std::size_t>(part.in_template);
  const TemplateOutline& outline = kind.outline->templates()[t];
  const OutlineItem& item = outline.items[static_cast<std::size_t>(part.item)];
  const PassSeconds* const pass = kind.passes[t].own;
  switch (item.what) {
    case OutlineItem::What::sent:
      return message(plan, item.shift > 0 ? stage.to_next : stage.to_previous,
                     pass != nullptr ? pass->sent : outline.sent);
    case OutlineItem::What::received:
      return message(plan, item.shift > 0 ? stage.from_next : stage.from_previous,
                     pass != nullptr ? pass->received : outline.received);
    case OutlineItem::What::work:
    case OutlineItem::What::collective: break;
  }
  const OutlineItem& last = outline.items[static_cast<std::size_t>(part.to)];
  return std::max(seconds_before(plan, kind, t, last.to) - seconds_before(plan, kind, t, item.from), 0.0);
}

double StepWeights::message(const PlanStages& plan, std::int32_t link, Bytes bytes) {
  for (const Message& known : messages_)
    if (known.link == link && known.bytes == bytes) return known.seconds;
  const PlanStages::Link& ends = plan.links[static_cast<std::size_t>(link)];
  cost::Communication communication{
      .message = true, .what = collective::Collective::shift, .group = plan.message, .bytes = bytes};
  communication.group.first = ends.from;
  communication.group.members = {{2, ends.to - ends.from}};
  const double seconds = plan.machine->time(communication).seconds.value;
  messages_.push_back({link, bytes, seconds});
  return seconds;
}

}  // namespace ds::engine
