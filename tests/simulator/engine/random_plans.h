#pragma once
// Random legal plans over small models, and random durations for their programs.

#include <algorithm>
#include <array>
#include <optional>

#include "simulator/engine/engine.h"
#include "simulator/workload/rules.h"
#include "tests/support/architectures.h"
#include "tests/support/draw.h"
#include "tests/support/jobs.h"

namespace ds::engine {

using support::Draw;

/// Every chunk has a layer; the others are dealt at random.
inline std::vector<std::vector<std::int64_t>> random_split(Draw& draw, std::int64_t layers, std::int64_t pp,
                                                           std::int64_t vpp) {
  std::vector<std::vector<std::int64_t>> split(static_cast<std::size_t>(pp),
                                               std::vector<std::int64_t>(static_cast<std::size_t>(vpp), 1));
  for (std::int64_t left = layers - pp * vpp; left > 0; --left)
    ++split[static_cast<std::size_t>(draw.from(0, pp - 1))][static_cast<std::size_t>(draw.from(0, vpp - 1))];
  return split;
}

inline support::Small random_plan(Draw& draw) {
  using workload::Schedule;
  support::Small s{
      .hidden = 16, .heads = 4, .kv_heads = 4, .ffn = 24, .vocab = 13, .sequence = 8, .micro_batch = 1};
  if (draw.coin()) s.family = workload::Family::llama;
  s.tp = std::array{1, 1, 2, 4}[static_cast<std::size_t>(draw.from(0, 3))];
  s.pp = draw.from(1, 5);
  s.dp = draw.from(1, 4);
  s.schedule =
      std::array{Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved,
                 Schedule::zb_h1, Schedule::zb_v,        Schedule::dualpipe}[static_cast<std::size_t>(
          draw.from(0, s.pp > 1 ? 5 : 1))];
  s.vpp = s.schedule == Schedule::interleaved ? draw.from(2, 3) : 1;
  s.micro_batches = s.vpp > 1 ? s.pp * draw.from(1, 3) : draw.from(1, 9);
  if (s.schedule == Schedule::dualpipe) {
    s.pp += s.pp % 2;
    s.micro_batches = 2 * (s.pp + draw.from(0, 2));
  }
  const bool turns_back = s.schedule == Schedule::zb_v;
  const std::int64_t chunks = turns_back ? 2 : s.vpp;
  s.layers = s.pp * chunks + draw.from(0, 3);
  if (draw.coin()) s.stage_layers = random_split(draw, s.layers, s.pp, chunks);
  s.tied = draw.coin() && s.schedule != Schedule::dualpipe && !turns_back;
  s.full_recompute = draw.from(0, 3) == 0;
  s.selective_recompute = !s.full_recompute && draw.from(0, 3) == 0;
  if (draw.from(0, 3) == 0) s.recompute_layers = draw.from(1, 2);
  if (draw.from(0, 4) == 0) {
    s.full_recompute = s.selective_recompute = false, s.recompute_layers = 0;
    s.recompute_modules = static_cast<workload::Modules>(draw.from(1, 127));
  }
  const bool splits = workload::splits_backwards(s.schedule);
  if (!s.full_recompute && !splits && draw.from(0, 4) == 0) s.offload_activations = draw.from(1, 3);
  s.offload_optimizer = draw.from(0, 5) == 0;
  s.flash = draw.coin();
  if (draw.coin()) s.precision = workload::Precision::bf16;
  if (draw.from(0, 3) == 0) s.precision = workload::Precision::fp8;
  s.zero = static_cast<int>(draw.from(0, s.schedule == Schedule::dualpipe ? 1 : 3));
  if (draw.from(0, 2) == 0) {
    using enum workload::CpKind;
    s.cp_kind = std::array{ring, all_gather, all_to_all}[static_cast<std::size_t>(draw.from(0, 2))];
    s.cp = s.cp_kind == all_to_all ? s.kv_heads / s.tp : s.flash ? draw.from(2, 4) : 1;
    s.sequence *= s.cp;
  }
  const bool by_heads = s.cp > 1 && s.cp_kind == workload::CpKind::all_to_all;
  if (!by_heads && draw.from(0, 2) == 0)
    s.kv_heads = draw.from(1, 2);  // fewer than tensor-parallel ranks, at times
  if (s.dp == 4 && draw.coin()) s.zero_group = 2 * s.cp;
  s.sequence_parallel = draw.coin();
  s.overlap = {.grad_reduce = draw.coin(), .param_gather = draw.coin(), .p2p = draw.coin()};
  if (draw.from(0, 2) == 0) {
    const auto count = static_cast<std::int64_t>(support::architectures().size());
    const support::Architecture& one =
        support::architectures()[static_cast<std::size_t>(draw.from(0, count - 1))];
    s.family = one.family, s.change = one.change;
  }
  return s;
}

inline workload::Job job_of(const support::Small& plan) {
  workload::Job job = support::small_job(plan);
  job.cluster.groups[0].node.gpus_per_node = plan.tp * plan.pp * plan.dp * plan.cp;
  const bool window = job.model.window > 0 && job.model.window < job.train.sequence_length;
  if (window && plan.cp_kind == workload::CpKind::ring) job.plan.cp_kind = workload::CpKind::all_gather;
  job.model.attention_sinks &= plan.cp == 1;  // elsewhere not supported yet
  job.plan.stage_layers_given = !plan.stage_layers.empty();
  job.habits.gradient_type = plan.layers % 2 == 0 ? "fp32" : "working";
  job.habits.reduce_type = "fp32";
  if (plan.precision == workload::Precision::fp8)
    job.plan.fp8_recipe = plan.pp % 2 == 0 ? "tensor_current" : "block";
  job.habits.fsdp = plan.layers % 3 == 0;
  if (job.habits.fsdp && plan.zero > 1) job.plan.offload_optimizer = false;  // its weights are the masters
  job.plan.offloaded_states = plan.hidden * workload::kMillionths / (16 * (1 + plan.layers % 4));
  if (plan.zero == 3 && job.plan.zero_group > 1 && plan.layers % 2 == 1) {
    job.plan.offload_weights = job.plan.offload_optimizer = true;
    job.plan.offloaded_states = workload::kMillionths;
  }
  job.habits.separate_products = plan.dp % 2 == 0;
  if (plan.layers % 5 == 0 && job.model.embedding_width == 0) job.model.mtp_layers = 1;
  job.habits.selective_recompute =
      std::array{"attention_core", "per_operator",
                 "norms_and_activations"}[static_cast<std::size_t>(plan.micro_batches % 3)];
  const bool can_share = job.model.moe && job.model.residual == workload::Residual::serial &&
                         plan.dp % 2 == 0 && (plan.zero < 2 || plan.dp > 2) &&
                         (plan.tp == 1 || plan.sequence_parallel) && job.plan.zero_group == plan.dp * plan.cp;
  if (can_share && plan.layers % 2 == 0) {
    job.plan.ep = 2, job.plan.etp = 1;
    if (plan.micro_batches % 2 == 0) job.plan.dispatch = workload::Dispatch::hierarchical;
    const bool pairs = plan.zero < 2 && (plan.cp == 1 || plan.cp_kind != workload::CpKind::ring) &&
                       (plan.schedule == workload::Schedule::one_f_one_b ||
                        plan.schedule == workload::Schedule::interleaved);
    job.plan.overlap.experts = pairs && plan.pp % 2 == 0;
    job.plan.overlap.shared_experts = plan.pp % 3 == 0;
    if (plan.precision == workload::Precision::fp8 && plan.micro_batches % 3 == 0)
      job.plan.dispatch_precision = workload::DispatchPrecision::fp8;
  }
  // Where it is of any use, every other plan sends activations in shares.
  job.habits.pipeline_scatter_gather = (plan.layers + plan.pp) % 2 == 0;
  return job;
}

/// `message`: seconds of one between stages at most; often 0. Operators take up to 1 s.
inline Durations random_durations(Draw& draw, const program::Program& program, double message,
                                  double collective) {
  Durations durations;
  for (std::size_t i = 0; i < program.ops.size(); ++i) durations.operators.push_back({draw.uniform(0.01, 1)});
  std::vector<Seconds>& seconds = durations.communications.tables.emplace_back();
  std::vector<Load>& loads = durations.loads.emplace_back();
  for (const program::Instruction& instruction : program.instructions) {
    const bool p2p = instruction.kind == program::Kind::send || instruction.kind == program::Kind::receive;
    seconds.push_back({p2p ? draw.uniform(0, message) : draw.uniform(0, collective)});
    loads.push_back({draw.uniform(0, 1), draw.coin() ? draw.uniform(0, 1) : 0});
  }
  return durations;
}

}  // namespace ds::engine
