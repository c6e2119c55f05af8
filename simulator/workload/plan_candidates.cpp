// Which values of a key are worth a try on this model and cluster.
#include "simulator/workload/plan_candidates.h"

#include <algorithm>

#include "simulator/workload/limits.h"
#include "simulator/workload/plan_values.h"

namespace ds::workload {
namespace {

std::vector<std::int64_t> divisors(std::int64_t n, std::int64_t most) {
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= std::min(n, most); ++d)
    if (n % d == 0) all.push_back(d);
  return all;
}

std::vector<std::int64_t> degrees(const Job& job, std::int64_t cores, std::int64_t most) {
  if (!job.cluster.cpu()) return divisors(job.cluster.ranks(), most);
  if (job.cluster.asked_ranks) return divisors(*job.cluster.asked_ranks, most);
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= std::min({cores, kMaxCpuRanks, most}); ++d) all.push_back(d);
  return all;
}

}  // namespace

std::vector<std::int64_t> tensor_degrees(const Job& job, std::int64_t cores) {
  return degrees(job, cores, job.model.heads);
}

std::vector<std::int64_t> pipeline_degrees(const Job& job, std::int64_t cores) {
  return degrees(job, cores, job.model.layers);
}

std::vector<std::int64_t> context_degrees(const Job& job, std::int64_t cores) {
  constexpr std::int64_t kWhole = 8192;  // tokens of a sequence that is rarely shared out
  if (job.cluster.cpu()) return {1};
  if (job.train.sequence_length <= kWhole) return {job.plan.cp};
  return degrees(job, cores, 2 * job.train.sequence_length / kWhole);
}

std::vector<std::int64_t> expert_degrees(const Job& job, std::int64_t cores) {
  if (!job.model.moe) return {job.plan.ep};
  std::vector<std::int64_t> all = degrees(job, cores, job.model.moe->experts);
  std::erase_if(all, [&](std::int64_t ep) { return job.model.moe->experts % ep != 0; });
  return all;
}

std::vector<std::int64_t> data_degrees(const Job& job, std::int64_t cores) {
  return degrees(job, cores, job.train.global_batch);
}

std::vector<std::int64_t> chunk_counts(const Job& job, std::int64_t /*cores*/) {
  std::vector<std::int64_t> all = divisors(job.model.layers, kMaxVpp);
  for (std::int64_t few = 1; few <= std::min<std::int64_t>(4, job.model.layers); ++few) all.push_back(few);
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

std::vector<std::int64_t> micro_batch_sizes(const Job& job, std::int64_t /*cores*/) {
  return divisors(job.train.global_batch, job.train.global_batch);
}

std::vector<std::int64_t> wide_context_degrees(const Job& job, std::int64_t cores) {
  constexpr std::int64_t kFewest = 1024;  // tokens of a rank
  if (job.cluster.cpu()) return {1};
  return degrees(job, cores, std::max<std::int64_t>(1, job.train.sequence_length / kFewest));
}

std::vector<std::int64_t> wide_expert_tensor_degrees(const Job& job, std::int64_t /*cores*/) {
  if (!job.model.moe) return {job.plan.etp};
  return divisors(job.model.moe->expert_ffn, 8);
}

std::vector<std::int64_t> wide_recomputes(const Job& job, std::int64_t /*cores*/) {
  const auto number = [](Recompute kind) { return static_cast<std::int64_t>(kind); };
  std::vector<std::int64_t> all{number(Recompute::none), number(Recompute::selective),
                                number(Recompute::full)};
  for (std::int64_t layers = 1; layers < job.model.layers && layers <= 16; layers *= 2)
    all.push_back(number_of_recomputed_layers(layers));
  return all;
}

std::vector<std::int64_t> wide_sharding_stages(const Job& job, std::int64_t /*cores*/) {
  if (job.cluster.cpu()) return {0, 1};
  return job.habits.fsdp ? std::vector<std::int64_t>{0, 2, 3} : std::vector<std::int64_t>{0, 1, 2, 3};
}

std::vector<std::int64_t> wide_schedules(const Job& job, std::int64_t /*cores*/) {
  std::vector<std::int64_t> all;
  for (const ScheduleEntry& one : kSchedules)
    if (!job.cluster.cpu() || one.on_processors) all.push_back(static_cast<std::int64_t>(one.value));
  return all;
}

}  // namespace ds::workload
