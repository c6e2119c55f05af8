#include "tuner/estimate/probe.h"

#include <algorithm>
#include <utility>

#include "simulator/engine/price.h"

namespace ds::tuner {

Probe make_probe(workload::Job job, const std::vector<std::int64_t>& layers, std::int64_t micro_batches,
                 const program::Coordinates& extents, const cost::Machine& machine, Zeroes zeroes) {
  workload::Plan& plan = job.plan;
  plan.schedule = workload::Schedule::one_f_one_b;
  plan.pp = std::ssize(layers);
  plan.vpp = 1;
  plan.stage_layers.clear();
  job.model.layers = 0;
  for (const std::int64_t n : layers) {
    plan.stage_layers.push_back({n});
    job.model.layers += n;
  }
  plan.stage_layers_given = true;
  job.train.global_batch = micro_batches * plan.micro_batch * plan.dp;

  Probe probe{.program = program::lower(job)};
  program::Program& program = probe.program;
  // Priced as the large plan's: the last stage is its last, those in the middle its second.
  const program::Coordinates own = std::exchange(program.extents, extents);
  const std::int32_t last = extents.pp - 1;
  for (program::RankClass& ranks : program.classes) {
    const bool is_last = ranks.first.pp + 1 == own.pp;
    ranks.first.pp = is_last ? last : std::min({ranks.first.pp, 1, last});
  }
  probe.durations = engine::price(program, job, machine);
  if (zeroes == Zeroes::left_out)
    for (std::size_t op = 0; op < program.ops.size(); ++op)
      if (std::holds_alternative<ops::Zero>(program.ops[op].what)) probe.durations.operators[op] = {};
  program.extents = own;
  for (std::size_t s = 0; s < program.classes.size(); ++s)
    program.classes[s].first.pp = static_cast<std::int32_t>(s);
  probe.collapsed = engine::collapse(program, probe.durations);
  return probe;
}

}  // namespace ds::tuner
