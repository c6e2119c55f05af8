// Analytic depth. Each template is collapsed once; the step is a sum over calls.

#include "simulator/base/error.h"
#include "simulator/engine/computing_time.h"
#include "simulator/engine/engine.h"

namespace ds::engine {
namespace {

using program::Kind;

Collapsed collapse(const program::Program& program, const program::Template& body,
                   const Durations& durations) {
  Collapsed result;
  for (const program::Instruction& instruction : body.body) switch (instruction.kind) {
      case Kind::compute: result.compute += computing_time(program, instruction, durations); break;
      case Kind::optimizer: result.optimizer += computing_time(program, instruction, durations); break;
      case Kind::send:
      case Kind::receive:
      case Kind::collective:
      case Kind::copy: ensure(false, "one rank alone does not communicate");
    }
  return result;
}

/// Number of calls of each template in a healthy step, by template.
std::vector<std::int64_t> count_calls(const program::Program& program) {
  std::vector<std::int64_t> calls(program.templates.size(), 0);
  for (const program::Phase& phase : program.classes[0].phases)
    if (phase.when != program::When::overflow)
      for (const program::Call& call : phase.calls) ++calls[program::index(call.body)];
  return calls;
}

void add_classes(program::StepSummary& summary, const program::Program& program,
                 const program::Template& body, std::int64_t calls, const Durations& durations) {
  for (const program::Instruction& instruction : body.body) {
    const std::string name = program::class_name(program, instruction);
    std::size_t c = 0;
    while (c < summary.classes.size() && summary.classes[c].name != name) ++c;
    if (c == summary.classes.size()) summary.classes.push_back({name, 0, {}});
    summary.classes[c].count += calls;
    summary.classes[c].seconds +=
        computing_time(program, instruction, durations) * static_cast<double>(calls);
  }
}

}  // namespace

program::StepSummary analyse(const program::Program& program, const Durations& durations) {
  ensure(program.classes.size() == 1 && program.classes[0].members == 1, "one rank is analysed alone");
  const std::vector<std::int64_t> calls = count_calls(program);
  program::StepSummary summary;
  for (std::size_t t = 0; t < program.templates.size(); ++t) {
    if (calls[t] == 0) continue;
    const Collapsed body = collapse(program, program.templates[t], durations);
    summary.parts.compute += body.compute * static_cast<double>(calls[t]);
    summary.parts.optimizer += body.optimizer * static_cast<double>(calls[t]);
    add_classes(summary, program, program.templates[t], calls[t], durations);
  }
  summary.step_time = summary.busy = summary.parts.total();
  summary.checkpoint = program::checkpoint_bytes(program, program.classes[0]);
  return summary;
}

}  // namespace ds::engine
