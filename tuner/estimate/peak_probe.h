#pragma once
// What a chunk of a stage holds, read off small programs: a layer or two, one micro-batch. Lowering them says what there
// is and when it is alive (memory::lifetimes); nothing of its rules is told again here.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

#include "simulator/base/data_type.h"
#include "simulator/base/units.h"
#include "simulator/workload/job.h"
#include "tuner/estimate/peak_profile.h"
#include "tuner/estimate/peak_schedule.h"

namespace ds::tuner {

/// Buffers of as many elements: of a chunk with one layer, and for each layer more.
struct Buffers {
  std::int64_t elements{};
  std::int32_t of_one{}, per_layer{};
  std::int64_t count(std::int64_t layers) const { return of_one + per_layer * (layers > 1 ? layers - 1 : 0); }
};

/// A chunk at one place in the model. What has no layers has a probe of its own.
struct Chunk {
  Profile forward, backward, rest;    // without what outlives its pass otherwise
  BatchBytes stash, stash_per_layer;  // from forward to backward, one layer; each layer more
  BatchBytes kept_slot, sent_slot;    // of what another lane touches, a slot: as in Moment
  BatchBytes ids, targets;            // of a micro-batch
  std::int64_t loss{};                // of a micro-batch
  std::int64_t constants{};           // of a stage that has such a chunk: tables, what the host writes
  Bytes dummy_gradients;              // of a stage that has such a chunk
  std::array<Buffers, kSizes> weights{}, gradients{};
  std::int64_t weight_width{}, gradient_width{}, optimizer_width{};  // bytes of an element; of a rank's shard
  DataType gradient_type{};
};
/// Where in the sizes of a profile the losses of all micro-batches stand; before it, gradients as in Chunk::gradients.
inline constexpr std::size_t kLosses = kSizes - 1;

/// What of a plan decides that, beside the job. Micro-batches of any size are served by one.
struct ChunkKey {
  std::int64_t tp{};
  bool sequence_parallel{}, receives_aside{};  // overlap.p2p
  workload::Recompute recompute{};
  workload::Precision precision{};
  workload::Attention attention{};
  double dropout{};
  auto operator<=>(const ChunkKey&) const = default;
};

/// Chunks with a layer or more. Nothing where they do not grow evenly.
struct Chunks {
  std::optional<Chunk> whole;                    // the only one of a plan without pipeline
  std::optional<std::array<Chunk, 3>> pipeline;  // at Place::first, middle and last
};
Chunks probe_chunks(const workload::Job& base, const ChunkKey& key);
/// Chunks of a pipeline without layers; the one in the middle has some all the same.
std::optional<std::array<Chunk, 3>> probe_empty_ends(const workload::Job& base, const ChunkKey& key);

/// What data parallelism does to gradients.
struct DataParallel {
  bool sharded{};  // each rank updates its shard
  bool aside{};    // another lane touches gradients, so they never share their bytes
};
DataParallel probe_data_parallel(const workload::Job& base, int zero, const workload::Overlap& overlap);

}  // namespace ds::tuner
