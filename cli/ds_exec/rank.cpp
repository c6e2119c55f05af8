// What a rank's process needs to train, from its request.
#include "cli/ds_exec/commands.h"
#include "cli/ds_exec/request.h"
#include "executor/ranks/ranks.h"

namespace ds::cli {

Assignment::Assignment(const Common& common, const ExecOptions& options, std::int32_t rank)
    : request(read_request(common, options)),
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
    const Assignment mine(common, options, environment.rank);
    body.train(mine.context());
  });
}

}  // namespace ds::cli
