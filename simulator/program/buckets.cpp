#include "simulator/program/buckets.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ds::program {
namespace {

std::string bucket_name(const graph::Parameter& parameter) {
  if (parameter.layer != graph::kNone) return fmt::format("layers.{}", parameter.layer);
  return parameter.decays ? parameter.name : "outside.vectors";
}

}  // namespace

std::vector<Bucket> make_buckets(const graph::Stage& stage) {
  std::vector<Bucket> buckets;
  std::map<std::string, std::size_t> of_name;
  for (std::size_t p = 0; p < stage.parameters.size(); ++p) {
    const std::string name = bucket_name(stage.parameters[p]);
    const auto [found, is_new] = of_name.try_emplace(name, buckets.size());
    if (is_new) buckets.push_back({.name = name, .members = {}});
    buckets[found->second].members.push_back({static_cast<graph::ParameterIndex>(p), 0});
    buckets[found->second].tied |= stage.parameters[p].uses > 1;
  }
  for (Bucket& bucket : buckets) {
    std::ranges::stable_partition(bucket.members, [&](const Bucket::Member& member) {
      return stage.parameters[static_cast<std::size_t>(member.parameter)].decays;
    });
    for (Bucket::Member& member : bucket.members) {
      const graph::Parameter& parameter = stage.parameters[static_cast<std::size_t>(member.parameter)];
      member.first_element = bucket.elements;
      bucket.elements += parameter.shape.elements();
      if (parameter.decays) bucket.decayed = bucket.elements;
    }
  }
  return buckets;
}

}  // namespace ds::program
