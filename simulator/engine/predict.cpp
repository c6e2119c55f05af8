#include "simulator/engine/predict.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulator/memory/live_bytes.h"

namespace ds::engine {
namespace {

/// Of the time that passes take, what they wait for the host; what others wait for them is as unsure.
double host_share(const program::TimeParts& parts) {
  const Seconds passes = parts.compute + parts.tp_comm + parts.cp_comm + parts.ep_comm + parts.host;
  return passes > Seconds{} ? parts.host / passes : 0;
}

/// Errors of one class of operators have one cause, so they add up within the class; classes are independent. On GPUs whole steps
/// that were published say more: how far those that are like it were off.
void add_uncertainty(Prediction& prediction, const workload::Job& job, const cost::Machine& machine) {
  const program::Program& program = prediction.program;
  std::vector<double> by_class(prediction.summary.classes.size(), 0);
  for (std::size_t c = 0; c < by_class.size(); ++c) {
    const program::ClassTime& time = prediction.summary.classes[c];
    for (const ops::Op& op : program.ops)
      if (ops::class_name(op) == time.name) {
        const cost::Estimate estimate = machine.time(op);
        by_class[c] = std::max(by_class[c], estimate.sigma * time.seconds.value);
        prediction.weakest = std::max(prediction.weakest, estimate.source);
      }
  }
  double variance = 0;
  for (double sigma : by_class) variance += sigma * sigma;
  prediction.evidence = cost::evidence_of(job, machine.fitted());
  const double of_step = prediction.evidence ? prediction.evidence->sigma
                                             : std::sqrt(variance) / prediction.summary.step_time.value;
  prediction.sigma = std::hypot(of_step, cost::HostLaunches::kSigma * host_share(prediction.summary.parts));
}

}  // namespace

std::vector<memory::Layout> layouts_of(const program::Program& program) {
  std::vector<memory::Layout> layouts;
  for (std::size_t c = 0; c < program.classes.size(); ++c) layouts.push_back(memory::layout(program, c));
  return layouts;
}

std::vector<memory::Parts> needs_of(const program::Program& program,
                                    const std::vector<memory::Layout>& layouts, const workload::Job& job) {
  std::vector<memory::Parts> needs;
  if (job.habits.allocator == "arena") {
    for (const memory::Layout& layout : layouts) needs.push_back(layout.parts);
    return needs;
  }
  for (const memory::LiveBytes& live : memory::live_bytes(program)) needs.push_back(live.parts);
  return needs;
}

namespace {

/// At analytic depth a summary alone.
Played played(const program::Program& program, const Durations& durations, const workload::Job& job,
              const cost::Machine& machine, workload::Depth depth, Rows rows) {
  switch (depth) {
    case workload::Depth::event:
      return play(program, durations,
                  {.cores = {machine.cores()}, .sharing = job.simulate.sharing, .rows = rows});
    case workload::Depth::analytic: break;
  }
  return {.summary = analyse(program, durations)};
}

}  // namespace

Seconds step(const program::Program& program, const Durations& durations, const workload::Job& job,
             const cost::Machine& machine, workload::Depth depth) {
  return played(program, durations, job, machine, depth, Rows::none).summary.step_time;
}

Prediction predict(const workload::Job& job, const cost::Machine& machine, workload::Depth depth, Rows rows) {
  program::Program program = program::lower(job);
  std::vector<memory::Layout> layouts;
  if (job.habits.allocator == "arena") layouts = layouts_of(program);
  return predict(std::move(program), std::move(layouts), job, machine, depth, rows);
}

Prediction predict(program::Program program, std::vector<memory::Layout> layouts, const workload::Job& job,
                   const cost::Machine& machine, workload::Depth depth, Rows rows) {
  Prediction result{.program = std::move(program), .layouts = std::move(layouts)};
  result.memory = needs_of(result.program, result.layouts, job);
  for (const memory::Parts& parts : result.memory) result.peak = std::max(result.peak, parts.total());
  const Durations durations = price(result.program, machine);
  Played step = played(result.program, durations, job, machine, depth, rows);
  result.timeline = std::move(step.timeline);
  result.summary = std::move(step.summary);
  add_uncertainty(result, job, machine);
  return result;
}

}  // namespace ds::engine
