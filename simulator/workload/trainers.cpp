// The rows of what trainers refuse.
#include "simulator/workload/trainers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace ds::workload {
namespace {

bool is_one_of(const Job& j, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, j.habits.name) != names.end();
}

/// Layers of all chunks as the model goes through them.
std::vector<std::int64_t> chunks_of(const Plan& plan) {
  std::vector<std::int64_t> chunks;
  for (std::size_t c = 0; c < static_cast<std::size_t>(plan.vpp); ++c)
    for (const std::vector<std::int64_t>& stage : plan.stage_layers) chunks.push_back(stage[c]);
  return chunks;
}

/// All chunks have as many layers. Embedding and loss may count as one (--account-for-embedding-in-pipeline-split,
/// --account-for-loss-in-pipeline-split).
bool even(const Plan& plan, std::int64_t ends) {
  std::vector<std::int64_t> chunks = chunks_of(plan);
  const std::int64_t most = *std::ranges::max_element(chunks);
  chunks.front() += std::clamp<std::int64_t>(most - chunks.front(), 0, ends);
  chunks.back() += std::clamp<std::int64_t>(most - chunks.back(), 0, ends);
  return std::ranges::all_of(chunks, [&](std::int64_t n) { return n == most; });
}

/// First and last stage have numbers of their own (--decoder-first-pipeline-num-layers, --decoder-last-pipeline-num-layers).
bool even_between_the_ends(const Plan& plan) {
  if (plan.vpp > 1 || plan.pp < 3) return plan.vpp == 1;
  return std::all_of(plan.stage_layers.begin() + 1, plan.stage_layers.end() - 1,
                     [&](const auto& stage) { return stage == plan.stage_layers[1]; });
}

std::string uneven(const Job& j, std::string_view trainer, std::string_view instead) {
  std::vector<std::string> stages;
  for (const auto& stage : j.plan.stage_layers) stages.push_back(fmt::format("{}", fmt::join(stage, "+")));
  return fmt::format("{} refuses {} layers in {} chunks that are not alike ({}): {}", trainer, j.model.layers,
                     j.plan.pp * j.plan.vpp, fmt::join(stages, " "), instead);
}

struct Row {
  std::string_view path;
  bool (*takes)(const Job&);
  std::string (*says)(const Job&);
};

// clang-format off
constexpr Row kRows[] = {
  // megatron/core/transformer/transformer_block.py, get_num_layers_to_build; a layout says any numbers
  {"plan.stage_layers",
   [](const Job& j) { return !is_one_of(j, {"megatron-te", "megatron-core"}) || j.plan.stage_layers_given || j.plan.turns_back() || even(j.plan, 1) || even_between_the_ends(j.plan); },
   [](const Job& j) { return uneven(j, "Megatron-LM", "it takes them by --pipeline-model-parallel-layout, which plan.stage_layers says here"); }},
  // megatron/model/transformer.py of v2.5 and v3.0: args.num_layers % args.transformer_pipeline_model_parallel_size == 0
  {"plan.stage_layers",
   [](const Job& j) { return !is_one_of(j, {"megatron-lm-2021", "megatron-lm-2022"}) || j.plan.turns_back() || even(j.plan, 0); },
   [](const Job& j) { return uneven(j, "Megatron-LM of 2021 and 2022", "it takes a multiple of plan.pp x plan.vpp"); }},
  // megatron/core/pipeline_parallel/schedules.py, get_forward_backward_func
  {"plan.schedule",
   [](const Job& j) { return !j.habits.name.starts_with("megatron") || is_one_of(j, {"megatron-deepspeed"}) || !splits_backwards(j.plan.schedule); },
   [](const Job& j) { return fmt::format("Megatron-LM has no schedule {}", entry_of(j.plan.schedule).name); }},
  // megatron/core/transformer/transformer_config.py, overlap_moe_expert_parallel_comm
  {"plan.overlap.experts",
   [](const Job& j) { return !is_one_of(j, {"megatron-te", "megatron-core"}) || !j.plan.overlap.experts || j.plan.pp == 1 || j.plan.vpp > 1 || splits_backwards(j.plan.schedule); },
   [](const Job&) { return std::string("Megatron-LM refuses exchanges with experts beside another micro-batch in a pipeline of one chunk a stage, where they delay more than they hide: plan.vpp of 2 and more"); }},
  {"plan.recompute",
   [](const Job& j) { return !is_one_of(j, {"megatron-te", "megatron-core"}) || !j.plan.overlap.experts || (j.plan.recompute != Recompute::full && j.plan.recompute != Recompute::layers); },
   [](const Job&) { return std::string("Megatron-LM refuses to recompute whole layers where plan.overlap.experts is true"); }},
  // torch/distributed/pipelining/schedules.py, get_schedule_class
  {"plan.schedule",
   [](const Job& j) { return !is_one_of(j, {"torchtitan"}) || (j.plan.schedule != Schedule::zb_h1 && j.plan.schedule != Schedule::dualpipe); },
   [](const Job& j) { return fmt::format("torchtitan has no schedule {}; ZBVZeroBubble, zb-v here, is what it has of that kind", entry_of(j.plan.schedule).name); }},
  // deepspeed/runtime/pipe/engine.py: schedule.TrainSchedule is the one that trains
  {"plan.schedule",
   [](const Job& j) { return !is_one_of(j, {"deepspeed", "megatron-deepspeed"}) || j.plan.pp == 1 || j.plan.schedule == Schedule::one_f_one_b; },
   [](const Job&) { return std::string("DeepSpeed refuses all schedules but 1f1b, and more than one chunk a stage"); }},
  {"plan.pp",
   [](const Job& j) { return !is_one_of(j, {"fsdp-llm-foundry", "pytorch-ddp", "pytorch-ddp-eager"}) || j.plan.pp == 1; },
   [](const Job& j) { return fmt::format("{} has no pipeline", j.habits.name == "fsdp-llm-foundry" ? "LLM Foundry" : "DistributedDataParallel"); }},
};
// clang-format on

}  // namespace

std::vector<Warning> trainer_warnings(const Job& job) {
  std::vector<Warning> warnings;
  for (const Row& row : kRows)
    if (!row.takes(job)) warnings.push_back({std::string(row.path), row.says(job)});
  return warnings;
}

}  // namespace ds::workload
