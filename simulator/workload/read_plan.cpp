// `plan`: how the model is split over the ranks, and the switches of the training stack.

#include <fmt/format.h>

#include <algorithm>

#include "simulator/workload/arithmetic.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/reader.h"
#include "simulator/workload/spellings.h"
#include "simulator/workload/split.h"

namespace ds::workload {
namespace {

/// The plan's members, each read if there, else assumed. All of them may be missing.
class PlanReader {
 public:
  PlanReader(const std::optional<Cursor>& at, const Defaults& defaults) : at_(at), defaults_(&defaults) {}

  std::optional<Cursor> find(std::string_view key) const { return at_ ? at_->find(key) : std::nullopt; }
  void assume(const char* key, std::string value, std::string why) const {
    defaults_->assume(fmt::format("plan.{}", key), std::move(value), std::move(why));
  }

  std::int64_t count(const char* key, std::int64_t otherwise, std::int64_t most,
                     const char* why = "default") const {
    if (const auto found = find(key)) return found->count(1, most);
    assume(key, fmt::format("{}", otherwise), why);
    return otherwise;
  }
  template <class Enum, std::size_t N>
  Enum one_of(const char* key, const Named<Enum> (&table)[N], Enum otherwise,
              const char* why = "default") const {
    if (const auto found = find(key)) return found->one_of(table);
    assume(key, std::string(name_in(table, otherwise)), why);
    return otherwise;
  }
  bool boolean(const char* key, bool otherwise, const char* why = "default") const {
    if (const auto found = find(key)) return found->boolean();
    assume(key, otherwise ? "true" : "false", why);
    return otherwise;
  }

