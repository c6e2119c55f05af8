// Key by key: when it says nothing, and what it is then.
#include "simulator/export/plain_job.h"

#include <algorithm>

#include "simulator/workload/spellings.h"

namespace ds::exports {
namespace {

using workload::Job;
using workload::Model;
using workload::Plan;

bool none_of(const std::vector<bool>& mask) { return std::ranges::find(mask, true) == mask.end(); }

void make_plain(Model& m, std::int64_t sequence) {
  m.name.clear();
  // A family is a set of defaults, which have been taken; BERT alone looks both ways.
  if (m.family != workload::Family::bert) m.family = workload::Family::llama;
  m.head_dim_given = false;
  if (m.mla) {  // which makes keys and values for each head, of sizes of its own
    m.kv_heads = m.heads;
    m.head_dim = m.mla->qk_nope_head_dim + m.mla->qk_rope_head_dim;
  }
  const bool learned = m.position == workload::Position::learned;
  if (!learned) m.positions = 0;
  if (learned && m.positions == 0) m.positions = sequence;
  const bool rotates = m.position == workload::Position::rope;
  if (!rotates || m.rotary_dim == m.head_dim) m.rotary_dim = 0;
  if (!rotates || none_of(m.unrotated_layers)) m.unrotated_layers.clear();
  if (m.window == 0 || none_of(m.full_layers)) m.full_layers.clear();
  if (m.embedding_width == m.hidden) m.embedding_width = 0;
  if (!m.moe) return;
  m.moe->skew = 1;  // a guess about the data
  if (m.moe->groups == 1) m.moe->groups_per_token = 1;
  // Nobody multiplies by the width of dense layers where there are none.
  if (none_of(m.moe->dense_layers) && m.mtp_layers == 0) m.ffn_hidden = m.moe->expert_ffn;
}

std::int64_t longest_stage(const Plan& plan) {
  std::int64_t longest = 0;
  for (const auto& stage : plan.stage_layers) {
    std::int64_t layers = 0;
    for (const std::int64_t n : stage) layers += n;
    longest = std::max(longest, layers);
  }
  return longest;
}

void make_recompute_plain(Plan& p, const workload::Software& habits) {
  using workload::Recompute;
  const bool core_alone =
      p.recompute == Recompute::modules && p.recompute_modules == set_of(workload::Module::core_attn);
  if (core_alone && habits.selective_recompute == "attention_core") p.recompute = Recompute::selective;
  if (p.recompute == Recompute::layers && p.recompute_layers >= longest_stage(p))
    p.recompute = Recompute::full;
  if (p.recompute != Recompute::layers) p.recompute_layers = 0;
  if (p.recompute != Recompute::modules) p.recompute_modules = 0;
}

/// Axes of one rank stand anywhere.
void make_placement_plain(Plan& p) {
  const auto degree = [&](std::string_view axis) {
    return axis == "tp" ? p.tp : axis == "cp" ? p.cp : axis == "ep" ? p.ep : axis == "dp" ? p.dp : p.pp;
  };
  const auto of_several = [&](std::string_view placement) {
    std::string axes;
    for (; !placement.empty(); placement.remove_prefix(std::min<std::size_t>(3, placement.size())))
      if (degree(placement.substr(0, 2)) > 1) axes += placement.substr(0, 2);
    return axes;
  };
  if (of_several(p.placement) == of_several(Plan{}.placement)) p.placement = Plan{}.placement;
}

void make_overlap_plain(Plan& p) {
  workload::Overlap& o = p.overlap;
  const bool shares = p.dp * p.cp > 1;
  o.grad_reduce = o.grad_reduce && shares;
  o.param_gather = o.param_gather && shares && p.zero > 0;
  o.tp_comm = o.tp_comm && p.tp > 1 && p.sequence_parallel;
  o.p2p = o.p2p && p.pp > 1;
  o.experts = o.experts && p.ep > 1;
  o.shared_experts = o.shared_experts && p.ep > 1;
}

/// What the software reduces in, by name. In fp16 it is wide where gradients are as wide as in bf16 (program::reduce_type).
void make_reduction_plain(Plan& p, const workload::Software& habits) {
  using workload::ReducePrecision;
  if (p.reduce_precision != ReducePrecision::software) return;
  const bool alike =
      p.precision != workload::Precision::fp16 || habits.fp16_gradient_type == habits.gradient_type;
  if (habits.reduce_type == "fp32" && alike) p.reduce_precision = ReducePrecision::fp32;
  if (habits.reduce_type == "bf16") p.reduce_precision = ReducePrecision::bf16;
}

void make_plain(Plan& p, const Job& job) {
  using namespace workload;
  if (p.tp == 1) p.sequence_parallel = false;
  if (p.cp == 1) p.cp_kind = CpKind::ring;
  if (p.ep == 1) p.dispatch = Dispatch::all_to_all, p.dispatch_precision = DispatchPrecision::working;
  if (!job.model.moe) p.etp = 1;
  if (p.vpp == 1 && p.schedule == Schedule::interleaved) p.schedule = Schedule::one_f_one_b;
  if (p.zero == 0) p.zero_group = p.dp * p.cp;
  if (p.precision != Precision::fp8) p.fp8_recipe.clear();
  if (p.attention == Attention::flash) p.attention = job.habits.flash;
  make_reduction_plain(p, job.habits);
  if (!p.offload_optimizer) p.offloaded_states = kMillionths;
  p.fusion = true, p.fusion_passes.clear();  // fusions_that_count has them
  p.stage_layers_given = true;
  std::erase_if(p.collectives, [](const auto& choice) { return choice.second == "auto"; });
  p.collectives_given = !p.collectives.empty();
  make_recompute_plain(p, job.habits);
  make_placement_plain(p);
  make_overlap_plain(p);
}

}  // namespace

Job plain_job(const Job& job) {
  Job plain = job;
  make_plain(plain.model, job.train.sequence_length);
  make_plain(plain.plan, job);
  workload::Software& habits = plain.habits;
  if (!job.model.moe || job.plan.precision != workload::Precision::fp8) habits.pads_expert_rows = false;
  if (job.plan.precision != workload::Precision::fp16) habits.fp16_gradient_type = "working";
  return plain;
}

std::vector<std::string_view> fusions_that_count(const Job& job) {
  const Model& m = job.model;
  const Plan& p = job.plan;
  const bool eight = p.precision == workload::Precision::fp8;
  const bool layer_norm = m.norm != workload::Norm::rms, experts = m.moe.has_value();
  std::vector<std::string_view> passes;
  for (const std::string_view pass : workload::kFusions) {
    const bool counts = (pass != "bias_gelu" || !m.gated_mlp) && (pass != "bias_swiglu" || m.gated_mlp) &&
                        (pass != "masked_softmax" || p.attention == workload::Attention::unfused) &&
                        (pass != "layer_norm" || layer_norm) && (pass != "rms_norm" || !layer_norm) &&
                        (pass != "rope" || m.position == workload::Position::rope || m.mla) &&
                        ((pass != "router" && pass != "permute") || experts) &&
                        (pass != "fp8_scales" || (experts && eight)) && (pass != "norm_quantise" || eight);
    if (counts && job.habits.fuses(pass)) passes.push_back(pass);
  }
  return passes;
}

}  // namespace ds::exports
