// Lowering: a job becomes buffers, templates and the calls of one step. This file says in which order; what a piece
// looks like is in stage_lowering.h.
#include <utility>

#include "simulator/base/error.h"
#include "simulator/program/program.h"
#include "simulator/program/schedule/schedule.h"
#include "simulator/program/stage_lowering.h"

namespace ds::program {
namespace {

using workload::Job;

DataType storage_type(const Job& job) {
  switch (job.plan.precision) {
    case workload::Precision::fp64: return DataType::fp64;
    case workload::Precision::fp32: return DataType::fp32;
    case workload::Precision::tf32:
    case workload::Precision::fp16:
    case workload::Precision::bf16:
    case workload::Precision::fp8:
    case workload::Precision::dynamic: break;
  }
  throw InputError("plan.precision", "this precision is not supported yet", "fp32 and fp64 are");
}

/// The vocabulary is padded as the software does it; padded columns have no probability and no gradient.
std::int64_t padded_vocab(const Job& job) {
  const std::int64_t tp = job.habits.vocab_multiple_times_tp ? job.plan.tp : 1;
  return round_up(job.model.vocab, job.habits.vocab_multiple * tp);
}

graph::Stage stage_graph(const Job& job) {
  const auto tokens = static_cast<double>(job.train.global_batch * job.train.sequence_length);
  graph::Stage stage =
      graph::build_stage(job.model, {.layers = static_cast<std::int32_t>(job.model.layers),
                                     .embedding = true,
                                     .head = true,
                                     .batch = job.plan.micro_batch,
                                     .sequence = job.train.sequence_length,
                                     .type = storage_type(job),
                                     .flash = job.plan.attention != workload::Attention::unfused,
                                     .padded_vocab = padded_vocab(job),
                                     .loss_scale = 1 / tokens});
  graph::differentiate(stage);
  if (job.plan.recompute == workload::Recompute::full)
    graph::recompute_layers(stage, graph::all_layers(stage));
  return stage;
}

}  // namespace

Program lower(const Job& job) {
  const auto micro_batches = static_cast<std::int32_t>(job.micro_batches());
  const std::vector<ScheduledPass> order = order_of(job.plan.schedule, 1, 0, micro_batches);

  Program program;
  program.micro_batches = micro_batches;
  StageLowering stage(program, stage_graph(job), job.train.hyper, most_in_flight(order));
  const TemplateId forward = stage.forward();
  const TemplateId first_backward = stage.backward(Gradients::written);
  const TemplateId later_backward = micro_batches > 1 ? stage.backward(Gradients::added) : first_backward;
  const TemplateId norm = stage.norm();
  const TemplateId update = stage.update();

  RankClass ranks;
  ranks.lanes = {0, static_cast<std::int32_t>(program.lanes.size())};
  ranks.buffers = {0, static_cast<std::int32_t>(program.buffers.size())};
  Phase step{When::always, {}};
  bool first = true;
  for (const ScheduledPass& pass : order) {
    const TemplateId body = pass.forward                  ? forward
                            : std::exchange(first, false) ? first_backward
                                                          : later_backward;
    step.calls.push_back({body, {pass.micro, -1}});
  }
  step.calls.push_back({norm, {-1, -1}});
  ranks.phases = {std::move(step), {When::finite, {{update, {-1, -1}}}}};
  program.classes.push_back(std::move(ranks));
  program.hash = hash_of(program);
  return program;
}

}  // namespace ds::program
