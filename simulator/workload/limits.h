#pragma once
// The largest values that are accepted, far above any machine that exists: they keep products within 64 bits and
// memory within bounds, and turn a slip of the finger into a message.

#include <cstdint>
#include <span>
#include <string_view>

namespace ds::workload {

inline constexpr std::int64_t kMaxLayers = 1LL << 14;
// Modules that predict one token further each, all on the last stage; what is published has up to four of them.
inline constexpr std::int64_t kMaxMtpLayers = 1LL << 7;
inline constexpr std::int64_t kMaxWidth = 1LL << 24;  // hidden, ffn_hidden, vocab, ranks of MLA
inline constexpr std::int64_t kMaxHeads = 1LL << 16;
inline constexpr std::int64_t kMaxExperts = 1LL << 16;
inline constexpr std::int64_t kMaxNodes = 1LL << 20;
inline constexpr std::int64_t kMaxGpusPerNode = 1LL << 12;
inline constexpr std::int64_t kMaxMeshedGpus = 64;   // each has a link to each other
inline constexpr std::int64_t kMaxGpus = 1LL << 22;  // of a cluster: their links are counted one by one
inline constexpr std::int64_t kMaxGroups = 256;
inline constexpr std::int64_t kMaxCpuRanks = 64;
inline constexpr std::int64_t kMaxCpuLayers = 1LL << 10;
inline constexpr std::int64_t kMaxCpuStep = 1'000'000;  // instructions of one step of a rank
inline constexpr std::int64_t kMaxSequence = 1LL << 27;
inline constexpr std::int64_t kMaxGlobalBatch = 1LL << 24;
inline constexpr std::int64_t kMaxMicroBatches = 1LL << 16;
inline constexpr std::int64_t kMaxPasses =
    1LL << 18;  // stages x chunks x micro-batches: a second, and some 200 MB
// Layers x micro-batches, each of them a forward and a backward pass of one layer: some 200 bytes, or 1,300 where all their
// instructions are played.
inline constexpr std::int64_t kMaxLayerPasses = 1LL << 20;
inline constexpr std::int64_t kMaxPlayedLayerPasses = 1LL << 18;
inline constexpr std::int64_t kMaxDegree = 1LL << 20;  // tp, pp, cp, dp, ep, etp
inline constexpr std::int64_t kMaxVpp = 1LL << 10;
inline constexpr std::int64_t kMaxEnd = 64;  // layers that an embedding or a head counts as
inline constexpr std::int64_t kMaxSteps = 1LL << 40;
inline constexpr double kMaxTokens = 1e18;
inline constexpr double kMaxParameters = 1e15;
inline constexpr double kMaxTensorElements = 1e15;  // of one micro-batch, before it is split

struct Limit {
  std::string_view what;
  double most;
};

/// All of them, and those of the reading layer, for `ds-sim limits`.
std::span<const Limit> limits();

}  // namespace ds::workload