 private:
  const std::optional<Cursor>& at_;
  const Defaults* defaults_;
};

/// Left out: the GPUs that tp x pp x cp leave; on CPUs 1, unless cluster.ranks says how many there are.
std::int64_t data_parallel(const PlanReader& read, const Plan& p, const Cluster& cluster) {
  const std::int64_t others = std::min(p.tp * p.pp, kMaxDegree) * p.cp;
  if (cluster.cpu() && !cluster.asked_ranks) return read.count("dp", 1, kMaxDegree, "default on CPUs");
  const std::int64_t ranks = cluster.asked_ranks.value_or(cluster.ranks());
  const std::int64_t left = std::clamp<std::int64_t>(ranks / others, 1, kMaxDegree);
  return read.count("dp", left, kMaxDegree,
                    cluster.cpu() ? "cluster.ranks / (tp x pp x cp)" : "GPUs / (tp x pp x cp)");
}

void read_grid(const PlanReader& read, Plan& p) {
  const auto grid = read.find("tp_grid");
  if (!grid) {
    p.tp_rows = 1;
    p.tp_columns = p.tp;
    read.assume("tp_grid", fmt::format("[1, {}]", p.tp), "default: one row");
    return;
  }
  const std::vector<Cursor> sides = grid->list(2, 2);
  p.tp_rows = sides[0].count(1, kMaxDegree);
  p.tp_columns = sides[1].count(1, kMaxDegree);
}

void read_recompute(const PlanReader& read, Plan& p) {
  const auto at = read.find("recompute");
  if (!at) {
    read.assume("recompute", "none", "default");
    return;
  }
  if (at->is_number()) {
    p.recompute_layers = at->count(0, kMaxLayers);
    p.recompute = p.recompute_layers == 0 ? Recompute::none : Recompute::layers;
  } else if (at->is_text()) {
    p.recompute = at->one_of(kRecomputes);
  } else {
    at->fail_value("none, selective, full or a number of layers per stage");
  }
}

/// Transformer Engine's default: per-tensor delayed scaling, block-scaled formats from Blackwell on.
std::string default_recipe(const std::string& arch) {
  return arch.starts_with("sm10") ? "mxfp8" : "tensor_delayed";
}

void read_precision(const PlanReader& read, Plan& p, const Job& job) {
  const auto [precision, why] = job.cluster.cpu() ? std::pair(Precision::fp32, "default on CPUs")
                                : computes_in(job, Precision::bf16)
                                    ? std::pair(Precision::bf16, "default")
                                    : std::pair(Precision::fp16, "the GPU has no bf16");
  p.precision = read.one_of("precision", kPrecisions, precision, why);
  if (const auto recipe = read.find("fp8_recipe")) {
    p.fp8_recipe = kFp8Recipes[recipe->choose(kFp8Recipes)];
  } else if (p.precision == Precision::fp8) {
    p.fp8_recipe = default_recipe(job.cluster.groups.front().node.accelerator.arch);
    read.assume("fp8_recipe", p.fp8_recipe, "default of the GPU's generation");
  }
  if (const auto reduce = read.find("reduce_precision"))
    p.reduce_precision = reduce->one_of(kReducePrecisions);
  else
    read.assume("reduce_precision", job.habits.reduce_type, "as the software does");
}

void read_fusion(const PlanReader& read, Plan& p) {
  const auto at = read.find("fusion");
  if (!at) {
    read.assume("fusion", "true", "default");
    return;
  }
  if (at->is_boolean()) {
    p.fusion = at->boolean();
  } else if (at->is_list()) {
    for (const Cursor& pass : at->list(0, 64)) p.fusion_passes.push_back(pass.text());
    p.fusion = !p.fusion_passes.empty();
  } else {
    at->fail_value("true, false or a list of passes");
  }
}

void read_overlap(const PlanReader& read, Plan& p, const Job& job) {
  const auto at = read.find("overlap");
  if (at) at->only({"grad_reduce", "param_gather", "tp_comm", "p2p"});
  const bool cpu = job.cluster.cpu();
  const char* why = cpu ? "false on CPUs" : "as the software does";
  const auto take = [&](const char* key, bool habit) {
    if (at)
      if (const auto found = at->find(key)) return found->boolean();
    const bool value = habit && !cpu;
    read.assume(fmt::format("overlap.{}", key).c_str(), value ? "true" : "false", why);
    return value;
  };
  p.overlap.grad_reduce = take("grad_reduce", job.habits.overlap.grad_reduce);
  p.overlap.param_gather = take("param_gather", job.habits.overlap.param_gather);
  p.overlap.tp_comm = take("tp_comm", job.habits.overlap.tp_comm);
  p.overlap.p2p = take("p2p", job.habits.overlap.p2p);
}

void read_offload(const PlanReader& read, Plan& p) {
  const auto at = read.find("offload");
  if (!at) {
    read.assume("offload", "none", "default");
    return;
  }
  at->only({"optimizer", "activations"});
  if (const auto optimizer = at->find("optimizer"))
    p.offload_optimizer = optimizer->boolean();
  else
    read.assume("offload.optimizer", "false", "default");
  if (const auto layers = at->find("activations"))
    p.offload_activations = layers->count(0, kMaxLayers);
  else
    read.assume("offload.activations", "0", "default");
}

/// Per stage a number, which is cut into chunks by the split rule, or a list of one number per chunk.
void read_stage_layers(const PlanReader& read, Plan& p) {
  const auto at = read.find("stage_layers");
  if (!at) return;
  p.stage_layers_given = true;
  const std::vector<Cursor> stages = at->list(1, kMaxLayers);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    std::vector<std::int64_t>& chunks = p.stage_layers.emplace_back();
    if (stages[s].is_list()) {
      for (const Cursor& chunk : stages[s].list(1, kMaxVpp)) chunks.push_back(chunk.count(0, kMaxLayers));
    } else {
      const std::int64_t layers = stages[s].count(0, kMaxLayers);
      for (std::int64_t c = 0; c < p.vpp; ++c)
        chunks.push_back(chunk_layers(layers, p.vpp, static_cast<std::int64_t>(s), c));
    }
  }
}

void read_placement(const PlanReader& read, Plan& p) {
  const auto at = read.find("placement");
  if (!at) {
    read.assume("placement", p.placement, "default");
    return;
  }
  p.placement = at->text();
  std::vector<std::string> axes;
  for (std::size_t start = 0; start <= p.placement.size();) {
    const std::size_t end = std::min(p.placement.find('-', start), p.placement.size());
    axes.push_back(p.placement.substr(start, end - start));
    start = end + 1;
  }
  std::vector<std::string> known(std::begin(kAxes), std::end(kAxes));
  std::ranges::sort(axes);
  std::ranges::sort(known);
  if (axes != known)
    at->fail_value("the axes tp, cp, ep, dp and pp in some order, joined by -, such as tp-cp-ep-dp-pp");
}

void read_collectives(const PlanReader& read, Plan& p) {
  const auto at = read.find("collectives");
  if (!at) {
    read.assume("collectives", "auto", "default");
    return;
  }
  at->only(kAxes);
  p.collectives_given = true;
  for (const auto& [axis, algorithm] : at->members())
    p.collectives.emplace_back(axis, kAlgorithms[algorithm.choose(kAlgorithms)]);
}

}  // namespace

