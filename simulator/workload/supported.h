#pragma once
// What is valid but not built yet. Asked after a job has been read, so that its own errors come first; the table
// shrinks as the project grows.

#include "simulator/workload/job.h"

namespace ds::workload {

/// Throws InputError "not supported yet" with the JSON path of the first feature of the job that is not built.
void check_supported(const Job& job);

}  // namespace ds::workload
