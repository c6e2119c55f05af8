// From a configuration of DeepSpeed to a job. Names and defaults: deepspeed.ai/docs/config-json, version 0.17.
#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/json.h"
#include "simulator/convert/draft.h"
#include "simulator/convert/known_flags.h"

namespace ds::convert {
namespace {

constexpr OtherFlags kOthers[] = {
    {Use::ignored,
     "steps_per_print wall_clock_breakdown dump_state memory_breakdown gradient_clipping scheduler.* "
     "optimizer.params.* "
     "tensorboard.* wandb.* csv_monitor.* comet.* monitor_config.* flops_profiler.* comms_logger.* aio.* "
     "checkpoint.* "
     "data_efficiency.* curriculum_learning.* fp16.loss_scale fp16.initial_scale_power "
     "fp16.loss_scale_window fp16.hysteresis "
     "fp16.consecutive_hysteresis fp16.min_loss_scale fp16.auto_cast fp16.fp16_master_weights_and_grads "
     "bf16.immediate_grad_update "
     "zero_allow_untested_optimizer zero_force_ds_cpu_optimizer zero_optimization.elastic_checkpoint "
     "zero_optimization.load_from_fp32_weights zero_optimization.stage3_gather_16bit_weights_on_model_save "
     "zero_optimization.gather_16bit_weights_on_model_save zero_optimization.ignore_unused_parameters "
     "autotuning.* elasticity.* seed "
     "dataloader_drop_last compression_training.* timers.* $schema",
     {},
     {}},
    {Use::habit,
     "zero_optimization.reduce_bucket_size zero_optimization.allgather_bucket_size "
     "zero_optimization.allgather_partitions "
     "zero_optimization.reduce_scatter zero_optimization.contiguous_gradients "
     "zero_optimization.round_robin_gradients "
     "zero_optimization.stage3_* zero_optimization.sub_group_size "
     "zero_optimization.use_all_reduce_for_fetch_params "
     "zero_optimization.mics_hierarchical_params_gather zero_optimization.use_multi_rank_bucket_allreduce "
     "zero_optimization.module_granularity_threshold zero_optimization.param_persistence_threshold "
     "zero_optimization.offload_optimizer.pin_memory zero_optimization.offload_optimizer.buffer_* "
     "zero_optimization.offload_optimizer.pipeline_* zero_optimization.offload_optimizer.fast_init "
     "zero_optimization.offload_param.pin_memory zero_optimization.offload_param.buffer_* "
     "zero_optimization.offload_param.max_in_cpu prescale_gradients gradient_predivide_factor "
     "sparse_gradients "
     "disable_allgather amp.* activation_checkpointing.profile "
     "activation_checkpointing.contiguous_memory_optimization "
     "activation_checkpointing.number_checkpoints activation_checkpointing.synchronize_checkpoint_boundary "
     "compile.* "
     "graph_harvesting use_data_before_expert_parallelism",
     {},
     {}},
    {Use::lacking, "optimizer.type", "the prediction knows AdamW alone", "Adam AdamW FusedAdam adam adamw"},
    {Use::lacking, "optimizer.legacy_fusion", "another optimizer step", "false"},
    {Use::lacking,
     "zero_optimization.offload_optimizer.nvme_path zero_optimization.offload_param.nvme_path",
     "offloading to disks",
     {}},
    {Use::lacking,
     "zero_optimization.cpu_offload zero_optimization.cpu_offload_params "
     "zero_optimization.cpu_offload_use_pin_memory",
     "the old name of offload_optimizer", "false"},
    {Use::lacking, "zero_optimization.zero_hpz_partition_size",
     "a second copy of weights inside nodes (ZeRO++)", "1"},
    {Use::lacking,
     "zero_optimization.zero_quantized_weights zero_optimization.zero_quantized_gradients "
     "zero_optimization.zero_quantized_nontrainable_weights zero_optimization.zeropp_*",
     "weights and gradients that travel in fewer bits (ZeRO++)", "false"},
    {Use::lacking, "data_types.grad_accum_dtype", "gradients that are added up in another type", {}},
    {Use::lacking,
     "activation_checkpointing.partition_activations activation_checkpointing.cpu_checkpointing",
     "saved activations in shares or offloaded", "false"},
    {Use::lacking,
     "pipeline.* hybrid_engine.* progressive_layer_drop.* sparse_attention.* quantize_training.* moe.* "
     "expert_parallel_size zenflow.* zero_optimization.zenflow.* super_offload",
     "that part of DeepSpeed",
     {}},
    {Use::lacking,
     "tensor_parallel.tp_grain_size tensor_parallel.tp.* tensor_parallel.preset_model "
     "tensor_parallel.partition_config.*",
     "another way of tensor parallelism",
     {}},
};

constexpr std::int64_t kMost = 1LL << 20;  // of a batch, a degree: products of three stay within 64 bits

const Catalogue& deepspeed_keys() {
  static const Catalogue catalogue{
      .stack = "DeepSpeed", .keys = workload::deepspeed_names(), .others = kOthers};
  return catalogue;
}

std::string plain(const Cursor& value) {
  if (value.is_text()) return value.text();
  return value.dump();
}

/// Every value that is no object, by its path.
void flatten(const Cursor& at, std::vector<Flag>& flags) {
  for (const auto& [key, value] : at.members()) {
    if (value.is_object()) {
      flatten(value, flags);
      continue;
    }
    if (value.is_null()) continue;
    Flag& flag = flags.emplace_back(Flag{.name = value.path(), .line = 0, .values = {}});
    if (value.is_list())
      for (const Cursor& element : value.list())
        flag.values.push_back({.text = element.dump(), .line = 0, .unknown = {}});
    else
      flag.values.push_back({.text = plain(value), .line = 0, .unknown = {}});
    if (value.is_text() && value.text() == "auto")
      flag.values.back().unknown = "the trainer that starts DeepSpeed fills it in; say it";
  }
}

std::optional<std::int64_t> given(const Flags& flags, std::string_view name) {
  const Flag* flag = flags.find(name);
  if (flag == nullptr) return std::nullopt;
  const std::int64_t value = count_of(*flag);
  if (value < 1 || value > kMost) fail(*flag, fmt::format("is {}, must be from 1 to {}", value, kMost));
  return value;
}

/// train_batch_size = train_micro_batch_size_per_gpu x gradient_accumulation_steps x data-parallel ranks: two give the third.
void take_batch(const Flags& flags, const Asked& asked, std::int64_t replicas, Draft& draft) {
  const auto whole = asked.batch ? asked.batch : given(flags, "train_batch_size");
  const auto micro = given(flags, "train_micro_batch_size_per_gpu"),
             steps = given(flags, "gradient_accumulation_steps");
  const Flag* from = flags.find("train_batch_size");
  if (!whole && !micro)
    throw InputError("train_micro_batch_size_per_gpu", "is missing, and so is train_batch_size",
                     "one of them is needed");
  const std::int64_t accumulated = steps.value_or(1);
  if (whole && micro && steps && *whole != *micro * *steps * replicas)
    fail(*from, fmt::format("is {}, must be train_micro_batch_size_per_gpu {} x gradient_accumulation_steps "
                            "{} x {} data-parallel ranks, {}",
                            *whole, *micro, *steps, replicas, *micro * *steps * replicas));
  const std::int64_t batch = whole ? *whole : *micro * accumulated * replicas;
  if (!micro && batch % (accumulated * replicas) != 0)
    fail(*from,
         fmt::format("is {}, must be a multiple of gradient_accumulation_steps {} x {} data-parallel ranks",
                     batch, accumulated, replicas));
  draft.set_count("train.global_batch", batch, from);
  draft.set_count("plan.micro_batch", micro.value_or(batch / (accumulated * replicas)),
                  flags.find("train_micro_batch_size_per_gpu"));
}

bool is_true(const Flags& flags, std::string_view name) {
  const Flag* flag = flags.find(name);
  return flag != nullptr && truth_of(*flag);
}

/// `ratio`: the share of parameters that the processors update, with stage 3.
void take_offloading(const Flags& flags, Draft& draft) {
  const auto offloaded = [&](const char* name) -> const Flag* {
    const Flag* device = flags.find(name);
    if (device == nullptr || only_value(*device) == "none") return nullptr;
    if (only_value(*device) != "cpu")
      fail(*device, fmt::format("is {}, which cannot be predicted yet", json_text(only_value(*device))),
           "cpu and none are known");
    return device;
  };
  const Flag* ratio = flags.find("zero_optimization.offload_optimizer.ratio");
  if (const Flag* device = offloaded("zero_optimization.offload_optimizer.device")) {
    draft.set_switch("plan.offload.optimizer", true, device);
    if (ratio != nullptr)
      draft.set_json("plan.offload.optimizer", fmt::format("{}", number_of(*ratio)), ratio);
  }
  if (const Flag* device = offloaded("zero_optimization.offload_param.device"))
    draft.set_switch("plan.offload.weights", true, device);
}

void take_precision(const Flags& flags, Draft& draft) {
  const bool half = is_true(flags, "fp16.enabled"), brain = is_true(flags, "bf16.enabled|bfloat16.enabled");
  if (half && brain) fail(*flags.find("fp16.enabled"), "is true beside bf16.enabled", "one of them can be");
  draft.set_text("plan.precision",
                 half    ? "fp16"
                 : brain ? "bf16"
                         : "fp32",
                 flags.find(half ? "fp16.enabled" : "bf16.enabled|bfloat16.enabled"));
  if (const Flag* type = flags.find("communication_data_type")) {
    const std::string& word = only_value(*type);
    if (word != "fp32" && word != "bf16" && word != (half ? "fp16" : "bf16"))
      fail(*type, fmt::format("is {}, which cannot be predicted yet", json_text(word)), "fp32 and bf16 can");
    if (word != "fp16") draft.set_text("plan.reduce_precision", word, type);
  }
}

void take_sharding(const Flags& flags, Draft& draft) {
  const Flag* stage = flags.find("zero_optimization.stage");
  if (stage == nullptr) draft.set_count("plan.zero", 0);
  const bool weights = stage != nullptr && count_of(*stage) == 3;
  // Stage 3 overlaps where nothing is said.
  const Flag* overlap = flags.find("zero_optimization.overlap_comm");
  draft.set_switch("plan.overlap.grad_reduce", overlap != nullptr ? truth_of(*overlap) : weights, overlap);
  draft.set_switch("plan.overlap.param_gather", weights, stage);
  if (const Flag* group = flags.find("zero_optimization.mics_shard_size");
      group != nullptr && count_of(*group) > 0)
    draft.set_count("plan.zero_group", count_of(*group), group);
  take_offloading(flags, draft);
}

/// Ulysses: sequences in shares, heads exchanged around attention.
std::int64_t take_degrees(const Flags& flags, Draft& draft) {
  const Flag* tensor = flags.find("tensor_parallel.autotp_size|tensor_parallel.tp_size");
  const std::int64_t tp = given(flags, "tensor_parallel.autotp_size|tensor_parallel.tp_size").value_or(1);
  const std::int64_t cp = given(flags, "sequence_parallel_size").value_or(1);
  if (tp > 1) {
    draft.set_count("plan.tp", tp, tensor);
    draft.set_switch("plan.sequence_parallel", false, tensor);
  }
  if (cp > 1) {
    draft.set_count("plan.cp", cp, flags.find("sequence_parallel_size"));
    draft.set_text("plan.cp_kind", "all_to_all", flags.find("sequence_parallel_size"));
  }
  const std::int64_t ranks = draft.ranks();
  if (ranks % (tp * cp) != 0)
    throw InputError(tensor != nullptr ? place_of(*tensor) : "sequence_parallel_size",
                     fmt::format("{} x {} must divide the number of GPUs, which is {}", tp, cp, ranks));
  return ranks / (tp * cp);
}

Conversion convert(std::string_view text, const Asked& asked) {
  check_text(text);
  const Document document = parse_document(text, "");
  document.root().expect_object();
  std::vector<Flag> all;
  flatten(document.root(), all);
  if (!asked.says_model())
    throw InputError(
        "--model", "is missing: a configuration of DeepSpeed does not describe one",
        "--model llama3-8b, or another that ds-sim presets model lists; or the path of a config.json");
  if (!asked.sequence)
    throw InputError("--sequence-length", "is missing: a configuration of DeepSpeed does not say it");
  Draft draft(asked);
  const std::vector<Flag> keys = sort_out(all, deepspeed_keys(), asked, draft.notes);
  const Flags flags(keys);
  draft.set_model();
  draft.set_cluster({});
  draft.set_count("train.sequence_length", *asked.sequence);
  draft.take(workload::deepspeed_names(), flags);
  take_batch(flags, asked, take_degrees(flags, draft), draft);
  take_sharding(flags, draft);
  take_precision(flags, draft);
  draft.set_text("plan.recompute", "none");
  draft.notes.emplace_back(
      "assumed: plan.recompute none; whether layers are recomputed is said to the model, not to DeepSpeed");
  draft.set_text("software", "deepspeed");
  draft.note_unused(flags);
  return draft.finish();
}

}  // namespace

Conversion convert_deepspeed(std::string_view text, const Asked& asked) {
  try {
    return convert(text, asked);
  } catch (const InputError& error) {
    throw in_launch(error, asked.file);
  }
}

}  // namespace ds::convert
