// The table of features: one row each.
#include "tuner/policy/features.h"

#include <algorithm>
#include <cmath>

#include "simulator/workload/parameters.h"

namespace ds::tuner {
namespace {

using workload::Job;
using workload::Recompute;
using workload::Schedule;

struct What {
  const Job& job;
  const Glance& glance;
  double active_parameters{}, all_parameters{};
};

double log2_of(double value) { return std::log2(std::max(value, 1e-9)); }
double log2_of(std::int64_t value) { return log2_of(static_cast<double>(value)); }
double ratio(std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

const workload::Node& node_of(const Job& job) { return job.cluster.groups.front().node; }
double rate_inside(const Job& job) { return std::max(node_of(job).intra.bytes_per_s, 1e9); }
/// Of a GPU to other nodes.
double rate_outside(const Job& job) {
  const workload::Node& node = node_of(job);
  return std::max(
      static_cast<double>(node.nics.count) * node.nics.bytes_per_s / static_cast<double>(node.gpus_per_node),
      1e8);
}
double flops(const Job& job) { return std::max(node_of(job).accelerator.bf16_flops_per_s, 1e11); }
double tokens_of_a_rank(const Job& job) {
  return ratio(job.plan.micro_batch * job.train.sequence_length, job.plan.cp);
}
/// Idle share of a pipeline of equal stages (Narayanan et al. 2021, section 2.2).
double bubble(const Job& job) {
  return static_cast<double>(job.plan.pp - 1) /
         static_cast<double>(job.micro_batches() *
                             (job.plan.schedule == Schedule::interleaved ? job.plan.vpp : 1));
}
/// Layers of the longest chunk over those of an even split, less 1.
double unevenness(const Job& job) {
  std::int64_t longest = 0, chunks = 0;
  for (const auto& stage : job.plan.stage_layers)
    for (const std::int64_t layers : stage) longest = std::max(longest, layers), ++chunks;
  return ratio(longest * chunks, job.model.layers) - 1;
}
template <Schedule kSchedule>
double is_schedule(const What& w) {
  return w.job.plan.schedule == kSchedule ? 1 : 0;
}
template <Recompute kRecompute>
double is_recompute(const What& w) {
  return w.job.plan.recompute == kRecompute ? 1 : 0;
}
template <int kStage>
double is_zero(const What& w) {
  return w.job.plan.zero == kStage ? 1 : 0;
}
template <bool workload::Overlap::* kMember>
double overlaps(const What& w) {
  return w.job.plan.overlap.*kMember ? 1 : 0;
}

struct Feature {
  std::string_view name;
  double (*of)(const What&);
};

// clang-format off
constexpr Feature kFeatures[] = {
  // the job
  {"log2 ranks", [](const What& w) { return log2_of(w.job.cluster.ranks()); }},
  {"log2 ranks of a node", [](const What& w) { return log2_of(node_of(w.job).gpus_per_node); }},
  {"log2 layers", [](const What& w) { return log2_of(w.job.model.layers); }},
  {"log2 hidden", [](const What& w) { return log2_of(w.job.model.hidden); }},
  {"log2 vocabulary over hidden", [](const What& w) { return log2_of(ratio(w.job.model.vocab, w.job.model.hidden)); }},
  {"log2 sequence over hidden", [](const What& w) { return log2_of(ratio(w.job.train.sequence_length, w.job.model.hidden)); }},
  {"log2 sequences a rank", [](const What& w) { return log2_of(ratio(w.job.train.global_batch, w.job.cluster.ranks())); }},
  {"log2 parameters a rank", [](const What& w) { return log2_of(w.all_parameters / static_cast<double>(w.job.cluster.ranks())); }},
  {"state over memory", [](const What& w) { return 18 * w.all_parameters / (node_of(w.job).memory_bytes_per_gpu * static_cast<double>(w.job.cluster.ranks())); }},
  {"experts", [](const What& w) { return w.job.model.moe ? 1.0 : 0.0; }},
  {"log2 experts", [](const What& w) { return w.job.model.moe ? log2_of(w.job.model.moe->experts) : 0; }},
  {"log2 hidden of an expert", [](const What& w) { return w.job.model.moe ? log2_of(ratio(w.job.model.moe->expert_ffn, w.job.model.hidden)) : 0; }},
  {"log2 FLOPs a byte inside", [](const What& w) { return log2_of(flops(w.job) / rate_inside(w.job)); }},
  {"log2 FLOPs a byte outside", [](const What& w) { return log2_of(flops(w.job) / rate_outside(w.job)); }},
  {"log2 FLOPs a byte of memory", [](const What& w) { return log2_of(flops(w.job) / std::max(node_of(w.job).accelerator.memory_bytes_per_s, 1e10)); }},
  // how ranks are divided
  {"log2 tp", [](const What& w) { return log2_of(w.job.plan.tp); }},
  {"log2 pp", [](const What& w) { return log2_of(w.job.plan.pp); }},
  {"log2 cp", [](const What& w) { return log2_of(w.job.plan.cp); }},
  {"log2 ep", [](const What& w) { return log2_of(w.job.plan.ep); }},
  {"log2 etp", [](const What& w) { return log2_of(w.job.plan.etp); }},
  {"log2 dp", [](const What& w) { return log2_of(w.job.plan.dp); }},
  {"tp beyond a node", [](const What& w) { return w.job.plan.tp > node_of(w.job).gpus_per_node ? 1.0 : 0.0; }},
  {"tp x cp beyond a node", [](const What& w) { return w.job.plan.tp * w.job.plan.cp > node_of(w.job).gpus_per_node ? 1.0 : 0.0; }},
  {"ep beyond a node", [](const What& w) { return w.job.plan.ep * w.job.plan.etp > node_of(w.job).gpus_per_node ? 1.0 : 0.0; }},
  {"dp within a node", [](const What& w) { return w.job.plan.tp * w.job.plan.cp * w.job.plan.dp <= node_of(w.job).gpus_per_node ? 1.0 : 0.0; }},
  // what a pass is
  {"log2 micro-batch", [](const What& w) { return log2_of(w.job.plan.micro_batch); }},
  {"log2 micro-batches", [](const What& w) { return log2_of(w.job.micro_batches()); }},
  {"log2 tokens of a rank", [](const What& w) { return log2_of(tokens_of_a_rank(w.job)); }},
  {"log2 hidden over tp", [](const What& w) { return log2_of(ratio(w.job.model.hidden, w.job.plan.tp)); }},
  {"log2 vpp", [](const What& w) { return log2_of(w.job.plan.vpp); }},
  {"bubble", [](const What& w) { return std::min(bubble(w.job), 8.0); }},
  {"log2 1 + bubble", [](const What& w) { return log2_of(1 + bubble(w.job)); }},
  {"unevenness", [](const What& w) { return unevenness(w.job); }},
  {"embedding as layers", [](const What& w) { return static_cast<double>(w.job.plan.embedding_as_layers); }},
  {"head as layers", [](const What& w) { return static_cast<double>(w.job.plan.head_as_layers); }},
  {"head over layers of a stage", [](const What& w) { return ratio(w.job.model.vocab, 12 * w.job.model.hidden) * ratio(w.job.plan.pp, w.job.model.layers); }},
  // communication over work: bytes a token of activations, weights a step
  {"tp traffic", [](const What& w) { return w.job.plan.tp == 1 ? 0 : flops(w.job) / (w.job.plan.tp > node_of(w.job).gpus_per_node ? rate_outside(w.job) : rate_inside(w.job)) / static_cast<double>(w.job.model.hidden) * static_cast<double>(w.job.plan.tp - 1); }},
  {"dp traffic", [](const What& w) { return w.job.plan.dp == 1 ? 0 : flops(w.job) / rate_outside(w.job) / (static_cast<double>(w.job.micro_batches()) * tokens_of_a_rank(w.job)); }},
  {"sequence parallel", [](const What& w) { return w.job.plan.sequence_parallel ? 1.0 : 0.0; }},
  {"gpipe", is_schedule<Schedule::gpipe>},
  {"interleaved", is_schedule<Schedule::interleaved>},
  {"zb-h1", is_schedule<Schedule::zb_h1>},
  {"zb-v", is_schedule<Schedule::zb_v>},
  {"dualpipe", is_schedule<Schedule::dualpipe>},
  {"zero 1", is_zero<1>},
  {"zero 2", is_zero<2>},
  {"zero 3", is_zero<3>},
  {"log2 micro-batches with zero 3", [](const What& w) { return w.job.plan.zero == 3 ? log2_of(w.job.micro_batches()) : 0; }},
  {"selective", is_recompute<Recompute::selective>},
  {"full", is_recompute<Recompute::full>},
  {"layers recomputed", [](const What& w) { return w.job.plan.recompute == Recompute::layers ? std::min(1.0, ratio(w.job.plan.recompute_layers * w.job.plan.pp, w.job.model.layers)) : 0; }},
  {"gradients beside", overlaps<&workload::Overlap::grad_reduce>},
  {"parameters beside", overlaps<&workload::Overlap::param_gather>},
  {"tensor exchange beside", overlaps<&workload::Overlap::tp_comm>},
  {"messages beside", overlaps<&workload::Overlap::p2p>},
  {"expert exchange beside", overlaps<&workload::Overlap::experts>},
  {"shared experts beside", overlaps<&workload::Overlap::shared_experts>},
  {"sequences all-gathered", [](const What& w) { return w.job.plan.cp > 1 && w.job.plan.cp_kind == workload::CpKind::all_gather ? 1.0 : 0.0; }},
  {"heads exchanged", [](const What& w) { return w.job.plan.cp > 1 && w.job.plan.cp_kind == workload::CpKind::all_to_all ? 1.0 : 0.0; }},
  {"tokens by node", [](const What& w) { return w.job.plan.ep > 1 && w.job.plan.dispatch != workload::Dispatch::all_to_all ? 1.0 : 0.0; }},
  {"optimizer on the host", [](const What& w) { return w.job.plan.offload_optimizer ? 1.0 : 0.0; }},
  {"layers on the host", [](const What& w) { return std::min(1.0, ratio(w.job.plan.offload_activations * w.job.plan.pp, w.job.model.layers)); }},
  // what is known of it at once
  {"log2 work over ideal", [](const What& w) {
     const double ideal = 6 * w.active_parameters * ratio(w.job.train.global_batch * w.job.train.sequence_length, w.job.cluster.ranks()) / flops(w.job);
     return log2_of(w.glance.work_bound.value / ideal);
   }},
  {"share of memory", [](const What& w) { return std::min(w.glance.share_of_memory, 4.0); }},
};
// clang-format on

}  // namespace

std::span<const std::string_view> feature_names() {
  static const auto names = [] {
    std::vector<std::string_view> all;
    for (const Feature& feature : kFeatures) all.push_back(feature.name);
    return all;
  }();
  return names;
}

std::vector<float> features_of(const Job& job, const Glance& glance) {
  std::vector<float> features;
  features.reserve(std::size(kFeatures));
  const std::int64_t sequence = job.train.sequence_length;
  const What what{job, glance, static_cast<double>(workload::active_parameters(job.model, sequence)),
                  static_cast<double>(workload::parameters(job.model, sequence))};
  for (const Feature& feature : kFeatures) features.push_back(static_cast<float>(feature.of(what)));
  return features;
}

}  // namespace ds::tuner
