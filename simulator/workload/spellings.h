#pragma once
// How every option of a job is spelt: the only place, read by the job reader, reports and tests.

#include <string_view>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::workload {

inline constexpr Named<Family> kFamilies[] = {
    {"gpt", Family::gpt}, {"llama", Family::llama}, {"bert", Family::bert}, {"moe", Family::moe}};
inline constexpr Named<Position> kPositions[] = {{"learned", Position::learned},
                                                 {"rope", Position::rope},
                                                 {"alibi", Position::alibi},
                                                 {"none", Position::none}};
inline constexpr Named<Norm> kNorms[] = {{"layer_norm", Norm::layer},
                                         {"layer_norm_without_bias", Norm::layer_gain},
                                         {"layer_norm_without_gain", Norm::layer_bare},
                                         {"rms_norm", Norm::rms}};
inline constexpr Named<NormPlace> kNormPlaces[] = {{"before", NormPlace::before},
                                                   {"behind", NormPlace::behind},
                                                   {"around", NormPlace::around},
                                                   {"after", NormPlace::after}};
inline constexpr Named<Residual> kResiduals[] = {{"serial", Residual::serial},
                                                 {"parallel", Residual::parallel},
                                                 {"parallel_two_norms", Residual::parallel_two_norms}};
inline constexpr Named<QkNorm> kQkNorms[] = {{"none", QkNorm::none},
                                             {"shared", QkNorm::shared},
                                             {"per_head", QkNorm::per_head},
                                             {"whole", QkNorm::whole}};
inline constexpr Named<Recompute> kRecomputes[] = {
    {"none", Recompute::none}, {"selective", Recompute::selective}, {"full", Recompute::full}};
inline constexpr Named<Module> kModules[] = {{"core_attn", Module::core_attn},
                                             {"layernorm", Module::layernorm},
                                             {"mlp", Module::mlp},
                                             {"moe", Module::moe},
                                             {"moe_act", Module::moe_act},
                                             {"shared_experts", Module::shared_experts},
                                             {"mla_up_proj", Module::mla_up_proj}};
inline constexpr Named<Precision> kPrecisions[] = {{"fp64", Precision::fp64},      {"fp32", Precision::fp32},
                                                   {"tf32", Precision::tf32},      {"fp16", Precision::fp16},
                                                   {"bf16", Precision::bf16},      {"fp8", Precision::fp8},
                                                   {"dynamic", Precision::dynamic}};
inline constexpr Named<CpKind> kCpKinds[] = {
    {"ring", CpKind::ring}, {"all_gather", CpKind::all_gather}, {"all_to_all", CpKind::all_to_all}};
inline constexpr Named<Attention> kAttentions[] = {
    {"flash", Attention::flash}, {"flash1", Attention::flash1}, {"flash2", Attention::flash2},
    {"cudnn", Attention::cudnn}, {"flash3", Attention::flash3}, {"unfused", Attention::unfused}};
inline constexpr Named<Dispatch> kDispatches[] = {{"all_to_all", Dispatch::all_to_all},
                                                  {"hierarchical", Dispatch::hierarchical},
                                                  {"hybrid", Dispatch::hybrid}};
inline constexpr Named<DispatchPrecision> kDispatchPrecisions[] = {{"working", DispatchPrecision::working},
                                                                   {"fp8", DispatchPrecision::fp8}};
inline constexpr Named<CudaGraphs> kCudaGraphs[] = {
    {"none", CudaGraphs::none}, {"partial", CudaGraphs::partial}, {"full", CudaGraphs::full}};
inline constexpr Named<ReducePrecision> kReducePrecisions[] = {{"fp32", ReducePrecision::fp32},
                                                               {"bf16", ReducePrecision::bf16}};
/// What a software makes one kernel of; `compile`: all that lies element by element side by side.
inline constexpr std::string_view kFusions[] = {
    "bias_gelu", "bias_swiglu", "bias_dropout_add", "masked_softmax", "layer_norm",
    "rms_norm",  "rope",        "cross_entropy",    "compile",        "router",
    "permute",   "fp8_scales",  "norm_quantise"};
inline constexpr Named<Sparsity> kSparsities[] = {{"none", Sparsity::none}, {"2:4", Sparsity::two_of_four}};
inline constexpr Named<Depth> kDepths[] = {{"analytic", Depth::analytic}, {"event", Depth::event}};
inline constexpr Named<IntraKind> kIntraKinds[] = {{"none", IntraKind::none},
                                                   {"nvswitch", IntraKind::nvswitch},
                                                   {"nvlink-mesh", IntraKind::nvlink_mesh},
                                                   {"xgmi-mesh", IntraKind::xgmi_mesh},
                                                   {"pcie", IntraKind::pcie}};
inline constexpr std::string_view kFp8Recipes[] = {"tensor_delayed", "tensor_current", "block", "mxfp8"};
inline constexpr std::string_view kAxes[] = {"tp", "cp", "ep", "dp", "pp"};
/// `auto`, and the names of collective::Algorithm that have a price.
inline constexpr std::string_view kAlgorithms[] = {
    "auto",   "ring",  "tree",   "recursive_doubling", "halving_doubling",
    "direct", "bruck", "grid2d", "hierarchical",       "nvls"};
inline constexpr std::string_view kObjectives[] = {"step_time", "cost", "energy", "memory", "time_to_train"};
inline constexpr std::string_view kFabricKinds[] = {"fat-tree", "rail-optimised", "dragonfly", "ethernet"};

/// The word for `value` in one of the tables above, or in that of schedules (schedules.h), "?" when it is not in it.
template <class Entry, class Enum, std::size_t N>
constexpr std::string_view name_in(const Entry (&table)[N], Enum value) {
  for (const Entry& entry : table)
    if (entry.value == value) return entry.name;
  return "?";
}

}  // namespace ds::workload
