#include "simulator/engine/free_work.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "simulator/program/attribute.h"
#include "simulator/program/rows.h"

namespace ds::engine {
namespace {

using program::TimeParts;

struct OperatorKind {
  std::string_view what;
  bool (*holds)(const ops::What& what);
};

bool updates(const ops::What& what) { return std::holds_alternative<ops::AdamW>(what); }

constexpr OperatorKind kOperators[] = {{"matrix products", ops::is_linear},
                                       {"attention", ops::is_attention},
                                       {"the optimizer's update", updates},
                                       {"all other operators", [](const ops::What& what) {
                                          return !ops::is_linear(what) && !ops::is_attention(what) &&
                                                 !updates(what);
                                        }}};

struct CommunicationKind {
  std::string_view what;
  Seconds TimeParts::* part;
};

constexpr CommunicationKind kCommunications[] = {{"tensor-parallel communication", &TimeParts::tp_comm},
                                                 {"context-parallel communication", &TimeParts::cp_comm},
                                                 {"exchanges of tokens with experts", &TimeParts::ep_comm},
                                                 {"messages between stages", &TimeParts::pp_comm},
                                                 {"data-parallel communication", &TimeParts::dp_comm},
                                                 {"launches of kernels by the host", &TimeParts::host}};

Seconds TimeParts::* part_of(const program::Program& program, const program::Instruction& instruction) {
  if (instruction.kind == program::Kind::launches) return &TimeParts::host;
  return program::communicates(instruction.kind) ? program::part_of(program, instruction.comm) : nullptr;
}

/// Durations with everything of the part at nothing.
Durations without(const program::Program& program, Durations durations, Seconds TimeParts::* part) {
  for (std::size_t c = 0; c < program.classes.size(); ++c) {
    std::vector<std::int32_t>& table_of = durations.communications.table_of;
    std::vector<Seconds>& seconds =
        durations.communications.tables[table_of.empty() ? 0 : static_cast<std::size_t>(table_of[c])];
    for (const program::TemplateId body : program::templates_of(program, program.classes[c]))
      program::for_each_distinct(program.templates[program::index(body)],
                                 [&](program::InstructionId id, std::int32_t) {
                                   if (part_of(program, program.instruction(id)) == part)
                                     seconds[program::index(id)] = {};
                                 });
  }
  return durations;
}

}  // namespace

std::vector<Freed> saved_if_free(const program::Program& program, const Durations& durations,
                                 const std::function<Seconds(const Durations&)>& step_of) {
  const Seconds step = step_of(durations);
  std::vector<Freed> result;
  const auto note = [&](std::string_view what, const Durations& freed) {
    constexpr double kRounding = 1e-9;
    const Seconds saved = step - step_of(freed);
    if (saved.value > kRounding * step.value) result.push_back({what, saved});
  };
  for (const OperatorKind& kind : kOperators) {
    Durations freed = durations;
    for (std::size_t o = 0; o < program.ops.size(); ++o)
      if (kind.holds(program.ops[o].what)) freed.operators[o] = {};
    note(kind.what, freed);
  }
  if (!durations.communications.empty())
    for (const CommunicationKind& kind : kCommunications)
      note(kind.what, without(program, durations, kind.part));
  std::ranges::stable_sort(result, std::greater<>{}, &Freed::saved);
  return result;
}

}  // namespace ds::engine
