// Lowers what a stage does once a step, and puts that and the passes of its chunks side by side.
#include "simulator/engine/stage_templates.h"

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/engine/alone.h"

namespace ds::engine {

using program::index;
using program::PassKind;

program::StageInputs StageTemplates::of_stage(program::StageInputs stage) {
  stage.micro_batches = stage.micro_batches > 0 ? 1 : 0;  // the sum of losses is priced apart
  if (!PassTemplates::by_chunk(stage)) return stage;
  for (program::ChunkInputs& chunk : stage.chunks) {
    chunk.graph.batch = 1;
    chunk.graph.loss_scale = 1;
    // What passes do again is none of what is done once a step.
    chunk.recompute = {};
    chunk.graph.selective = {};
    chunk.graph.recompute_modules = 0;
  }
  return stage;
}

StageTemplates::StageTemplates(const Inputs& inputs, const workload::Plan& plan, program::ChunkGraphs& graphs,
                               const cost::Machine& machine, const Chunks& chunks)
    : inputs_(inputs), plan_(plan), graphs_(graphs), pricing_{inputs.grid, inputs.rank, &machine} {
  if (chunks.empty()) {
    own_ = std::make_unique<PassTemplates>(inputs_.stage, plan_, graphs_, &pricing_);
    own_->finish(), own_->update();
    return;
  }
  LoweredStage& stage = lowered();
  BufferUsers users{.shown = chunks.front()->users().shown, .shared = {}, .local = {}, .used_in = {}};
  users.shared.resize(stage.program.buffers.size());
  // What the step's end says to its update, copies to the host wait for, too.
  users.local =
      users_of_buffers(stage.program, std::vector{stage.lowering.finish(), stage.lowering.update()});
  for (BufferLanes& lanes : users.local)
    if ((lanes.all() & users.shown) != 0) lanes = {};
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    const program::Span own = bucket_buffers_.emplace_back(stage.lowering.bucket_buffers(c));
    ensure(own.count == chunks[c]->bucket_buffers(), "a chunk has its buckets in every stage");
    std::copy_n(chunks[c]->users().local.begin(), own.count, users.local.begin() + own.first);
  }
  ShownBuffers none;
  const auto read = [&](program::TemplateId id) {
    const Durations durations = stage.price(id, pricing_);
    return read_template(stage, users, none, id, &durations, 0);
  };
  finish_ = read(stage.lowering.finish());
  update_ = read(stage.lowering.update());
}

LoweredStage& StageTemplates::lowered() {
  using enum program::StageLowering::Extent;
  if (!lowered_) lowered_ = std::make_unique<LoweredStage>(inputs_.stage, plan_, graphs_, of_step);
  return *lowered_;
}

StageTemplates::Placed StageTemplates::pass(const Chunks& chunks, const PassKind& kind) {
  if (own_) return {&own_->pass(kind)};
  const auto c = static_cast<std::size_t>(kind.chunk);
  PassKind alone = kind;
  alone.chunk = 0;
  return {&chunks[c]->pass(alone), kind.chunk, bucket_buffers_[c].first,
          inputs_.stage.chunks[c].graph.layers};
}

program::SlotRule StageTemplates::slots_of(const Chunks& chunks, std::int32_t chunk,
                                           std::int32_t buffer) const {
  const PassTemplates& from = own_ ? *own_ : *chunks[static_cast<std::size_t>(chunk)];
  program::SlotRule rule = from.slots()[static_cast<std::size_t>(buffer)];
  rule.chunk += chunk;
  return rule;
}

const std::vector<PassSeconds>* StageTemplates::once(const PassKind& kind) const {
  const auto found = once_.find(kind);
  return found == once_.end() || found->second.empty() ? nullptr : &found->second;
}

std::vector<PassSeconds> StageTemplates::read_once(const PassKind& kind) {
  LoweredStage& stage = lowered();
  const program::TemplateId id = stage.lowering.pass(kind);
  std::vector<PassSeconds> result;
  if (stage.program.templates[index(id)].blocks.empty()) return result;
  const Durations durations = stage.price(id, pricing_);
  result.resize(stage.program.lanes.size());
  for (const program::Block& block : stage.program.templates[index(id)].blocks) {
    std::vector<std::vector<double>> seconds(result.size());
    for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
      const auto one = static_cast<program::InstructionId>(i);
      seconds[index(stage.program.instruction(one).lane)].push_back(
          alone(stage.program, durations, 0, one).value);
    }
    for (std::size_t lane = 0; lane < result.size(); ++lane)
      result[lane].add_block(block.times > 1, seconds[lane]);
  }
  return result;
}

StageOutline& StageTemplates::add(const Chunks& chunks, const PassList& passes) {
  if (!own_)
    for (const PassKind& kind : passes.kinds)
      if (!once_.contains(kind)) once_.emplace(kind, read_once(kind));
  StageOutline& outline = outlines_.try_emplace({chunks, passes}, *this, chunks, passes).first->second;
  lowered_.reset();
  if (own_) own_->forget();
  return outline;
}

}  // namespace ds::engine
