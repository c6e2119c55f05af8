// Jobs to figures, one at a time or one of many.
#include <fmt/format.h>

#include <new>
#include <stdexcept>

#include "cli/prediction/prediction.h"
#include "simulator/base/error.h"
#include "simulator/base/short_memory.h"
#include "simulator/workload/spellings.h"

namespace ds::cli {

Figures figures_of(const workload::Job& job, const cost::Machine& machine, const engine::Prediction& p) {
  Figures figures{
      .step_time = p.summary.step_time,
      .sigma = p.sigma,
      .rates = report::rates(job, p.summary.step_time, machine.peak_per_rank()),
      .time = p.summary.parts,
      .memory = *std::ranges::max_element(p.memory, {}, &memory::Parts::total),
      .stage_peaks = {},
      .peak = p.peak,
      .capacity = {static_cast<std::int64_t>(job.cluster.groups.front().node.memory_bytes_per_gpu)},
      .whole_run = std::nullopt,
      .weakest = p.weakest};
  for (const memory::Parts& parts : p.memory) figures.stage_peaks.push_back(parts.total());
  figures.whole_run = run::whole_run(job, p.program, p.summary, figures.rates.tokens_per_s);
  return figures;
}

Figures predict(const workload::Job& job, const cost::Profile& profile, workload::Depth depth,
                cost::Fitted fitted) {
  workload::check_depth(job, depth);
  const cost::Machine machine(job, profile, fitted);
  return figures_of(job, machine, engine::predict(job, machine, depth, engine::Rows::none));
}

void attempt(Outcome& outcome, const std::function<void()>& step) {
  if (!outcome.fault.empty()) return;
  try {
    step();
  } catch (const InputError& error) {
    outcome.fault = error.what();
    outcome.bad_input = true;
  } catch (const MachineError& error) {
    outcome.fault = error.what();
  } catch (const std::bad_alloc&) {
    outcome.fault = not_enough_memory();
  } catch (const std::exception& error) {
    outcome.fault = fmt::format("our mistake: {}", error.what());
  }
}

void check_depth_option(const std::string& asked) { static_cast<void>(depth_of(asked, workload::Job{})); }

cost::Fitted fitted_of(const std::string& asked) {
  constexpr Named<cost::Fitted> kLevels[] = {
      {"none", cost::Fitted::none}, {"family", cost::Fitted::family}, {"all", cost::Fitted::all}};
  for (const Named<cost::Fitted>& level : kLevels)
    if (level.name == asked) return level.value;
  throw InputError("--fitted", "is " + asked, "none, family and all are possible");
}

workload::Depth depth_of(const std::string& asked, const workload::Job& job) {
  if (asked.empty()) return job.simulate.depth;
  for (const Named<workload::Depth>& depth : workload::kDepths)
    if (depth.name == asked) return depth.value;
  throw InputError("--depth", fmt::format("is {}", asked), "analytic and event are possible");
}

}  // namespace ds::cli
