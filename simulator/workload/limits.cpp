// The limits by name, for people who ask for them.
#include "simulator/workload/limits.h"

#include "simulator/base/file.h"
#include "simulator/base/json.h"

namespace ds::workload {
namespace {

constexpr Limit kLimits[] = {
    {"bytes of an input file", static_cast<double>(kMaxInputBytes)},
    {"nesting of JSON values", static_cast<double>(kMaxDepth)},
    {"any whole number, seed", static_cast<double>(kMaxWhole)},
    {"model.layers, model.moe.dense_layers", static_cast<double>(kMaxLayers)},
    {"model.mtp_layers", static_cast<double>(kMaxMtpLayers)},
    {"model.hidden, model.ffn_hidden, model.vocab, model.head_dim, model.moe.expert_ffn, model.mla.*",
     static_cast<double>(kMaxWidth)},
    {"model.heads, model.kv_heads", static_cast<double>(kMaxHeads)},
    {"model.moe.experts, model.moe.top_k, model.moe.shared_experts", static_cast<double>(kMaxExperts)},
    {"cluster.nodes", static_cast<double>(kMaxNodes)},
    {"GPUs of a node", static_cast<double>(kMaxGpusPerNode)},
    {"GPUs of a node that is a mesh", static_cast<double>(kMaxMeshedGpus)},
    {"GPUs of a cluster", static_cast<double>(kMaxGpus)},
    {"cluster.groups", static_cast<double>(kMaxGroups)},
    {"ranks on CPUs", static_cast<double>(kMaxCpuRanks)},
    {"layers on CPUs", static_cast<double>(kMaxCpuLayers)},
    {"instructions of a step on CPUs", static_cast<double>(kMaxCpuStep)},
    {"train.sequence_length", static_cast<double>(kMaxSequence)},
    {"train.global_batch", static_cast<double>(kMaxGlobalBatch)},
    {"train.tokens", kMaxTokens},
    {"parameters of a model", kMaxParameters},
    {"elements of a tensor of one micro-batch", kMaxTensorElements},
    {"micro-batches of a step", static_cast<double>(kMaxMicroBatches)},
    {"plan.pp x plan.vpp x micro-batches of a step", static_cast<double>(kMaxPasses)},
    {"model.layers x micro-batches of a step", static_cast<double>(kMaxLayerPasses)},
    {"model.layers x micro-batches at event depth", static_cast<double>(kMaxPlayedLayerPasses)},
    {"plan.tp, pp, cp, dp, ep, etp, zero_group", static_cast<double>(kMaxDegree)},
    {"plan.vpp", static_cast<double>(kMaxVpp)},
    {"plan.embedding_as_layers, head_as_layers", static_cast<double>(kMaxEnd)},
    {"execute.steps, execute.checkpoint.every", static_cast<double>(kMaxSteps)},
};

}  // namespace

std::span<const Limit> limits() { return kLimits; }

}  // namespace ds::workload
