#include "cli/ds_exec/commands.h"
#include "cli/ds_exec/request.h"
#include "executor/ranks/ranks.h"
#include "simulator/memory/memory.h"

namespace ds::cli {

int exec_rank(const executor::RankSeat& seat, const Common& common, const ExecOptions& options) {
  executor::RankBody body(seat);
  return body.run([&] {
    const Request request = read_request(common, options);
    const program::Program program = program::lower(request.job);
    const memory::Layout layout = memory::layout(program, program::class_of(program, seat.rank));
    body.train({.job = request.job,
                .program = program,
                .layout = layout,
                .text = request.text,
                .steps = request.steps,
                .held_back_sequences = executor::held_back_for(request.job, request.steps)});
  });
}

}  // namespace ds::cli
