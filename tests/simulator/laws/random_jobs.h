#pragma once
// Random jobs as users would write them, over CPU and GPU machines, all schedules, overlaps, sharding and recomputing.

#include <optional>
#include <string>
#include <vector>

#include "simulator/cost/cost.h"
#include "simulator/workload/workload.h"
#include "tests/support/draw.h"

namespace ds::laws {

/// The text of a job. Most are legal; what is not, a reader refuses.
std::string random_job(support::Draw& draw);

/// Further keys of a job, as --set has them: architectures of all families, experts, latent attention, 8 bits, groups of shards.
/// On CPUs fewer of them are legal.
std::vector<std::string> random_keys(support::Draw& draw);

/// The same job of a small model that is a config.json of one of the families of the Hugging Face table, in a file of a folder of this
/// process.
std::string with_config(support::Draw& draw, const std::string& job);

/// The job with these keys, if it is one that is legal and supported.
std::optional<workload::Job> read(const std::string& text, const std::vector<std::string>& keys = {});

/// What serves jobs on CPUs: measured once, kept with the tests.
const cost::Profile& profile();

}  // namespace ds::laws
