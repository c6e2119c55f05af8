#pragma once
// Which parameters share a bucket: one buffer of weights, one of gradients, one of each optimizer state.

#include <string>
#include <vector>

#include "simulator/base/data_type.h"
#include "simulator/graph/graph.h"

namespace ds::program {

/// Parameters one after another without gaps: first those that are cut over tensor-parallel ranks, then those of which
/// every rank holds the whole, at last those of which every rank has a part of the gradient; of each, those that decay first, and
/// of these what products take in 8 bits. So that one AdamW, one norm and one sum serve them all.
struct Bucket {
  struct Member {
    graph::ParameterIndex parameter{};
    std::int64_t first_element{};
  };
  std::string name;
  std::vector<Member> members;
  std::int64_t elements{}, decayed{};
  std::int64_t fp8{};        // elements from the first on that products take in 8 bits
  std::int64_t once_from{};  // elements from here on are held by so many tensor-parallel ranks in a row
  std::int64_t holders{1};
  std::int64_t partial_from{};  // and those from here on have gradients of the rank's tokens or heads alone
  bool copied{};            // holders are those of the same key-value heads, else all tensor-parallel ranks
  bool tied{false};         // the parameter has a second use, whose gradient has a buffer of its own
  bool token_table{false};  // the embedding of tokens, which the other end of a pipeline may hold as well
  std::int32_t layer{-1};   // of the chunk, that of the first copy; -1: outside of layers
  std::int32_t copies{1};   // one for each layer of a kind
  std::int32_t layer_step{1};  // from one to the next
  bool expert{};               // of experts that ranks share out: fewer ranks have them
};

/// A bucket per layer; outside the layers one per matrix, and one for all gains and biases together. `tensor_ranks`: how
/// many ranks cut tensors.
std::vector<Bucket> make_buckets(const graph::Stage& stage, std::int64_t tensor_ranks);

/// Copies of what layers use one after the other: two where the next one's is filled beside the work.
std::int32_t copies_in_turn(const Bucket& bucket, bool beside_the_work);

/// Elements of a bucket that is cut into equal shards, one a data-parallel rank.
struct Shards {
  std::int64_t padded{}, part{};  // of the whole; of a shard
};
Shards shards_of(std::int64_t elements, std::int64_t shards, DataType gradient_type);

}  // namespace ds::program