Plan read_plan(const std::optional<Cursor>& at, const Job& job, const Defaults& defaults) {
  if (at)
    at->only({"tp",
              "pp",
              "cp",
              "dp",
              "ep",
              "etp",
              "vpp",
              "micro_batch",
              "tp_grid",
              "schedule",
              "sequence_parallel",
              "zero",
              "zero_group",
              "recompute",
              "precision",
              "fp8_recipe",
              "cp_kind",
              "attention",
              "dropout",
              "fusion",
              "reduce_precision",
              "sparsity",
              "offload",
              "overlap",
              "stage_layers",
              "batch_shares",
              "placement",
              "collectives"});
  const PlanReader read(at, defaults);
  Plan p;
  p.tp = read.count("tp", 1, kMaxDegree);
  p.pp = read.count("pp", 1, kMaxDegree);
  p.cp = read.count("cp", 1, kMaxDegree);
  p.ep = read.count("ep", 1, kMaxDegree);
  p.etp = read.count("etp", 1, kMaxDegree);
  p.vpp = read.count("vpp", 1, kMaxVpp);
  p.micro_batch = read.count("micro_batch", 1, kMaxGlobalBatch);
  p.dp = data_parallel(read, p, job.cluster);
  read_grid(read, p);
  p.schedule = read.one_of("schedule", kSchedules, p.vpp > 1 ? Schedule::interleaved : Schedule::one_f_one_b,
                           p.vpp > 1 ? "default where vpp > 1" : "default");
  p.sequence_parallel = read.boolean("sequence_parallel", p.tp > 1, "default: where tp > 1");
  if (const auto zero = read.find("zero")) {
    p.zero = static_cast<int>(zero->count(0, 3));
  } else {
    p.zero = p.dp * p.cp > 1 ? 1 : 0;
    read.assume("zero", fmt::format("{}", p.zero), "default: 1 where dp x cp > 1");
  }
  p.zero_group = p.dp * p.cp;
  if (const auto group = read.find("zero_group"))
    p.zero_group = group->count(1, kMaxDegree);
  else
    read.assume("zero_group", fmt::format("{}", p.zero_group), "default: dp x cp");
  read_recompute(read, p);
  read_precision(read, p, job);
  p.cp_kind = read.one_of("cp_kind", kCpKinds, CpKind::ring);
  p.attention = read.one_of("attention", kAttentions, Attention::flash);
  if (const auto dropout = read.find("dropout")) {
    p.dropout = dropout->real(0);
    if (p.dropout >= 1) dropout->fail_value("a probability below 1");
  } else {
    read.assume("dropout", "0", "default");
  }
  read_fusion(read, p);
  p.sparsity = read.one_of("sparsity", kSparsities, Sparsity::none);
  read_offload(read, p);
  read_overlap(read, p, job);
  read_stage_layers(read, p);
  if (const auto shares = read.find("batch_shares"))
    for (const Cursor& share : shares->list(1, static_cast<std::size_t>(kMaxDegree)))
      p.batch_shares.push_back(share.count(1, kMaxGlobalBatch));
  else
    read.assume("batch_shares", "equal", "default");
  read_placement(read, p);
  read_collectives(read, p);
  return p;
}

}  // namespace ds::workload
