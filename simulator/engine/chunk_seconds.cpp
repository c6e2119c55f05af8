// Lowers a stage of one chunk and adds up what its instructions take.
#include "simulator/engine/chunk_seconds.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/engine/alone.h"
#include "simulator/engine/price.h"
#include "simulator/program/rows.h"

namespace ds::engine {
namespace {

using program::Instruction;
using program::Kind;

/// A chunk with a block for its layers, if it has more than one.
constexpr std::int32_t kLayers = 2;

}  // namespace

void PassSeconds::add_block(bool layers, const std::vector<double>& seconds) {
  if (seconds.empty()) return;
  BlockSeconds& block = blocks_.emplace_back(BlockSeconds{.layers = layers});
  for (const double one : seconds) block.before.push_back(block.before.back() + one);
}

program::StageInputs ChunkSeconds::of_passes(const program::StageInputs& stage, std::size_t chunk) {
  program::StageInputs passes{.chunks = {stage.chunks[chunk]},
                              .tensor_ranks = stage.tensor_ranks,
                              .sends_shares = stage.sends_shares,
                              .waits_for_launches = stage.waits_for_launches,
                              .products_in_pieces = stage.products_in_pieces,
                              .fuses_bias_dropout = stage.fuses_bias_dropout,
                              .scales_of_blocks = stage.scales_of_blocks,
                              .lanes = {},
                              .type = stage.type,
                              .gradient_type = stage.gradient_type,
                              .master_type = stage.master_type,
                              .moment_type = stage.moment_type,
                              .algorithms = stage.algorithms,
                              .hyper = {}};
  graph::StageOptions& graph = passes.chunks.front().graph;
  graph.layers = std::min(graph.layers, kLayers);
  graph.loss_scale = 1;
  passes.micro_batches = graph.head ? 1 : 0;
  return passes;
}

struct ChunkSeconds::Lowered {
  Lowered(const Inputs& inputs, const std::shared_ptr<const graph::Stage>& graph)
      : lowering(program, {graph}, inputs.stage) {
    program.grid = inputs.grid;
    program.lanes.push_back({});
  }

  program::Program program;
  program::StageLowering lowering;
  std::vector<Seconds> operators;  // of the program, so far as they have been priced
};

ChunkSeconds::ChunkSeconds(const Inputs& inputs, program::ChunkGraphs& graphs, const cost::Machine& machine)
    : inputs_(inputs), graphs_(graphs), machine_(&machine) {}

std::vector<const PassSeconds*> ChunkSeconds::of(std::span<const program::PassKind> kinds) {
  std::vector<const PassSeconds*> result;
  std::optional<Lowered> chunk;
  for (program::PassKind kind : kinds) {
    kind.chunk = 0;
    kind.role.last = false;
    auto found = passes_.find(kind);
    if (found == passes_.end()) {
      if (!chunk) chunk.emplace(inputs_, graphs_.of(inputs_.stage.chunks.front()));
      found = passes_.emplace(kind, read(*chunk, chunk->lowering.pass(kind))).first;
    }
    result.push_back(&found->second);
  }
  return result;
}

PassSeconds ChunkSeconds::read(Lowered& chunk, program::TemplateId id) const {
  program::RankClass ranks;
  ranks.first = inputs_.rank;
  ranks.phases = {{program::When::always, {{id, {-1, -1}}}}};
  chunk.program.classes = {std::move(ranks)};
  PassSeconds result;
  Durations durations = price(chunk.program, *machine_, std::move(chunk.operators));
  for (const program::Block& block : chunk.program.templates[program::index(id)].blocks) {
    std::vector<double> seconds;
    ensure(block.times == 1 || block.times == kLayers, "a pass goes through layers of one kind");
    for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
      const auto instruction = static_cast<program::InstructionId>(i);
      const Instruction& one = chunk.program.instruction(instruction);
      if (one.kind == Kind::send) result.sent = one.comm.bytes.bound;
      if (one.kind == Kind::receive) result.received = one.comm.bytes.bound;
      if (program::is_own_work(one)) seconds.push_back(alone(chunk.program, durations, 0, instruction).value);
    }
    result.add_block(block.times > 1, seconds);
  }
  chunk.operators = std::move(durations.operators);
  return result;
}

}  // namespace ds::engine
