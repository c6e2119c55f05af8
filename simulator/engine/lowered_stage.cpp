// Lowers a stage for who looks at it, and prices it template by template.
#include <memory>
#include <utility>
#include <vector>

#include "simulator/engine/pass_templates.h"
#include "simulator/engine/price.h"

namespace ds::engine {

using program::index;

std::int32_t ShownBuffers::number_of(const program::Copy& copy, const program::StageLowering& lowering) {
  const auto next = static_cast<std::int32_t>(slots_.size());
  const auto [found, is_new] = numbers_.try_emplace({index(copy.buffer), copy.number}, next);
  if (is_new) slots_.push_back(lowering.slot_rule(copy.buffer));
  return found->second;
}

namespace {
std::vector<std::shared_ptr<const graph::Stage>> graphs_of(const program::StageInputs& stage,
                                                           program::ChunkGraphs& graphs) {
  std::vector<std::shared_ptr<const graph::Stage>> list;
  for (const program::ChunkInputs& chunk : stage.chunks) list.push_back(graphs.of(chunk));
  return list;
}
}  // namespace

LoweredStage::LoweredStage(const program::StageInputs& stage, const workload::Plan& plan,
                           program::ChunkGraphs& graphs, program::StageLowering::Extent extent)
    : lowering(program, graphs_of(stage, graphs), stage, extent) {
  program::make_lanes(program, plan);
}

Durations LoweredStage::price(program::TemplateId id, const Pricing& by) {
  program::RankClass ranks;
  ranks.first = by.rank;
  ranks.phases = {{program::When::always, {{id, {-1, -1}}}}};
  program.classes = {std::move(ranks)};
  program.grid = by.grid;
  Durations durations = engine::price(program, *by.machine, std::move(operators));
  operators = durations.operators;
  return durations;
}

}  // namespace ds::engine
