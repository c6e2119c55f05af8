#include "cli/ds_sim/changed_job.h"

#include "simulator/workload/workload.h"

namespace ds::cli {

workload::Job changed_job(const Document& document, std::span<const std::string> assignments,
                          const std::filesystem::path& folder) {
  Document copy = parse_document(document.root().dump(), document.file());
  for (const std::string& assignment : assignments) apply_override(copy, assignment);
  workload::Job job = workload::read_job_document(copy, folder);
  workload::check_supported(job);
  return job;
}

}  // namespace ds::cli
