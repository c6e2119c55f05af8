#include "simulator/program/buckets.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/base/units.h"

namespace ds::program {
namespace {

/// A matrix in a layer that every tensor-parallel rank holds whole has a bucket of its own: in one with others, what decays would
/// not stand in a row. So has what a few of them hold alike.
std::string bucket_name(const graph::Parameter& parameter, std::int64_t tensor_ranks) {
  const bool copied = graph::copied_part(parameter.shape, parameter.cut).copies > 1;
  if (parameter.layer != graph::kNone) {
    const bool whole = tensor_ranks > 1 && parameter.cut.dimension == graph::kNone && parameter.decays;
    std::string name = parameter.expert ? "layers.experts" : whole || copied ? parameter.name : "layers";
    if (parameter.layer > 0) name += fmt::format(" of run {}", parameter.layer);
    return parameter.member > 0 ? fmt::format("{}+{}", name, parameter.member) : name;
  }
  return parameter.decays || copied ? parameter.name : "outside.vectors";
}

/// Members in order, with their places.
void arrange(Bucket& bucket, const graph::Stage& stage, std::int64_t tensor_ranks) {
  const auto parameter = [&](const Bucket::Member& member) -> const graph::Parameter& {
    return stage.parameters[static_cast<std::size_t>(member.parameter)];
  };
  const auto everywhere = [&](const Bucket::Member& member) {
    return tensor_ranks > 1 && parameter(member).cut.dimension == graph::kNone;
  };
  std::ranges::stable_sort(bucket.members, {}, [&](const Bucket::Member& member) {
    return std::tuple(everywhere(member), everywhere(member) && parameter(member).partial_gradient,
                      !parameter(member).decays, !parameter(member).fp8);
  });
  bool any_everywhere = false, any_partial = false;
  for (Bucket::Member& member : bucket.members) {
    member.first_element = bucket.elements;
    if (everywhere(member) && !std::exchange(any_everywhere, true)) bucket.once_from = bucket.elements;
    const bool partial = everywhere(member) && parameter(member).partial_gradient;
    if (partial && !std::exchange(any_partial, true)) bucket.partial_from = bucket.elements;
    if (parameter(member).decays) {
      ensure(bucket.decayed == bucket.elements, "what decays stands first in a bucket");
      bucket.decayed += parameter(member).shape.elements();
    }
    if (parameter(member).fp8) {
      ensure(bucket.fp8 == bucket.elements, "what is taken in 8 bits stands first in a bucket");
      bucket.fp8 += parameter(member).shape.elements();
    }
    bucket.elements += parameter(member).shape.elements();
  }
  if (!any_everywhere) bucket.once_from = bucket.elements;
  if (!any_partial) bucket.partial_from = bucket.elements;
  bucket.holders = tensor_ranks;
  const graph::Parameter& first = parameter(bucket.members.front());
  if (const graph::Copied copied = graph::copied_part(first.shape, first.cut); copied.copies > 1) {
    ensure(bucket.members.size() == 1, "what a few ranks hold alike has a bucket of its own");
    bucket.holders = copied.copies, bucket.copied = true;
    bucket.once_from = bucket.partial_from = copied.from;
  }
}

}  // namespace

std::vector<Bucket> make_buckets(const graph::Stage& stage, std::int64_t tensor_ranks) {
  std::vector<Bucket> buckets;
  std::map<std::string, std::size_t> of_name;
  for (std::size_t p = 0; p < stage.parameters.size(); ++p) {
    const std::string name = bucket_name(stage.parameters[p], tensor_ranks);
    const auto [found, is_new] = of_name.try_emplace(name, buckets.size());
    if (is_new) {
      Bucket& bucket = buckets.emplace_back();
      bucket.name = name;
      bucket.token_table = stage.parameters[p].token_table;
      if (const std::int32_t kind = stage.parameters[p].layer; kind != graph::kNone) {
        bucket.layer = stage.parameters[p].member;
        for (std::int32_t before = 0; before < kind; ++before)
          bucket.layer += stage.layers[static_cast<std::size_t>(before)].count *
                          stage.layers[static_cast<std::size_t>(before)].members;
        bucket.copies = stage.layers[static_cast<std::size_t>(kind)].count;
        bucket.layer_step = stage.layers[static_cast<std::size_t>(kind)].members;
      }
    }
    buckets[found->second].members.push_back({static_cast<graph::ParameterIndex>(p), 0});
    buckets[found->second].expert = stage.parameters[p].expert;
    buckets[found->second].tied |= stage.parameters[p].uses > 1;
  }
  for (Bucket& bucket : buckets) arrange(bucket, stage, tensor_ranks);
  return buckets;
}

std::int32_t copies_in_turn(const Bucket& bucket, bool beside_the_work) {
  return std::min(bucket.copies, beside_the_work ? 2 : 1);
}

Shards shards_of(std::int64_t elements, std::int64_t shards, DataType gradient_type) {
  constexpr std::int64_t kLine = 64;  // shards begin at cache lines
  const std::int64_t padded =
      shards > 1 ? round_up(elements, shards * kLine / size_of(gradient_type)) : elements;
  return {padded, padded / shards};
}

}  // namespace ds::program
