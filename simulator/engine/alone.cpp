#include "simulator/engine/alone.h"

#include "simulator/base/error.h"

namespace ds::engine {

Seconds alone(const program::Program& program, const Durations& durations, program::TemplateId body,
              std::size_t i) {
  using program::Kind;
  const program::Instruction& instruction = program.templates[program::index(body)].body[i];
  switch (instruction.kind) {
    case Kind::compute:
    case Kind::optimizer: {
      Seconds sum{};
      for (const program::Operator& op : program.operators_of(instruction))
        sum += durations.operators[program::index(op.op)];
      return sum;
    }
    case Kind::send:
    case Kind::receive:
    case Kind::collective:
      ensure(!durations.communications.empty(), "communications have been priced");
      return durations.communications[program::index(body)][i];
    case Kind::copy: ensure(false, "copies to the host have not been lowered");
  }
  return {};
}

}  // namespace ds::engine
