// Seconds of an instruction: of its operators one after the other, or of its communication.
#include "simulator/engine/alone.h"

#include "simulator/base/error.h"

namespace ds::engine {

Seconds alone(const program::Program& program, const Durations& durations, std::size_t rank_class,
              program::InstructionId id) {
  using program::Kind;
  const program::Instruction& instruction = program.instruction(id);
  switch (instruction.kind) {
    case Kind::compute:
    case Kind::optimizer:
    case Kind::copy: {
      Seconds sum{};
      for (const program::Operator& op : program.operators_of(instruction))
        if (!op.fused) sum += durations.operators[program::index(op.op)];
      return sum;
    }
    case Kind::send:
    case Kind::receive:
    case Kind::collective:
    case Kind::launches:
      ensure(!durations.communications.empty(), "communications have been priced");
      return durations.communications.of(rank_class, id);
  }
  return {};
}

}  // namespace ds::engine
