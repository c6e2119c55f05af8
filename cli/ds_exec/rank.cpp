// What a rank's process needs to train, from its request.
#include "cli/ds_exec/commands.h"
#include "cli/ds_exec/request.h"
#include "executor/ranks/ranks.h"
#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::cli {

namespace {

Request read_as_told(const Common& common, const ExecOptions& options, const executor::Briefing& briefing) {
  remember_reads(briefing.files);
  Request request = read_request(common, options);
  if (request.text.hash() != briefing.text_hash)
    throw InputError(options.data.empty() ? request.job.execute.data : options.data,
                     "was changed while the ranks were starting", "leave it alone and start again");
  return request;
}

}  // namespace

Assignment::Assignment(const Common& common, const ExecOptions& options, const executor::Briefing& briefing,
                       std::int32_t rank)
    : request(read_as_told(common, options, briefing)),
      program(program::lower(request.job)),
      layout(memory::layout(program, program::class_of(program, rank))) {}

executor::Context Assignment::context() const {
  return {.job = request.job,
          .program = program,
          .layout = layout,
          .text = request.text,
          .steps = request.steps,
          .held_back_sequences = executor::held_back_for(request.job, request.steps)};
}

int exec_rank(const executor::RankEnvironment& environment, const Common& common,
              const ExecOptions& options) {
  executor::RankBody body(environment);
  return body.run([&] {
    const Assignment mine(common, options, body.briefing(), environment.rank);
    body.train(mine.context());
  });
}

}  // namespace ds::cli
