// How many peaks a second the estimator gives: all legal plans of the default space of a job, shuffled, from an empty cache.
//
//   build/bin/bench_peak profiles/jobs/gpt-1t-4096-a100.json [--overlap]
//
// --overlap: the four overlap flags vary as well. Processor time; what it takes to put a plan into the job is left out.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/base/random.h"
#include "simulator/workload/workload.h"
#include "tuner/estimate/peak_estimator.h"
#include "tuner/space/space.h"

namespace {

using namespace ds;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<tuner::Index> shuffled_plans(const tuner::Space& space) {
  workload::Job job = space.base();
  std::vector<tuner::Index> plans;
  for (tuner::Index i = 0; i < space.size(); ++i)
    if (!space.take(i, job)) plans.push_back(i);
  const RandomStream draw(1, 0);
  for (std::size_t i = plans.size(); i > 1; --i) std::swap(plans[i - 1], plans[draw.below(i, i)]);
  return plans;
}

/// Processor time of visiting all plans; `visit` gets each one, complete.
template <class Visit>
double seconds_for(const tuner::Space& space, const std::vector<tuner::Index>& plans, const Visit& visit) {
  workload::Job job = space.base();
  const double start = processor_seconds();
  for (const tuner::Index plan : plans) {
    space.take(plan, job);
    visit(job);
  }
  return processor_seconds() - start;
}

void estimate(const tuner::Space& space, const std::vector<tuner::Index>& plans) {
  tuner::PeakEstimator estimator(space.base());
  const auto number = static_cast<double>(plans.size());
  const double taking = seconds_for(space, plans, [](const workload::Job&) {});
  fmt::print("{} plans; {:.2f} us to take one from its space\n", plans.size(), 1e6 * taking / number);
  for (const std::string_view cache : {"empty", "full"}) {
    std::int64_t covered = 0;
    const double seconds =
        seconds_for(space, plans, [&](const workload::Job& job) { covered += estimator.peak(job) ? 1 : 0; }) -
        taking;
    fmt::print("{:>5} cache: {} covered in {:.4f} s: {:.2f} us a plan, {:.0f} a second\n", cache, covered,
               seconds, 1e6 * seconds / number, number / seconds);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "bench_peak JOB [--overlap]\n");
    return 2;
  }
  const workload::Job base = workload::read_job(argv[1]);
  tuner::Space space = tuner::read_space(base, {});
  if (argc > 2 && std::string_view(argv[2]) == "--overlap") {
    std::vector<tuner::Dimension> dimensions = space.dimensions();
    for (const tuner::Setting& setting : tuner::settings())
      if (setting.name.starts_with("overlap.")) {
        std::erase_if(dimensions, [&](const tuner::Dimension& d) { return d.setting->name == setting.name; });
        dimensions.push_back({&setting, {0, 1}});
      }
    space = tuner::Space(base, dimensions, 1);
  }
  estimate(space, shuffled_plans(space));
}
