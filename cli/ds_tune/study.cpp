// Whose a study is: all that the result of a search depends on, by name.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/ds_tune/commands.h"
#include "simulator/base/hash.h"

namespace ds::cli {
namespace {

/// Everything but its seed, which has a name of its own, and what only `ds-exec` reads.
std::string job_hash(workload::Job job) {
  job.seed = 0;
  job.execute = {};
  return hex(hash_of(workload::write_job(job)));
}

std::string space_hash(const tuner::Space& space, std::int64_t cores) {
  std::string text = fmt::format("cores={}", cores);
  for (const tuner::Dimension& dimension : space.dimensions())
    text += fmt::format(" {}={}", dimension.key->name, fmt::join(dimension.values, ","));
  return hex(hash_of(text));
}

}  // namespace

tuner::StudyHeader study_header(const StudyOf& of, const SearchOptions& options,
                                const report::Provenance& origin) {
  const std::string evals = options.evals ? fmt::format("{}", *options.evals) : "unlimited";
  return {.identity = {{"program", fmt::format("{} ({})", origin.version, origin.commit)},
                       {"job", job_hash(of.job)},
                       {"profile", origin.profile_hash},
                       {"space", space_hash(of.space, of.cores)},
                       {"method", std::string(of.method)},
                       {"seed", fmt::format("{}", origin.seed)},
                       {"evals", evals},
                       {"top", fmt::format("{}", options.top)},
                       {"front", options.front ? "yes" : "no"},
                       {"memory margin", fmt::format("{}", of.memory_margin)}},
          .provenance = text_of(origin),
          .begins_small = options.evals || options.time_limit_s};
}

}  // namespace ds::cli
