// The rows of the tables of names, each program's in the order of a job.
#include "simulator/workload/names.h"

namespace ds::workload {
namespace {

constexpr NamedWord kMegatronPositions[] = {
    {"learned_absolute", "learned"}, {"rope", "rope"}, {"none", "none"}};
constexpr NamedWord kMegatronNorms[] = {{"LayerNorm", "layer_norm"}, {"RMSNorm", "rms_norm"}};
constexpr NamedWord kMegatronRecipes[] = {{"delayed", "tensor_delayed"},
                                          {"tensorwise", "tensor_current"},
                                          {"blockwise", "block"},
                                          {"mxfp8", "mxfp8"}};
constexpr NamedWord kMegatronCpKinds[] = {
    {"p2p", "ring"}, {"allgather", "all_gather"}, {"a2a", "all_to_all"}};

constexpr NamedWord kTitanSchedules[] = {
    {"GPipe", "gpipe"}, {"1F1B", "1f1b"}, {"Interleaved1F1B", "interleaved"}, {"ZBVZeroBubble", "zb-v"}};

// clang-format off
constexpr Name kMegatron[] = {
  {"--num-layers", "model.layers", Form::count, {}},
  {"--hidden-size", "model.hidden", Form::count, {}},
  {"--num-attention-heads", "model.heads", Form::count, {}},
  {"--num-query-groups", "model.kv_heads", Form::derived, {}},
  {"--group-query-attention", "model.kv_heads", Form::derived, {}},
  {"--kv-channels", "model.head_dim", Form::derived, {}},
  {"--ffn-hidden-size", "model.ffn_hidden", Form::derived, {}},
  {"--vocab-size", "model.vocab", Form::derived, {}},
  {"--padded-vocab-size", "model.vocab", Form::derived, {}},
  {"--make-vocab-size-divisible-by", "model.vocab", Form::derived, {}},
  {"--swiglu", "model.gated_mlp", Form::derived, {}},
  {"--quick-geglu", "model.gated_mlp", Form::derived, {}},
  {"--untie-embeddings-and-output-weights", "model.tied_embeddings", Form::off, {}},
  {"--position-embedding-type", "model.position", Form::word, kMegatronPositions},
  {"--use-rotary-position-embeddings", "model.position", Form::derived, {}},
  {"--max-position-embeddings", "model.positions", Form::derived, {}},
  {"--rotary-percent", "model.rotary_dim", Form::derived, {}},
  {"--no-rope-freq", "model.unrotated_layers", Form::derived, {}},
  {"--normalization", "model.norm", Form::word, kMegatronNorms},
  {"--qk-layernorm", "model.qk_norm", Form::derived, {}},
  {"--add-qkv-bias", "model.qkv_bias", Form::derived, {}},
  {"--disable-bias-linear", "model.mlp_bias", Form::derived, {}},
  {"--window-size", "model.window", Form::derived, {}},
  {"--window-attn-skip-freq", "model.full_layers", Form::derived, {}},
  {"--num-experts", "model.moe.experts", Form::derived, {}},
  {"--moe-router-topk", "model.moe.top_k", Form::derived, {}},
  {"--moe-ffn-hidden-size", "model.moe.expert_ffn", Form::derived, {}},
  {"--moe-shared-expert-intermediate-size", "model.moe.shared_experts", Form::derived, {}},
  {"--moe-router-num-groups", "model.moe.groups", Form::derived, {}},
  {"--moe-router-group-topk", "model.moe.groups_per_token", Form::derived, {}},
  {"--moe-layer-freq", "model.moe.dense_layers", Form::derived, {}},
  {"--moe-expert-capacity-factor", "model.moe.capacity_factor", Form::derived, {}},
  {"--multi-latent-attention", "model.mla", Form::derived, {}},
  {"--q-lora-rank", "model.mla.q_lora_rank", Form::derived, {}},
  {"--kv-lora-rank", "model.mla.kv_lora_rank", Form::derived, {}},
  {"--qk-head-dim", "model.mla.qk_nope_head_dim", Form::derived, {}},
  {"--qk-pos-emb-head-dim", "model.mla.qk_rope_head_dim", Form::derived, {}},
  {"--v-head-dim", "model.mla.v_head_dim", Form::derived, {}},
  {"--mtp-num-layers", "model.mtp_layers", Form::count, {}},

  {"--seq-length", "train.sequence_length", Form::count, {}},
  {"--encoder-seq-length", "train.sequence_length", Form::derived, {}},
  {"--global-batch-size", "train.global_batch", Form::count, {}},
  {"--step-batch-size-schedule", "train.global_batch", Form::derived, {}},
  {"--rampup-batch-size", "train.global_batch", Form::derived, {}},
  {"--train-samples", "train.tokens", Form::derived, {}},
  {"--train-iters", "train.tokens", Form::derived, {}},

  {"--tensor-model-parallel-size", "plan.tp", Form::count, {}},
  {"--pipeline-model-parallel-size", "plan.pp", Form::count, {}},
  {"--context-parallel-size", "plan.cp", Form::derived, {}},
  {"--cp-comm-type", "plan.cp_kind", Form::word, kMegatronCpKinds},
  {"--expert-model-parallel-size", "plan.ep", Form::derived, {}},
  {"--moe-token-dispatcher-type", "plan.dispatch", Form::derived, {}},
  {"--expert-tensor-parallel-size", "plan.etp", Form::derived, {}},
  {"--num-virtual-stages-per-pipeline-rank", "plan.vpp", Form::derived, {}},
  {"--num-layers-per-virtual-pipeline-stage", "plan.vpp", Form::derived, {}},
  {"--micro-batch-size", "plan.micro_batch", Form::count, {}},
  {"--sequence-parallel", "plan.sequence_parallel", Form::derived, {}},
  {"--use-distributed-optimizer", "plan.zero", Form::derived, {}},
  {"--use-megatron-fsdp", "plan.zero", Form::derived, {}},
  {"--use-torch-fsdp2", "plan.zero", Form::derived, {}},
  {"--torch-fsdp2-no-reshard-after-forward", "plan.zero", Form::derived, {}},
  {"--data-parallel-sharding-strategy", "plan.zero", Form::derived, {}},
  {"--num-distributed-optimizer-instances", "plan.zero_group", Form::derived, {}},
  {"--recompute-granularity", "plan.recompute", Form::derived, {}},
  {"--recompute-activations", "plan.recompute", Form::derived, {}},
  {"--recompute-method", "plan.recompute", Form::derived, {}},
  {"--recompute-num-layers", "plan.recompute", Form::derived, {}},
  {"--recompute-modules", "plan.recompute", Form::derived, {}},
  {"--bf16", "plan.precision", Form::derived, {}},
  {"--fp16", "plan.precision", Form::derived, {}},
  {"--fp8-format", "plan.precision", Form::derived, {}},
  {"--fp8-recipe", "plan.fp8_recipe", Form::word, kMegatronRecipes},
  {"--grad-reduce-in-bf16", "plan.reduce_precision", Form::derived, {}},
  {"--attention-backend", "plan.attention", Form::derived, {}},
  {"--use-flash-attn", "plan.attention", Form::derived, {}},
  {"--attention-dropout", "plan.dropout", Form::derived, {}},
  {"--hidden-dropout", "plan.dropout", Form::derived, {}},
  {"--cross-entropy-loss-fusion", "plan.fusion", Form::derived, {}},
  {"--optimizer-cpu-offload", "plan.offload.optimizer", Form::on, {}},
  {"--cpu-offloading-num-layers", "plan.offload.activations", Form::derived, {}},
  {"--overlap-grad-reduce", "plan.overlap.grad_reduce", Form::on, {}},
  {"--overlap-param-gather", "plan.overlap.param_gather", Form::on, {}},
  {"--tp-comm-overlap", "plan.overlap.tp_comm", Form::on, {}},
  {"--overlap-moe-expert-parallel-comm", "plan.overlap.experts", Form::on, {}},
  {"--moe-shared-expert-overlap", "plan.overlap.shared_experts", Form::on, {}},
  {"--no-overlap-p2p-communication", "plan.overlap.p2p", Form::derived, {}},
  {"--pipeline-model-parallel-layout", "plan.stage_layers", Form::derived, {}},
  {"--decoder-first-pipeline-num-layers", "plan.stage_layers", Form::derived, {}},
  {"--decoder-last-pipeline-num-layers", "plan.stage_layers", Form::derived, {}},
  {"--account-for-embedding-in-pipeline-split", "plan.stage_layers", Form::derived, {}},
  {"--account-for-loss-in-pipeline-split", "plan.stage_layers", Form::derived, {}},
  {"--use-tp-pp-dp-mapping", "plan.placement", Form::derived, {}},
  {"--transformer-impl", "software", Form::derived, {}},
  {"--deterministic-mode", "software", Form::derived, {}},
  {"--activation-func-fp8-input-store", "software", Form::derived, {}},
};

constexpr Name kDeepSpeed[] = {
  {"train_batch_size", "train.global_batch", Form::count, {}},
  {"train_micro_batch_size_per_gpu", "plan.micro_batch", Form::count, {}},
  {"gradient_accumulation_steps", "train.global_batch", Form::derived, {}},
  {"zero_optimization.stage", "plan.zero", Form::count, {}},
  {"zero_optimization.overlap_comm", "plan.overlap.grad_reduce", Form::derived, {}},
  {"zero_optimization.mics_shard_size", "plan.zero_group", Form::derived, {}},
  {"zero_optimization.offload_optimizer.device", "plan.offload.optimizer", Form::derived, {}},
  {"bf16.enabled", "plan.precision", Form::derived, {}},
  {"bfloat16.enabled", "plan.precision", Form::derived, {}},
  {"fp16.enabled", "plan.precision", Form::derived, {}},
  {"communication_data_type", "plan.reduce_precision", Form::derived, {}},
  {"tensor_parallel.autotp_size", "plan.tp", Form::derived, {}},
  {"tensor_parallel.tp_size", "plan.tp", Form::derived, {}},
  {"sequence_parallel_size", "plan.cp", Form::derived, {}},
};

constexpr Name kTorchTitan[] = {
  {"--training.seq_len", "train.sequence_length", Form::count, {}},
  {"--training.max_context_length", "train.sequence_length", Form::count, {}},
  {"--training.global_batch_size", "train.global_batch", Form::derived, {}},
  {"--training.num_tokens_per_train_step", "train.global_batch", Form::derived, {}},
  {"--training.steps", "train.tokens", Form::derived, {}},
  {"--training.local_batch_size", "plan.micro_batch", Form::derived, {}},
  {"--training.batch_size", "plan.micro_batch", Form::derived, {}},
  {"--training.num_tokens_per_microbatch_per_dp_rank", "plan.micro_batch", Form::derived, {}},
  {"--parallelism.pipeline_parallel_microbatch_size", "plan.micro_batch", Form::derived, {}},
  {"--parallelism.num_pp_microbatches", "plan.micro_batch", Form::derived, {}},
  {"--parallelism.tensor_parallel_degree", "plan.tp", Form::count, {}},
  {"--parallelism.pipeline_parallel_degree", "plan.pp", Form::count, {}},
  {"--parallelism.context_parallel_degree", "plan.cp", Form::derived, {}},
  {"--parallelism.context_parallel_rotate_method", "plan.cp_kind", Form::derived, {}},
  {"--parallelism.expert_parallel_degree", "plan.ep", Form::derived, {}},
  {"--parallelism.expert_tensor_parallel_degree", "plan.etp", Form::derived, {}},
  {"--parallelism.enable_sequence_parallel", "plan.sequence_parallel", Form::derived, {}},
  {"--parallelism.pipeline_parallel_schedule", "plan.schedule", Form::word, kTitanSchedules},
  {"--parallelism.pipeline_parallel_layers_per_stage", "plan.vpp", Form::derived, {}},
  {"--parallelism.pipeline_parallel_first_stage_less_layers", "plan.stage_layers", Form::derived, {}},
  {"--parallelism.pipeline_parallel_last_stage_less_layers", "plan.stage_layers", Form::derived, {}},
  {"--parallelism.data_parallel_replicate_degree", "plan.zero_group", Form::derived, {}},
  {"--parallelism.data_parallel_shard_degree", "plan.zero_group", Form::derived, {}},
  {"--parallelism.fsdp_reshard_after_forward", "plan.zero", Form::derived, {}},
  {"--activation_checkpoint.mode", "plan.recompute", Form::derived, {}},
  {"--activation_checkpoint.selective_ac_option", "plan.recompute", Form::derived, {}},
  {"--compile.enable_async_tensor_parallel", "plan.overlap.tp_comm", Form::derived, {}},
  {"--parallelism.enable_async_tensor_parallel", "plan.overlap.tp_comm", Form::derived, {}},
  {"--model.converters", "plan.precision", Form::derived, {}},
  {"--training.mixed_precision_param", "plan.precision", Form::derived, {}},
  {"--training.enable_cpu_offload", "plan.offload.optimizer", Form::derived, {}},
  {"--model.name", "model", Form::derived, {}},
  {"--model.flavor", "model", Form::derived, {}},
  {"--module", "model", Form::derived, {}},
  {"--config", "model", Form::derived, {}},
};
// clang-format on

}  // namespace

std::span<const Name> megatron_names() { return kMegatron; }
std::span<const Name> deepspeed_names() { return kDeepSpeed; }
std::span<const Name> torchtitan_names() { return kTorchTitan; }

}  // namespace ds::workload
