#pragma once
// A job as it would be with some more --set: for sweeps, and for what a change of the plan would bring.

#include <filesystem>
#include <span>
#include <string>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::cli {

/// `document`: the job's file; `assignments`: "plan.tp=4". Throws InputError also for what is not predicted yet.
workload::Job changed_job(const Document& document, std::span<const std::string> assignments,
                          const std::filesystem::path& folder);

}  // namespace ds::cli
