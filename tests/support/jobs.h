#pragma once
// Small jobs for tests, complete as the reader would leave them.

#include <string>
#include <vector>

#include "simulator/workload/family.h"
#include "simulator/workload/job.h"
#include "simulator/workload/split.h"

namespace ds::support {

struct Small {
  workload::Family family{workload::Family::gpt};
  std::int64_t layers{2}, hidden{8}, heads{2}, kv_heads{2}, ffn{12}, vocab{11};
  std::int64_t sequence{5}, micro_batch{2}, micro_batches{2};
  bool tied{true};
  bool full_recompute{false}, selective_recompute{false}, flash{true};
  std::int64_t recompute_layers{0};        // of a stage; with full_recompute all
  workload::Modules recompute_modules{0};  // instead of all that
  std::int64_t offload_activations{0};     // layers of a stage
  bool offload_optimizer{false};
  workload::Schedule schedule{workload::Schedule::one_f_one_b};
  workload::Precision precision{workload::Precision::fp64};
  std::int64_t tp{1}, pp{1}, dp{1}, vpp{1};  // micro_batches are those of one data-parallel rank
  std::int64_t tp_rows{1};                   // of the grid that tensor-parallel ranks make
  std::int64_t cp{1};
  std::int64_t ep{1}, etp{0};  // etp 0: tp where experts are not shared out, else 1
  workload::CpKind cp_kind{};
  int zero{1};
  std::int64_t zero_group{0};  // 0: all ranks that have the same weights
  bool sequence_parallel{true};
  workload::Overlap overlap;
  std::vector<std::vector<std::int64_t>> stage_layers;  // empty: the rule
  void (*change)(workload::Model&){};                   // of what is made of the above
};

/// One rank of this machine. LLaMA: rotary positions, gated MLP; GPT: learned positions, GELU.
inline workload::Job small_job(const Small& s) {
  workload::Job job;
  workload::take_habits_of(s.family, job.model);
  job.model.name = "small";
  job.model.layers = s.layers, job.model.hidden = s.hidden;
  job.model.heads = s.heads, job.model.kv_heads = s.kv_heads, job.model.head_dim = s.hidden / s.heads;
  job.model.ffn_hidden = s.ffn, job.model.vocab = s.vocab, job.model.tied_embeddings = s.tied;
  if (s.change) s.change(job.model);
  job.cluster.groups = {{.node = {.name = "localhost", .gpu = "", .memory_bytes_per_gpu = 1e9, .cpu = true}}};
  job.train.sequence_length = s.sequence;
  job.train.global_batch = s.micro_batch * s.micro_batches * s.dp;
  job.plan.micro_batch = s.micro_batch;
  job.plan.precision = s.precision;
  job.plan.schedule = s.schedule;
  job.plan.recompute = s.full_recompute         ? workload::Recompute::full
                       : s.selective_recompute  ? workload::Recompute::selective
                       : s.recompute_layers > 0 ? workload::Recompute::layers
                                                : workload::Recompute::none;
  job.plan.recompute_layers = s.recompute_layers;
  if (s.recompute_modules != 0) job.plan.recompute = workload::Recompute::modules;
  job.plan.recompute_modules = s.recompute_modules;
  job.plan.offload_activations = s.offload_activations, job.plan.offload_optimizer = s.offload_optimizer;
  job.plan.attention = s.flash ? workload::Attention::flash : workload::Attention::unfused;
  job.plan.tp = s.tp, job.plan.pp = s.pp, job.plan.dp = s.dp, job.plan.vpp = s.vpp;
  job.plan.tp_rows = s.tp_rows, job.plan.tp_columns = s.tp / s.tp_rows;
  job.plan.sequence_parallel = s.tp > 1 && s.sequence_parallel;
  job.plan.cp = s.cp, job.plan.cp_kind = s.cp_kind;
  job.plan.ep = s.ep, job.plan.etp = s.etp > 0 ? s.etp : s.ep > 1 ? 1 : s.tp;
  job.plan.zero = s.dp * s.cp > 1 ? s.zero : 0;
  job.plan.zero_group = s.zero_group > 0 ? s.zero_group : s.dp * s.cp;
  job.plan.overlap = s.overlap;
  job.plan.stage_layers =
      s.stage_layers.empty() ? workload::split_layers(s.layers, s.pp, job.plan.chunks()) : s.stage_layers;
  job.software = "ds-exec";
  job.habits.allocator = "arena";
  job.seed = 1;
  return job;
}

/// One that two and four ranks can share.
inline Small small_to_share(std::int64_t layers, std::int64_t micro_batches) {
  return {.layers = layers,
          .hidden = 16,
          .heads = 4,
          .kv_heads = 4,
          .ffn = 24,
          .sequence = 8,
          .micro_batches = micro_batches,
          .tied = false};
}

/// Every combination of family, tying, attention, recompute and schedule.
inline std::vector<Small> small_variants() {
  std::vector<Small> all;
  for (const auto family : {workload::Family::gpt, workload::Family::llama})
    for (const bool tied : {true, false})
      for (const bool flash : {true, false})
        for (const bool full : {true, false})
          for (const auto schedule : {workload::Schedule::one_f_one_b, workload::Schedule::gpipe}) {
            Small s{
                .family = family, .tied = tied, .full_recompute = full, .flash = flash, .schedule = schedule};
            if (family == workload::Family::llama) s.kv_heads = 1;
            all.push_back(s);
          }
  return all;
}

inline std::string describe(const Small& s) {
  return std::string(s.family == workload::Family::gpt ? "gpt" : "llama") + (s.tied ? " tied" : " untied") +
         (s.flash ? " flash" : " unfused") + (s.full_recompute ? " full recompute" : "") +
         (s.schedule == workload::Schedule::gpipe ? " gpipe" : " 1f1b");
}

}  // namespace ds::support
