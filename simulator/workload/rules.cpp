// The rows of the table of rules, and the sentence for the first one that a job breaks.
#include "simulator/workload/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <limits>

#include "simulator/workload/arithmetic.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/spellings.h"
#include "simulator/workload/split.h"

namespace ds::workload {
namespace {

/// A product that stays at the largest value instead of overflowing.
std::int64_t product(std::initializer_list<std::int64_t> factors) {
  std::int64_t result = 1;
  for (const std::int64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result)) return std::numeric_limits<std::int64_t>::max();
  return result;
}

std::int64_t asked_ranks(const Job& j) { return product({j.plan.tp, j.plan.pp, j.plan.cp, j.plan.dp}); }

/// What the sequence is cut into: by cp (twice for ring, whose ranks take one early and one late piece), and by tp
/// where tokens are sharded between the tensor-parallel regions.
std::int64_t sequence_cuts(const Job& j) {
  const bool ring = j.plan.cp > 1 && j.plan.cp_kind == CpKind::ring;
  return product({j.plan.cp, ring ? 2 : 1, j.plan.sequence_parallel ? j.plan.tp : 1});
}

/// As given, or by the split rule. The stages and chunks given are as many as the plan has.
std::int64_t layers_of_chunk(const Job& j, std::int64_t stage, std::int64_t chunk) {
  const Plan& p = j.plan;
  if (p.stage_layers_given)
    return p.stage_layers[static_cast<std::size_t>(stage)][static_cast<std::size_t>(chunk)];
  return layers_of_chunk(j.model.layers, p.pp, p.chunks(), p.ends(), stage, chunk);
}

std::int64_t most_stage_layers(const Job& j) {
  const Plan& p = j.plan;
  if (!p.stage_layers_given && p.embedding_as_layers + p.head_as_layers == 0)
    return ceil_div(j.model.layers, p.pp);
  std::int64_t most = 0;
  for (std::int64_t stage = 0; stage < p.pp; ++stage) {
    std::int64_t sum = 0;
    for (std::int64_t chunk = 0; chunk < p.chunks(); ++chunk) sum += layers_of_chunk(j, stage, chunk);
    most = std::max(most, sum);
  }
  return most;
}

std::int64_t given_layers(const Job& j) {
  std::int64_t sum = 0;
  for (const auto& stage : j.plan.stage_layers)
    for (const std::int64_t n : stage) sum += n;
  return sum;
}

std::int64_t sum_of_shares(const Job& j) {
  std::int64_t sum = 0;
  for (const std::int64_t share : j.plan.batch_shares) sum += share;
  return sum;
}

bool every_chunk_has_a_layer(const Job& j) {
  const Plan& p = j.plan;
  if (!p.stage_layers_given && p.pp > j.model.layers) return false;
  for (std::int64_t stage = 0; stage < p.pp; ++stage)
    for (std::int64_t chunk = 0; chunk < p.chunks(); ++chunk) {
      const std::int64_t n = layers_of_chunk(j, stage, chunk);
      if (n < 0 || (n == 0 && !may_be_empty(p.pp, p.vpp, stage, chunk))) return false;
    }
  return true;
}

std::int64_t micro_batches(const Job& j) { return j.plan.batch_shares.empty() ? j.micro_batches() : 0; }

/// Parameters, rounded up, in floating point: the exact count may overflow before this has been checked.
double rough_parameters(const Model& m) {
  const auto real = [](std::int64_t n) { return static_cast<double>(n); };
  const double query = real(m.heads) * real(m.head_dim) + real(m.kv_heads) * real(m.head_dim);
  double layer = real(m.hidden) * (2 * query + 3 * real(m.ffn_hidden) + 16);
  if (m.moe)
    layer +=
        real(m.hidden) * real(m.moe->experts + m.moe->shared_experts) * (3 * real(m.moe->expert_ffn) + 1);
  if (m.mla) {
    const double heads =
        real(m.heads) * real(m.mla->qk_nope_head_dim + m.mla->qk_rope_head_dim + m.mla->v_head_dim);
    layer += (real(m.hidden) + heads) * (real(m.mla->q_lora_rank) + real(m.mla->kv_lora_rank)) +
             real(m.hidden) * heads;
  }
  return real(m.layers + m.mtp_layers) * layer +
         2 * real(m.vocab) * real(std::max(m.hidden, m.embedding_width)) +
         real(m.positions + 2 * m.embedding_width) * real(m.hidden);
}

/// Elements of the largest tensor of one micro-batch on an unsplit model, in floating point.
double largest_tensor(const Job& j) {
  const auto real = [](std::int64_t n) { return static_cast<double>(n); };
  const double tokens = real(j.plan.micro_batch) * real(j.train.sequence_length);
  const Model& m = j.model;
  double widest = real(std::max({2 * m.ffn_hidden, m.hidden, m.vocab}));
  widest = std::max(widest, real(m.heads) * real(m.head_dim) * 3);
  if (j.plan.attention == Attention::unfused)
    widest = std::max(widest, real(m.heads) * real(j.train.sequence_length));
  return tokens * widest;
}

/// Forward passes that the stages of a step run; each is played, and remembered until the step ends.
std::int64_t passes(const Job& j) { return product({j.plan.pp, j.plan.chunks(), micro_batches(j)}); }

/// The layers that they pass through.
std::int64_t layer_passes(const Job& j) { return product({j.model.layers, micro_batches(j)}); }

std::int64_t nodes(const Job& j) {
  std::int64_t sum = 0;
  for (const NodeGroup& group : j.cluster.groups) sum += group.nodes;
  return sum;
}
/// The first one of its kind; -1: all have some.
std::int64_t group_without_cards(const Job& j) {
  for (std::size_t g = 0; g < j.cluster.groups.size(); ++g)
    if (j.cluster.groups[g].node.nics.count == 0) return static_cast<std::int64_t>(g);
  return -1;
}

std::string ranks_sentence(const Job& j) {
  const Plan& p = j.plan;
  const std::string plan = fmt::format("plan.tp {} x plan.pp {} x plan.cp {} x plan.dp {} = {}", p.tp, p.pp,
                                       p.cp, p.dp, asked_ranks(j));
  if (j.cluster.cpu())
    return j.cluster.asked_ranks
               ? fmt::format("{} must be cluster.ranks, which is {}", plan, *j.cluster.asked_ranks)
               : fmt::format("{} ranks are more than the {} that run on CPUs", plan, kMaxCpuRanks);
  return fmt::format("{} must be the number of GPUs, which is {} (cluster.nodes x GPUs per node)", plan,
                     j.cluster.ranks());
}

/// How many ranks there are to divide, where that is known before the plan.
std::int64_t ranks_to_divide(const Job& j) { return j.cluster.asked_ranks.value_or(j.cluster.ranks()); }

std::string division_sentence(const Job& j, std::int64_t degree, std::string_view others) {
  return fmt::format("{}{} must divide the number of {}, which is {}", degree, others,
                     j.cluster.cpu() ? "ranks" : "GPUs", ranks_to_divide(j));
}

// clang-format off
/// Degrees that no dp can make up for.
constexpr Rule kDivisions[] = {
  {"plan.tp",
   [](const Job& j) { return ranks_to_divide(j) % j.plan.tp == 0; },
   [](const Job& j) { return division_sentence(j, j.plan.tp, ""); },
   [](Job& j) -> std::int64_t& { return j.plan.tp; }},
  {"plan.pp",
   [](const Job& j) { return ranks_to_divide(j) % product({j.plan.tp, j.plan.pp}) == 0; },
   [](const Job& j) { return division_sentence(j, j.plan.pp, fmt::format(" x plan.tp {}", j.plan.tp)); },
   [](Job& j) -> std::int64_t& { return j.plan.pp; }},
  {"plan.cp",
   [](const Job& j) { return ranks_to_divide(j) % product({j.plan.tp, j.plan.pp, j.plan.cp}) == 0; },
   [](const Job& j) { return division_sentence(j, j.plan.cp, fmt::format(" x plan.tp {} x plan.pp {}", j.plan.tp, j.plan.pp)); },
   [](Job& j) -> std::int64_t& { return j.plan.cp; }},
};
// clang-format on

const Rule* undivided(const Job& j) {
  if (j.cluster.cpu() && !j.cluster.asked_ranks) return nullptr;
  const auto* const broken =
      std::ranges::find_if(kDivisions, [&](const Rule& rule) { return !rule.keeps(j); });
  return broken == std::end(kDivisions) ? nullptr : &*broken;
}

std::string precision_sentence(const Job& j) {
  std::string others;
  for (const auto& [name, precision] : kPrecisions)
    if (computes_in(j, precision)) others += fmt::format("{}{}", others.empty() ? "" : ", ", name);
  return fmt::format("{} is no arithmetic of {}, which has {}", name_in(kPrecisions, j.plan.precision),
                     j.cluster.groups.front().node.gpu, others.empty() ? "none" : others);
}

// clang-format off
const Rule kRules[] = {
  // model
  {"model.hidden",
   [](const Job& j) { return j.model.head_dim_given || j.model.mla || j.model.hidden % j.model.heads == 0; },
   [](const Job& j) { return fmt::format("{} must be a multiple of model.heads, which is {}, unless model.head_dim is given", j.model.hidden, j.model.heads); },
   [](Job& j) -> std::int64_t& { return j.model.hidden; }},
  {"model.kv_heads",
   [](const Job& j) { return j.model.heads % j.model.kv_heads == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.heads, which is {}", j.model.kv_heads, j.model.heads); },
   [](Job& j) -> std::int64_t& { return j.model.kv_heads; }},
  {"model.rotary_dim",
   [](const Job& j) { return j.model.rotary_dim <= j.model.head_dim && j.model.rotary_dim % 2 == 0; },
   [](const Job& j) { return fmt::format("{} must be even and not exceed model.head_dim, which is {}", j.model.rotary_dim, j.model.head_dim); },
   [](Job& j) -> std::int64_t& { return j.model.rotary_dim; }},
  {"model.norm_place",
   [](const Job& j) { return j.model.residual == Residual::serial || j.model.norm_place == NormPlace::before; },
   [](const Job&) { return std::string("must be before, unless model.residual is serial"); }, nullptr},
  {"train.sequence_length",
   [](const Job& j) { return j.model.position != Position::learned || j.model.positions == 0 || j.train.sequence_length <= j.model.positions; },
   [](const Job& j) { return fmt::format("{} must not exceed model.positions, which is {}", j.train.sequence_length, j.model.positions); },
   [](Job& j) -> std::int64_t& { return j.train.sequence_length; }},
  {"model.moe",
   [](const Job& j) { return j.model.family != Family::moe || j.model.moe; },
   [](const Job&) { return std::string("is missing, model.family moe needs it"); }, nullptr},
  {"model.moe.top_k",
   [](const Job& j) { return !j.model.moe || j.model.moe->top_k <= j.model.moe->experts; },
   [](const Job& j) { return fmt::format("{} must not exceed model.moe.experts, which is {}", j.model.moe->top_k, j.model.moe->experts); },
   [](Job& j) -> std::int64_t& { return j.model.moe->top_k; }},
  {"model.moe.shared_gate",
   [](const Job& j) { return !j.model.moe || !j.model.moe->shared_gate || j.model.moe->shared_experts > 0; },
   [](const Job&) { return std::string("is true, but model.moe.shared_experts is 0"); }, nullptr},
  {"model.moe.groups",
   [](const Job& j) { return !j.model.moe || j.model.moe->experts % j.model.moe->groups == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.moe.experts, which is {}", j.model.moe->groups, j.model.moe->experts); },
   [](Job& j) -> std::int64_t& { return j.model.moe->groups; }},
  {"model.moe.groups_per_token",
   [](const Job& j) { return !j.model.moe || j.model.moe->groups_per_token <= j.model.moe->groups; },
   [](const Job& j) { return fmt::format("{} must not exceed model.moe.groups, which is {}", j.model.moe->groups_per_token, j.model.moe->groups); },
   [](Job& j) -> std::int64_t& { return j.model.moe->groups_per_token; }},
  {"model.moe.groups_per_token",
   [](const Job& j) { return !j.model.moe || j.model.moe->top_k <= j.model.moe->experts / j.model.moe->groups * j.model.moe->groups_per_token; },
   [](const Job& j) { return fmt::format("{} of {} groups have fewer than model.moe.top_k {} experts", j.model.moe->groups_per_token, j.model.moe->groups, j.model.moe->top_k); },
   [](Job& j) -> std::int64_t& { return j.model.moe->groups_per_token; }},
  {"model.layers",
   [](const Job& j) { return rough_parameters(j.model) <= kMaxParameters; },
   [](const Job& j) { return fmt::format("{} gives the model about {:.1e} parameters, at most {:.0e} are planned", j.model.layers, rough_parameters(j.model), kMaxParameters); },
   [](Job& j) -> std::int64_t& { return j.model.layers; }},
  {"train.sequence_length",
   [](const Job& j) { return largest_tensor(j) <= kMaxTensorElements; },
   [](const Job& j) { return fmt::format("{} x plan.micro_batch {} gives a tensor of {:.1e} elements, at most {:.0e} are planned", j.train.sequence_length, j.plan.micro_batch, largest_tensor(j), kMaxTensorElements); }, nullptr},

  // plan against the cluster
  {"cluster.nodes",
   [](const Job& j) { return !j.cluster.cpu() || (j.cluster.groups.size() == 1 && j.cluster.groups[0].nodes == 1); },
   [](const Job& j) { return fmt::format("{} must be 1 on localhost and on a CPU profile", j.cluster.groups[0].nodes); },
   [](Job& j) -> std::int64_t& { return j.cluster.groups[0].nodes; }},
  {"cluster.nodes",
   [](const Job& j) { return j.cluster.cpu() || j.cluster.ranks() <= kMaxGpus; },
   [](const Job& j) { return fmt::format("{} makes a cluster of {} GPUs, at most {} are planned for", nodes(j), j.cluster.ranks(), kMaxGpus); }, nullptr},
  {"cluster.nodes",
   [](const Job& j) { return j.cluster.cpu() || nodes(j) == 1 || group_without_cards(j) < 0; },
   [](const Job& j) {
     const std::int64_t alone = group_without_cards(j);
     return fmt::format("{} must be 1, since {} has no network cards (nics.count)", nodes(j), j.cluster.groups[static_cast<std::size_t>(alone)].node.name); },
   [](Job& j) -> std::int64_t& { return j.cluster.groups[0].nodes; }},
  {"plan.dp",
   [](const Job& j) {
     if (!j.cluster.cpu()) return asked_ranks(j) == j.cluster.ranks();
     return j.cluster.asked_ranks ? asked_ranks(j) == *j.cluster.asked_ranks : asked_ranks(j) <= kMaxCpuRanks;
   },
   ranks_sentence,
   [](Job& j) -> std::int64_t& { return j.plan.dp; },
   undivided, {"tp", "pp", "cp", "dp"}},
  {"plan.precision",
   [](const Job& j) { return j.cluster.cpu() || computes_in(j, j.plan.precision); },
   precision_sentence, nullptr},
  {"plan.ep",
   [](const Job& j) { return j.model.moe || (j.plan.ep == 1 && j.plan.etp == 1); },
   [](const Job& j) { return fmt::format("plan.ep {} and plan.etp {} must be 1 without model.moe", j.plan.ep, j.plan.etp); }, nullptr},
  {"plan.ep",
   [](const Job& j) { return product({j.plan.tp, j.plan.cp, j.plan.dp}) % product({j.plan.ep, j.plan.etp}) == 0; },
   [](const Job& j) { return fmt::format("{} x plan.etp {} must divide plan.tp x plan.cp x plan.dp, which is {}", j.plan.ep, j.plan.etp, product({j.plan.tp, j.plan.cp, j.plan.dp})); },
   [](Job& j) -> std::int64_t& { return j.plan.ep; }, nullptr, {"tp", "cp", "dp", "ep", "etp"}},

  // tensor and expert parallelism
  {"plan.tp",
   [](const Job& j) { return j.model.heads % j.plan.tp == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.heads, which is {}", j.plan.tp, j.model.heads); },
   [](Job& j) -> std::int64_t& { return j.plan.tp; }, nullptr, {"tp"}},
  {"plan.tp",
   [](const Job& j) { return j.model.mla || j.model.kv_heads % j.plan.tp == 0 || j.plan.tp % j.model.kv_heads == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.kv_heads, which is {}, or be a multiple of it", j.plan.tp, j.model.kv_heads); },
   [](Job& j) -> std::int64_t& { return j.plan.tp; }, nullptr, {"tp"}},
  {"plan.tp",
   [](const Job& j) { return j.model.ffn_hidden % j.plan.tp == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.ffn_hidden, which is {}", j.plan.tp, j.model.ffn_hidden); },
   [](Job& j) -> std::int64_t& { return j.plan.tp; }, nullptr, {"tp"}},
  {"plan.tp_grid",
   [](const Job& j) { return product({j.plan.tp_rows, j.plan.tp_columns}) == j.plan.tp; },
   [](const Job& j) { return fmt::format("{} x {} must be plan.tp, which is {}", j.plan.tp_rows, j.plan.tp_columns, j.plan.tp); }, nullptr},
  {"plan.ep",
   [](const Job& j) { return !j.model.moe || j.model.moe->experts % j.plan.ep == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.moe.experts, which is {}", j.plan.ep, j.model.moe->experts); },
   [](Job& j) -> std::int64_t& { return j.plan.ep; }, nullptr, {"ep"}},
  {"plan.etp",
   [](const Job& j) { return !j.model.moe || j.model.moe->expert_ffn % j.plan.etp == 0; },
   [](const Job& j) { return fmt::format("{} must divide model.moe.expert_ffn, which is {}", j.plan.etp, j.model.moe->expert_ffn); },
   [](Job& j) -> std::int64_t& { return j.plan.etp; }, nullptr, {"etp"}},

  // sequence and batch
  {"train.sequence_length",
   [](const Job& j) { return j.train.sequence_length % sequence_cuts(j) == 0; },
   [](const Job& j) { return fmt::format("{} must be a multiple of {} (plan.cp {}{}{})", j.train.sequence_length, sequence_cuts(j), j.plan.cp,
        j.plan.cp > 1 && j.plan.cp_kind == CpKind::ring ? ", twice for ring" : "",
        j.plan.sequence_parallel ? fmt::format(", x plan.tp {} with plan.sequence_parallel", j.plan.tp) : std::string()); },
   [](Job& j) -> std::int64_t& { return j.train.sequence_length; }, nullptr, {"tp", "cp", "cp_kind", "sequence_parallel"}},
  {"plan.cp",
   [](const Job& j) { return j.plan.cp == 1 || j.plan.cp_kind != CpKind::all_to_all || j.model.heads % product({j.plan.tp, j.plan.cp}) == 0; },
   [](const Job& j) { return fmt::format("{} x plan.tp {} must divide model.heads, which is {}, for plan.cp_kind all_to_all", j.plan.cp, j.plan.tp, j.model.heads); },
   [](Job& j) -> std::int64_t& { return j.plan.cp; }},
  {"train.global_batch",
   [](const Job& j) { return !j.plan.batch_shares.empty() || j.train.global_batch % product({j.plan.dp, j.plan.micro_batch}) == 0; },
   [](const Job& j) { return fmt::format("{} must be a multiple of plan.dp {} x plan.micro_batch {}", j.train.global_batch, j.plan.dp, j.plan.micro_batch); },
   [](Job& j) -> std::int64_t& { return j.train.global_batch; }, nullptr, {"dp", "micro_batch"}},
  {"plan.batch_shares",
   [](const Job& j) { return j.plan.batch_shares.empty() || std::ssize(j.plan.batch_shares) == j.plan.dp; },
   [](const Job& j) { return fmt::format("has {} shares, must have one for each of plan.dp, which is {}", j.plan.batch_shares.size(), j.plan.dp); }, nullptr},
  {"plan.batch_shares",
   [](const Job& j) { return j.plan.batch_shares.empty() || sum_of_shares(j) == j.train.global_batch; },
   [](const Job& j) { return fmt::format("add up to {}, must add up to train.global_batch, which is {}", sum_of_shares(j), j.train.global_batch); }, nullptr},
  {"plan.batch_shares",
   [](const Job& j) { return std::ranges::all_of(j.plan.batch_shares, [&](std::int64_t s) { return s % j.plan.micro_batch == 0; }); },
   [](const Job& j) { return fmt::format("must be multiples of plan.micro_batch, which is {}", j.plan.micro_batch); }, nullptr},
  {"plan.micro_batch",
   [](const Job& j) { return micro_batches(j) <= kMaxMicroBatches; },
   [](const Job& j) { return fmt::format("{} gives {} micro-batches a step, at most {} are planned", j.plan.micro_batch, micro_batches(j), kMaxMicroBatches); },
   [](Job& j) -> std::int64_t& { return j.plan.micro_batch; }, nullptr, {"dp", "micro_batch"}},
  {"plan.pp",
   [](const Job& j) { return passes(j) <= kMaxPasses; },
   [](const Job& j) { return fmt::format("{} x plan.vpp {} x {} micro-batches makes a step of {} passes, at most {} are planned (some 200 MB); a larger plan.micro_batch makes fewer", j.plan.pp, j.plan.vpp, micro_batches(j), passes(j), kMaxPasses); }, nullptr},
  {"plan.micro_batch",
   [](const Job& j) { return layer_passes(j) <= kMaxLayerPasses; },
   [](const Job& j) { return fmt::format("{} gives {} micro-batches, which pass through {} layers in {} steps; at most {} are planned (some 200 MB); a larger plan.micro_batch gives fewer", j.plan.micro_batch, micro_batches(j), j.model.layers, layer_passes(j), kMaxLayerPasses); },
   [](Job& j) -> std::int64_t& { return j.plan.micro_batch; }, nullptr, {"dp", "micro_batch"}},
  {"plan.zero_group",
   [](const Job& j) { return product({j.plan.dp, j.plan.cp}) % j.plan.zero_group == 0; },
   [](const Job& j) { return fmt::format("{} must divide plan.dp x plan.cp, which is {}", j.plan.zero_group, product({j.plan.dp, j.plan.cp})); },
   [](Job& j) -> std::int64_t& { return j.plan.zero_group; }},

  // pipeline
  {"plan.vpp",
   [](const Job& j) { return j.plan.vpp == 1 || j.plan.schedule == Schedule::interleaved; },
   [](const Job& j) { return fmt::format("{} must be 1 unless plan.schedule is interleaved", j.plan.vpp); }, nullptr, nullptr, {"vpp", "schedule"}},
  {"plan.stage_layers",
   [](const Job& j) { return !j.plan.stage_layers_given || std::ssize(j.plan.stage_layers) == j.plan.pp; },
   [](const Job& j) { return fmt::format("has {} stages, must have one for each of plan.pp, which is {}", j.plan.stage_layers.size(), j.plan.pp); }, nullptr},
  {"plan.stage_layers",
   [](const Job& j) { return !j.plan.stage_layers_given || std::ranges::all_of(j.plan.stage_layers, [&](const auto& s) { return std::ssize(s) == j.plan.chunks(); }); },
   [](const Job& j) { return fmt::format("each stage must be a number or a list of {} numbers, as many as it has chunks{}", j.plan.chunks(), j.plan.turns_back() ? " with plan.schedule zb-v" : " (plan.vpp)"); }, nullptr},
  {"plan.stage_layers",
   [](const Job& j) { return !j.plan.stage_layers_given || given_layers(j) == j.model.layers; },
   [](const Job& j) { return fmt::format("add up to {}, must add up to model.layers, which is {}", given_layers(j), j.model.layers); }, nullptr},
  {"plan.stage_layers",
   [](const Job& j) { return !j.plan.stage_layers_given || every_chunk_has_a_layer(j); },
   [](const Job&) { return std::string("every chunk must hold a layer, except the very first and the very last when plan.vpp > 1"); }, nullptr},
  {"plan.embedding_as_layers",
   [](const Job& j) { return !j.plan.stage_layers_given || j.plan.embedding_as_layers + j.plan.head_as_layers == 0; },
   [](const Job& j) { return fmt::format("{} and plan.head_as_layers {} must be 0 where plan.stage_layers says how many layers each stage has", j.plan.embedding_as_layers, j.plan.head_as_layers); }, nullptr},
  {"plan.embedding_as_layers",
   [](const Job& j) { return j.plan.stage_layers_given || j.plan.embedding_as_layers + j.plan.head_as_layers == 0 || product({j.plan.pp, j.plan.chunks()}) > j.model.layers + 2 || every_chunk_has_a_layer(j); },
   [](const Job& j) { return fmt::format("{} and plan.head_as_layers {} leave a chunk without a layer: smaller ones are possible", j.plan.embedding_as_layers, j.plan.head_as_layers); }, nullptr},
  {"plan.pp",
   [](const Job& j) { return j.plan.stage_layers_given || (product({j.plan.pp, j.plan.chunks()}) <= j.model.layers + 2 && every_chunk_has_a_layer(j)); },
   [](const Job& j) { return fmt::format("{} stages x {} chunks are too many for model.layers, which is {}: every chunk must hold a layer, except the very first and the very last when plan.vpp > 1", j.plan.pp, j.plan.turns_back() ? std::string("2 (zb-v)") : fmt::format("plan.vpp {}", j.plan.vpp), j.model.layers); },
   [](Job& j) -> std::int64_t& { return j.plan.pp; }, nullptr, {"pp", "vpp", "schedule", "embedding_as_layers", "head_as_layers"}},
  {"plan.pp",
   [](const Job& j) { return j.plan.vpp == 1 || j.plan.schedule != Schedule::interleaved || micro_batches(j) % j.plan.pp == 0; },
   [](const Job& j) { return fmt::format("{} must divide the {} micro-batches for plan.schedule interleaved (train.global_batch / plan.dp / plan.micro_batch)", j.plan.pp, micro_batches(j)); },
   [](Job& j) -> std::int64_t& { return j.plan.pp; }, nullptr, {"vpp", "schedule", "pp", "dp", "micro_batch"}},
  {"plan.pp",
   [](const Job& j) { return j.plan.schedule != Schedule::dualpipe || j.plan.pp % 2 == 0; },
   [](const Job& j) { return fmt::format("{} must be even for plan.schedule dualpipe", j.plan.pp); },
   [](Job& j) -> std::int64_t& { return j.plan.pp; }, nullptr, {"schedule", "pp"}},
  {"train.global_batch",
   [](const Job& j) { return j.plan.schedule != Schedule::dualpipe || (micro_batches(j) % 2 == 0 && micro_batches(j) >= product({2, j.plan.pp})); },
   [](const Job& j) { return fmt::format("{} gives {} micro-batches; plan.schedule dualpipe takes an even number of them, at least 2 x plan.pp {}", j.train.global_batch, micro_batches(j), j.plan.pp); },
   [](Job& j) -> std::int64_t& { return j.train.global_batch; }, nullptr, {"schedule", "pp", "dp", "micro_batch"}},
  {"plan.recompute",
   [](const Job& j) { return j.plan.recompute != Recompute::layers || j.plan.recompute_layers <= most_stage_layers(j); },
   [](const Job& j) { return fmt::format("{} must not exceed the layers of a stage, at most {}", j.plan.recompute_layers, most_stage_layers(j)); },
   [](Job& j) -> std::int64_t& { return j.plan.recompute_layers; }},
  {"plan.offload.activations",
   [](const Job& j) { return j.plan.offload_activations <= most_stage_layers(j); },
   [](const Job& j) { return fmt::format("{} must not exceed the layers of a stage, at most {}", j.plan.offload_activations, most_stage_layers(j)); },
   [](Job& j) -> std::int64_t& { return j.plan.offload_activations; }},
};
// clang-format on

/// The nearest values below and above that keep the rule, all else unchanged: "10 and 20 do".
std::string what_would_keep(const Rule& rule, const Job& job) {
  if (rule.key == nullptr) return {};
  constexpr std::int64_t kFarthest = 100'000;
  Job trial = job;
  std::int64_t& value = rule.key(trial);
  const std::int64_t broken = value;
  std::string found;
  for (value = broken - 1; value >= std::max<std::int64_t>(1, broken - kFarthest); --value)
    if (rule.keeps(trial)) {
      found = fmt::format("{}", value);
      break;
    }
  for (value = broken + 1; value <= broken + kFarthest; ++value)
    if (rule.keeps(trial))
      return found.empty() ? fmt::format("{} does", value) : fmt::format("{} and {} do", found, value);
  return found.empty() ? found : found + " does";
}

}  // namespace

std::span<const Rule> rules() { return kRules; }

std::optional<Violation> first_violation(const Job& job) {
  for (const Rule& rule : kRules)
    if (!rule.keeps(job)) return Violation{&rule};
  return std::nullopt;
}

const Rule& blamed(Violation violation, const Job& job) {
  const Rule* cause = violation.rule->cause == nullptr ? nullptr : violation.rule->cause(job);
  return cause == nullptr ? *violation.rule : *cause;
}

InputError as_error(Violation violation, const Job& job) {
  const Rule& rule = blamed(violation, job);
  return {std::string(rule.path), rule.says(job), what_would_keep(rule, job)};
}

}  // namespace ds::workload
