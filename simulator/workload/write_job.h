#pragma once
// A job, written: what `read_job` makes of a file, as a file that says everything and leaves no default to take.
//
//   write_job(read_job("job.json"))       // {"model": {"family": "gpt", "layers": 4, ...}, ...}
//
// Presets are written out, so two jobs that are written can be laid side by side whatever they were called.

#include <string>

#include "simulator/workload/job.h"

namespace ds::workload {

/// JSON on one line: read again, it is the same job but for its name and the list of what was assumed. Paths are those from
/// where we are, not from the job's folder.
std::string write_job(const Job& job);

}  // namespace ds::workload
