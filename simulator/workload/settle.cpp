// What follows from a legal plan: memory of CPU ranks, layers of stages.
#include "simulator/workload/settle.h"

#include "simulator/workload/split.h"

namespace ds::workload {

void settle(Job& job) {
  const Plan& plan = job.plan;
  if (job.cluster.cpu()) {
    Node& node = job.cluster.groups.front().node;
    node.gpus_per_node = plan.tp * plan.pp * plan.cp * plan.dp;
    node.memory_bytes_per_gpu = node.machine_memory_bytes / static_cast<double>(node.gpus_per_node);
  }
  if (!plan.stage_layers_given)
    job.plan.stage_layers = split_layers(job.model.layers, plan.pp, plan.chunks(), plan.ends());
}

}  // namespace ds::workload
