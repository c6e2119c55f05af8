#pragma once
// Private to this part: the trainers, each with what it writes.

#include "simulator/export/arguments.h"
#include "simulator/export/export.h"
#include "simulator/workload/job.h"

namespace ds::exports {

namespace torchtitan {
Launch launch(const workload::Job& job, const Wish& wish);
}
namespace deepspeed {
/// The configuration alone.
std::string configuration(const workload::Job& job, const Wish& wish);
/// Of a program that nobody knows here, with the configuration in a file.
Launch launch(const workload::Job& job, const Wish& wish);
}  // namespace deepspeed

/// Of this batch (HyperParameters).
double peak_learning_rate(const workload::Job& job);
/// Six digits, which is more than anybody tunes.
std::string rate_text(double rate);

/// A script of bash that starts it; `says` are lines of comment on what it is.
std::string launch_script(const Launch& launch, const workload::Job& job, const Wish& wish,
                          const std::vector<std::string>& says);

/// Of `steps` steps, with a margin.
struct TimeLimit {
  std::string text;  // 1-02:30:00, as Slurm writes it
  std::string why;   // for people
};
TimeLimit time_limit(std::int64_t steps, Seconds step_time);

}  // namespace ds::exports
