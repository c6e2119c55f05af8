// Which flags of torchtitan change nothing, which are left to the software preset, and which cannot be predicted yet.
// Source: github.com/pytorch/torchtitan, torchtitan/config/configs.py at b5bcd76c6 and job_config.py at e347b1e5e.
#include "simulator/convert/torchtitan_flags.h"

namespace ds::convert {
namespace {

constexpr OtherFlags kOthers[] = {
    {Use::ignored,
     "--job.* --profiling.* --profiler.* --metrics.* --checkpoint.* --checkpointer.* --comm.init_* "
     "--comm.train_* --comm.trace_* "
     "--comm.save_* --validation.* --validator.* --experimental.* --debug.* --memory_estimation.* "
     "--fault_tolerance.* "
     "--lr_scheduler.* --optimizer.lr --optimizer.beta1 --optimizer.beta2 --optimizer.eps "
     "--optimizer.weight_decay "
     "--training.dataset* --training.dataloader.* --training.max_norm --training.gc_* "
     "--training.mixed_precision_reduce "
     "--dataloader.* --hf_assets_path --dump_folder --tokenizer.* --model.hf_assets_path "
     "--model.tokenizer_path "
     "--model.print_after_conversion --activation_checkpoint.early_stop --activation_checkpoint.visualize_* "
     "--activation_checkpoint.preserve_rng_state --activation_checkpoint.determinism_check "
     "--activation_checkpoint.debug "
     "--activation_checkpoint.per_op_sac_*",
     {},
     {}},
    {Use::habit,
     "--compile.enable --compile.components --compile.backend --optimizer.implementation "
     "--parallelism.spmd_backend "
     "--parallelism.enable_fsdp_symm_mem --parallelism.enable_compiled_autograd "
     "--parallelism.expert_parallel_comm_backend "
     "--parallelism.context_parallel_load_balancer --parallelism.context_parallel_ptrr_mask_key "
     "--quantize.linear.float8.filter_fqns "
     "--quantize.linear.mx.filter_fqns --float8.filter_fqns "
     "--quantize.linear.float8.precompute_float8_dynamic_scale_for_fsdp "
     "--float8.precompute_float8_dynamic_scale_for_fsdp --training.disable_cuda_graphs --training.compile "
     "--comm.mode",
     {},
     {}},
    {Use::lacking, "--optimizer.name", "the prediction knows AdamW alone", "AdamW Adam"},
    {Use::lacking, "--optimizer.early_step_in_backward", "the optimizer within the backward pass",
     "false False"},
    {Use::lacking, "--training.dtype", "weights and optimizer states in bf16", "float32"},
    {Use::lacking,
     "--quantize.linear.float8.enable_fsdp_float8_all_gather --float8.enable_fsdp_float8_all_gather",
     "weights are predicted to be gathered in 16 bits", "false False"},
    {Use::lacking, "--quantize.linear.float8.recipe_name --float8.recipe_name", "scales of rows",
     "tensorwise"},
    {Use::lacking, "--quantize.* --float8.* --mx.*", "that form of products in 8 bits", {}},
    {Use::lacking, "--parallelism.disable_loss_parallel", "a loss over the whole vocabulary on each rank",
     "false False"},
    {Use::lacking,
     "--parallelism.module_fqns_per_model_part --parallelism.pipeline_parallel_split_points",
     "stages by the names of modules; pipeline_parallel_layers_per_stage can be",
     {}},
    {Use::lacking, "--parallelism.pipeline_parallel_schedule_csv", "schedules from files", {}},
    {Use::lacking, "--parallelism.pipeline_parallel_expert_parallel_overlap",
     "exchanges of experts beside other work", "false False"},
    {Use::lacking, "--activation_checkpoint.memory_budget", "recompute by a budget of memory", {}},
};

}  // namespace

const Catalogue& torchtitan_flags() {
  static const Catalogue catalogue{
      .stack = "torchtitan", .keys = workload::torchtitan_names(), .others = kOthers};
  return catalogue;
}

}  // namespace ds::convert
