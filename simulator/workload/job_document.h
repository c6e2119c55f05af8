#pragma once
// A job file as a document, for those who change it before it is read as a job.

#include <filesystem>

#include "simulator/base/json.h"

namespace ds::workload {

/// As read_document, but what is a launch script is told `ds-sim convert`.
Document read_job_file(const std::filesystem::path& file);

}  // namespace ds::workload
