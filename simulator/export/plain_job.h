#pragma once
// A job without what says nothing beside the rest of it: an overlap of what there is not, the kind of a degree of 1, two spellings
// of one thing. Two jobs that ask for the same work are equal then, however they came to be written.

#include "simulator/workload/job.h"

namespace ds::exports {

/// The same work, predicted the same, with every key that has no effect at its plain value: switches off, words at the first one.
workload::Job plain_job(const workload::Job& job);

/// Those of the job's fusions that some operator of its model could be made by, in the order of spellings.h.
std::vector<std::string_view> fusions_that_count(const workload::Job& job);

}  // namespace ds::exports
