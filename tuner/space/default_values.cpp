// The default space: which values of a key are worth a try on this model and cluster.

#include <algorithm>

#include "simulator/workload/limits.h"
#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

std::vector<std::int64_t> divisors(std::int64_t n, std::int64_t most) {
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= std::min(n, most); ++d)
    if (n % d == 0) all.push_back(d);
  return all;
}

/// What a degree of parallelism may be: what divides the ranks, or on CPUs with as many ranks as one likes, each number.
std::vector<std::int64_t> degrees(const workload::Job& base, std::int64_t cores, std::int64_t most) {
  if (!base.cluster.cpu()) return divisors(base.cluster.ranks(), most);
  if (base.cluster.asked_ranks) return divisors(*base.cluster.asked_ranks, most);
  std::vector<std::int64_t> all;
  for (std::int64_t d = 1; d <= std::min({cores, workload::kMaxCpuRanks, most}); ++d) all.push_back(d);
  return all;
}

/// Chunks of equal size, and up to four of any.
std::vector<std::int64_t> chunks(std::int64_t layers) {
  std::vector<std::int64_t> all = divisors(layers, workload::kMaxVpp);
  for (std::int64_t few = 1; few <= std::min<std::int64_t>(4, layers); ++few) all.push_back(few);
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

template <class Enum>
std::vector<std::int64_t> words(std::initializer_list<Enum> values) {
  std::vector<std::int64_t> all;
  for (const Enum value : values) all.push_back(static_cast<std::int64_t>(value));
  return all;
}

}  // namespace

std::vector<std::int64_t> default_values(const Setting& setting, const workload::Job& base,
                                         std::int64_t cores) {
  using workload::Recompute, workload::Schedule;
  const std::string_view key = setting.name;
  if (key == "tp") return degrees(base, cores, base.model.heads);
  if (key == "pp") return degrees(base, cores, base.model.layers);
  if (key == "dp") return degrees(base, cores, base.train.global_batch);
  if (key == "micro_batch") return divisors(base.train.global_batch, base.train.global_batch);
  if (key == "vpp") return chunks(base.model.layers);
  if (key == "schedule") return words({Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved});
  if (key == "recompute") return words({Recompute::none, Recompute::full});
  if (key == "sequence_parallel" || key == "zero") return {0, 1};
  return {setting.get(base.plan)};
}

}  // namespace ds::tuner
