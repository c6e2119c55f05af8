// The rows of the table of plan keys, in the order in which a plan is read.
#include "simulator/workload/plan_keys.h"

#include <algorithm>

#include "simulator/workload/arithmetic.h"
#include "simulator/workload/plan_candidates.h"
#include "simulator/workload/plan_values.h"

namespace ds::workload {
namespace {

bool always(const Job&) { return true; }

/// Whether dp follows from the number of ranks: not on CPUs where the job leaves that number to the plan.
bool ranks_are_fixed(const Job& job) { return !job.cluster.cpu() || job.cluster.asked_ranks; }

/// The ranks that tp x pp x cp leave; on CPUs 1, unless cluster.ranks says how many there are.
void fill_dp(const Job& job, Plan& p) {
  const std::int64_t others = std::min(p.tp * p.pp, kMaxDegree) * p.cp;
  const std::int64_t ranks = job.cluster.asked_ranks.value_or(job.cluster.ranks());
  p.dp = ranks_are_fixed(job) ? std::clamp<std::int64_t>(ranks / others, 1, kMaxDegree) : 1;
}
std::string_view why_dp(const Job& job, const Plan&) {
  if (!ranks_are_fixed(job)) return "default on CPUs";
  return job.cluster.cpu() ? "cluster.ranks / (tp x pp x cp)" : "GPUs / (tp x pp x cp)";
}

std::string_view why_precision(const Job& job, const Plan&) {
  if (job.cluster.cpu()) return "default on CPUs";
  return computes_in(job, Precision::bf16) ? "default" : "the GPU has no bf16";
}
void fill_precision(const Job& job, Plan& p) {
  p.precision = job.cluster.cpu()                   ? Precision::fp32
                : computes_in(job, Precision::bf16) ? Precision::bf16
                                                    : Precision::fp16;
}

/// Transformer Engine's default: per-tensor delayed scaling, block-scaled formats from Blackwell on.
void fill_fp8_recipe(const Job& job, Plan& p) {
  if (p.precision != Precision::fp8) return;
  const bool blackwell = job.cluster.groups.front().node.accelerator.arch.starts_with("sm10");
  p.fp8_recipe = blackwell ? "mxfp8" : "tensor_delayed";
}

void fill_dispatch_precision(const Job& job, Plan& p) {
  const bool narrow = job.habits.dispatch_in_fp8 && p.precision == Precision::fp8;
  p.dispatch_precision = narrow ? DispatchPrecision::fp8 : DispatchPrecision::working;
}
/// Where tokens choose their experts freely, how many each has is known once they have; graphs need it before.
void fill_cuda_graphs(const Job& job, Plan& p) {
  p.cuda_graphs =
      job.model.moe ? std::min(job.habits.cuda_graphs, CudaGraphs::partial) : job.habits.cuda_graphs;
}
/// Nothing where no tokens travel to experts.
std::string said_of_experts(const Plan& p, std::string_view value) {
  return p.ep > 1 ? std::string(value) : std::string();
}

std::string say_schedule(const Plan& p) {
  std::string text;
  if (p.pp > 1 || p.schedule == Schedule::gpipe) text = name_in(kSchedules, p.schedule);
  if (p.vpp > 1) text += fmt::format("{}x {}", text.empty() ? "" : " ", p.vpp);
  return text;
}

std::string say_recompute(const Plan& p) {
  if (p.recompute == Recompute::full) return "recompute";
  if (p.recompute != Recompute::modules)
    return p.recompute == Recompute::selective ? "selective recompute" : "";
  std::string modules;
  for (const auto& module : kModules)
    if (has(p.recompute_modules, module.value)) modules += fmt::format(" {}", module.name);
  return fmt::format("recompute of{}", modules);
}

std::string say_offloaded_states(const Plan& p) {
  if (!p.offload_optimizer) return {};
  if (p.offloaded_states == kMillionths) return "optimizer on the host";
  return fmt::format("{}% of the optimizer on the host",
                     static_cast<double>(p.offloaded_states) * 100 / static_cast<double>(kMillionths));
}

std::string say_offloaded_layers(const Plan& p) {
  if (p.offload_activations > 0) return fmt::format("{} layers offloaded", p.offload_activations);
  if (p.offloaded_share == 0) return {};
  return fmt::format("{}% of the layers offloaded",
                     static_cast<double>(p.offloaded_share) * 100 / static_cast<double>(kMillionths));
}

using Values = std::vector<std::int64_t> (*)(const Job&, std::int64_t);

template <bool Overlap::* kMember, Values kWide = one_of_on_gpus<0, 1>>
constexpr PlanKey overlap_key(std::string_view name) {
  return {.name = name,
          .value = kOverlapSwitch<kMember>,
          .otherwise = {
              .fill = [](const Job& j,
                         Plan& p) { p.overlap.*kMember = j.habits.overlap.*kMember && !j.cluster.cpu(); },
              .why = [](const Job& j, const Plan&) -> std::string_view {
                return j.cluster.cpu() ? "false on CPUs" : "as the software does";
              }},
          .search = PlanSearch{.off = 0, .wide = kWide}};
}

constexpr std::int64_t number_of(auto value) { return static_cast<std::int64_t>(value); }

template <std::int64_t Plan::* kMember, std::int64_t kMost>
constexpr PlanKey plain_count(std::string_view name) {
  return {.name = name, .value = kCount<kMember, 1, kMost>};
}

template <std::int64_t Plan::* kMember>
constexpr PlanKey ends_key(std::string_view name) {
  return {.name = name,
          .value = kCount<kMember, 0, kMaxEnd>,
          .otherwise = {.says = [](const Job&, const Plan&) { return std::string(); }},
          .search = PlanSearch{.turn = 18, .off = 0, .wide = one_of<0, 1, 2, 3>}};
}

/// FSDP has no stage that shards optimizer states alone.
std::vector<std::int64_t> sharding_stages(const Job& job, std::int64_t) {
  return job.habits.fsdp ? std::vector<std::int64_t>{0, 2, 3} : std::vector<std::int64_t>{0, 1};
}

std::vector<const PlanKey*> by_turn() {
  std::vector<const PlanKey*> keys;
  for (const PlanKey& key : plan_keys())
    if (key.search) keys.push_back(&key);
  std::ranges::stable_sort(keys, {}, [](const PlanKey* key) { return key->search->turn; });
  return keys;
}

}  // namespace

// clang-format off
std::span<const PlanKey> plan_keys() {
 static const PlanKey rows[] = {  // made when first asked for: values of other files are copied into it

  {.name = "tp", .value = kCount<&Plan::tp, 1, kMaxDegree>,
   .search = PlanSearch{.turn = 1, .off = 1, .candidates = tensor_degrees}, .words = {.said = Said::degree, .turn = 1}},
  {.name = "pp", .value = kCount<&Plan::pp, 1, kMaxDegree>,
   .search = PlanSearch{.turn = 2, .off = 1, .candidates = pipeline_degrees}, .words = {.said = Said::degree, .turn = 2}},
  {.name = "cp", .value = kCount<&Plan::cp, 1, kMaxDegree>,
   .search = PlanSearch{.turn = 3, .off = 1, .candidates = context_degrees, .wide = wide_context_degrees}, .words = {.said = Said::degree, .turn = 2}},
  {.name = "ep", .value = kCount<&Plan::ep, 1, kMaxDegree>,
   .search = PlanSearch{.turn = 4, .off = 1, .candidates = expert_degrees}, .words = {.said = Said::degree, .turn = 2}},
  {.name = "etp", .value = kCount<&Plan::etp, 1, kMaxDegree>,
   .otherwise = {.fill = [](const Job& j, Plan& p) { p.etp = j.model.moe && p.ep == 1 ? p.tp : 1; },
                 .why = [](const Job& j, const Plan& p) -> std::string_view { return j.model.moe && p.ep == 1 ? "default: experts are cut as other layers" : "default"; },
                 .depends_on_plan = true, .always_taken = [](const Job& j) { return j.model.moe.has_value(); }},
   .search = PlanSearch{.turn = 14, .off = 1, .wide = wide_expert_tensor_degrees}, .words = {.said = Said::degree, .turn = 2},
   .used = [](const Plan& p) { return p.etp > 1; }},
  {.name = "vpp", .value = kCount<&Plan::vpp, 1, kMaxVpp>,
   .search = PlanSearch{.turn = 11, .off = 1, .candidates = chunk_counts},
   .words = {.said = Said::phrase, .turn = 6, .phrase = [](const Plan&) { return std::string(); }}},  // with the schedule
  {.name = "micro_batch", .value = kCount<&Plan::micro_batch, 1, kMaxGlobalBatch>,
   .search = PlanSearch{.turn = 9, .off = 1, .candidates = micro_batch_sizes},
   .words = {.said = Said::phrase, .turn = 4, .phrase = [](const Plan& p) { return fmt::format("micro-batch {}", p.micro_batch); }}},
  {.name = "dp", .value = kCount<&Plan::dp, 1, kMaxDegree>,
   .otherwise = {.fill = fill_dp, .why = why_dp, .depends_on_plan = true, .always_taken = ranks_are_fixed},
   .search = PlanSearch{.turn = 5, .off = 1, .candidates = data_degrees}, .words = {.said = Said::degree, .turn = 3}},
  {.name = "tp_grid", .value = kTensorGrid,
   .otherwise = {.fill = [](const Job&, Plan& p) { p.tp_rows = 1; p.tp_columns = p.tp; },
                 .why = [](const Job&, const Plan&) -> std::string_view { return "default: one row"; },
                 .depends_on_plan = true, .always_taken = always},
   .search = PlanSearch{.turn = 17},
   .words = {.said = Said::phrase, .turn = 14, .phrase = [](const Plan& p) { return p.tp_rows > 1 ? fmt::format("tensor ranks in {} rows", p.tp_rows) : ""; }},
   .used = [](const Plan& p) { return p.tp_rows > 1; }},
  {.name = "schedule", .value = kScheduleValue,
   .otherwise = {.fill = [](const Job&, Plan& p) { p.schedule = p.vpp > 1 ? Schedule::interleaved : Schedule::one_f_one_b; },
                 .why = [](const Job&, const Plan& p) -> std::string_view { return p.vpp > 1 ? "default where vpp > 1" : "default"; },
                 .depends_on_plan = true},
   .search = PlanSearch{.turn = 10, .candidates = one_of<Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved>, .wide = wide_schedules},
   .words = {.said = Said::phrase, .turn = 5, .phrase = say_schedule}},
  {.name = "sequence_parallel", .value = kSwitch<&Plan::sequence_parallel>,
   .otherwise = {.fill = [](const Job&, Plan& p) { p.sequence_parallel = p.tp > 1; },
                 .why = [](const Job&, const Plan&) -> std::string_view { return "default: where tp > 1"; },
                 .depends_on_plan = true},
   .search = PlanSearch{.turn = 8, .off = 0, .candidates = one_of<0, 1>},
   .words = {.said = Said::phrase, .turn = 7, .phrase = [](const Plan& p) { return std::string(p.sequence_parallel ? "sequence parallel" : ""); }}},
  {.name = "zero", .value = kCount<&Plan::zero, 0, 3>,
   .otherwise = {.fill = [](const Job& j, Plan& p) { p.zero = p.dp * p.cp == 1 ? 0 : j.habits.fsdp ? 3 : 1; },
                 .why = [](const Job& j, const Plan&) -> std::string_view {
                   return j.habits.fsdp ? "default: 3 where dp x cp > 1, as FSDP" : "default: 1 where dp x cp > 1";
                 },
                 .depends_on_plan = true},
   .search = PlanSearch{.turn = 13, .off = 0, .candidates = sharding_stages, .wide = wide_sharding_stages},
   .words = {.said = Said::phrase, .turn = 8, .phrase = [](const Plan& p) { return p.zero > 0 ? fmt::format("zero {}", p.zero) : ""; }}},
  {.name = "zero_group", .value = kCount<&Plan::zero_group, 1, kMaxDegree>,
   .otherwise = {.fill = [](const Job&, Plan& p) { p.zero_group = p.dp * p.cp; },
                 .why = [](const Job&, const Plan&) -> std::string_view { return "default: dp x cp"; },
                 .depends_on_plan = true, .always_taken = always},
   .search = PlanSearch{.turn = 15}},
  {.name = "recompute", .value = kRecomputeValue,
   .search = PlanSearch{.turn = 12, .off = number_of(Recompute::none), .candidates = one_of<Recompute::none, Recompute::full>, .wide = wide_recomputes},
   .words = {.said = Said::phrase, .turn = 9, .phrase = say_recompute}},
  {.name = "precision", .value = kWord<&Plan::precision, kPrecisions>,
   .otherwise = {.fill = fill_precision, .why = why_precision},
   .search = PlanSearch{.turn = 6, .candidates = [](const Job& j, std::int64_t) { return std::vector{number_of(j.plan.precision)}; }},
   .words = {.said = Said::as_value}},
  {.name = "fp8_recipe", .value = kFp8Recipe,
   .otherwise = {.fill = fill_fp8_recipe,
                 .why = [](const Job&, const Plan&) -> std::string_view { return "default of the GPU's generation"; },
                 .says = [](const Job&, const Plan& p) { return p.fp8_recipe; }, .depends_on_plan = true}},
  {.name = "reduce_precision", .value = kWord<&Plan::reduce_precision, kReducePrecisions>,
   .otherwise = {.why = [](const Job&, const Plan&) -> std::string_view { return "as the software does"; },
                 .says = [](const Job& j, const Plan&) { return j.habits.reduce_type; }}},
  {.name = "dispatch", .value = kWord<&Plan::dispatch, kDispatches>,
   .otherwise = {.fill = [](const Job& j, Plan& p) { p.dispatch = j.habits.dispatch; },
                 .why = [](const Job&, const Plan&) -> std::string_view { return "as the software does"; },
                 .says = [](const Job&, const Plan& p) { return said_of_experts(p, name_in(kDispatches, p.dispatch)); }},
   .search = PlanSearch{.off = number_of(Dispatch::all_to_all), .wide = one_of_with_experts<Dispatch::all_to_all, Dispatch::hierarchical, Dispatch::hybrid>}},
  {.name = "dispatch_precision", .value = kWord<&Plan::dispatch_precision, kDispatchPrecisions>,
   .otherwise = {.fill = fill_dispatch_precision,
                 .why = [](const Job&, const Plan&) -> std::string_view { return "as the software does"; },
                 .says = [](const Job&, const Plan& p) { return said_of_experts(p, name_in(kDispatchPrecisions, p.dispatch_precision)); },
                 .depends_on_plan = true},
   .search = PlanSearch{.off = number_of(DispatchPrecision::working)}},
  {.name = "cuda_graphs", .value = kWord<&Plan::cuda_graphs, kCudaGraphs>,
   .otherwise = {.fill = fill_cuda_graphs,
                 .why = [](const Job&, const Plan&) -> std::string_view { return "as the software does"; },
                 .says = [](const Job& j, const Plan& p) { return j.cluster.cpu() ? std::string() : std::string(name_in(kCudaGraphs, p.cuda_graphs)); }},
   .search = PlanSearch{.off = number_of(CudaGraphs::none)}},
  {.name = "cp_kind", .value = kWord<&Plan::cp_kind, kCpKinds>,
   .search = PlanSearch{.turn = 16, .wide = one_of_on_gpus<CpKind::ring, CpKind::all_gather, CpKind::all_to_all>}},
  {.name = "attention", .value = kWord<&Plan::attention, kAttentions>, .search = PlanSearch{.turn = 7},
   .words = {.said = Said::phrase, .turn = 10,
             .phrase = [](const Plan& p) { return p.attention == Attention::flash ? "" : fmt::format("{} attention", name_in(kAttentions, p.attention)); }}},
  {.name = "dropout", .value = kDropout, .used = [](const Plan& p) { return p.dropout > 0; }},
  {.name = "fusion", .value = kFusion},
  {.name = "sparsity", .value = kWord<&Plan::sparsity, kSparsities>, .used = [](const Plan& p) { return p.sparsity != Sparsity::none; }},
  {.name = "offload.optimizer", .value = kOffloadedStates, .search = PlanSearch{.off = 0, .wide = one_of_on_gpus<0, kMillionths>},
   .words = {.said = Said::phrase, .turn = 11, .phrase = say_offloaded_states}},
  {.name = "offload.weights", .value = kSwitch<&Plan::offload_weights>, .search = PlanSearch{.off = 0},
   .words = {.said = Said::phrase, .turn = 12, .phrase = [](const Plan& p) { return std::string(p.offload_weights ? "weights on the host" : ""); }}},
  {.name = "offload.activations", .value = kOffloadedLayers, .search = PlanSearch{.off = 0, .wide = one_of_on_gpus<0, 1, 2, 4>},
   .words = {.said = Said::phrase, .turn = 13, .phrase = say_offloaded_layers}},
  overlap_key<&Overlap::grad_reduce>("overlap.grad_reduce"),
  overlap_key<&Overlap::param_gather>("overlap.param_gather"),
  overlap_key<&Overlap::tp_comm>("overlap.tp_comm"),
  overlap_key<&Overlap::p2p>("overlap.p2p"),
  overlap_key<&Overlap::experts, one_of_with_experts<0, 1>>("overlap.experts"),
  overlap_key<&Overlap::shared_experts, one_of_with_experts<0, 1>>("overlap.shared_experts"),
  ends_key<&Plan::embedding_as_layers>("embedding_as_layers"),
  ends_key<&Plan::head_as_layers>("head_as_layers"),
  {.name = "stage_layers", .value = kStageLayers,  // what is taken instead is said once the rules are kept
   .otherwise = {.fill = [](const Job&, Plan& p) { p.stage_layers.clear(); p.stage_layers_given = false; },
                 .says = [](const Job&, const Plan&) { return std::string(); }, .always_taken = always}},
  {.name = "batch_shares", .value = kBatchShares,
   .otherwise = {.fill = [](const Job&, Plan& p) { p.batch_shares.clear(); },
                 .says = [](const Job&, const Plan&) { return std::string("equal"); }, .always_taken = always}},
  {.name = "placement", .value = kPlacement, .otherwise = {.says = [](const Job&, const Plan& p) { return p.placement; }}},
  {.name = "collectives", .value = kCollectives, .otherwise = {.says = [](const Job&, const Plan&) { return std::string("auto"); }}},
 };
 return rows;
}
// clang-format on

const PlanKey* find_plan_key(std::string_view name) {
  const auto found = std::ranges::find(plan_keys(), name, &PlanKey::name);
  return found == plan_keys().end() ? nullptr : &*found;
}

std::span<const PlanKey* const> varied_plan_keys() {
  static const std::vector<const PlanKey*> keys = by_turn();
  return keys;
}

}  // namespace ds::workload
