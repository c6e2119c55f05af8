#pragma once
// What is asked of a training run: read by the process that is started, and once more by each of its ranks.

#include <cstdint>

#include "cli/ds_exec/commands.h"
#include "executor/ranks/briefing.h"
#include "executor/text.h"
#include "executor/train.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/workload/job.h"

namespace ds::cli {

struct Request {
  workload::Job job;
  executor::Text text;
  std::int64_t steps{};
};

/// Throws InputError where something cannot be used.
Request read_request(const Common& common, const ExecOptions& options);
/// What the ranks need to read the same request.
executor::Briefing briefing_of(const Request& request);

/// What a rank that shows nothing has to know: read and lowered by itself, from files as they were when the run was started.
struct Assignment {
  /// Throws InputError where the text is no longer that of the briefing.
  Assignment(const Common& common, const ExecOptions& options, const executor::Briefing& briefing,
             std::int32_t rank);
  /// Refers to this.
  executor::Context context() const;

  Request request;
  program::Program program;
  memory::Layout layout;
};

}  // namespace ds::cli
