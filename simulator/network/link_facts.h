#pragma once
// What is assumed of a link where a node or a fabric does not say: profiles/networks/links.json, with sources.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ds::network {

struct LinkFacts {
  std::vector<std::pair<std::string, double>> latencies;  // by kind of link
  /// Of a kind that the file has; fails (ensure) else.
  double latency_s(std::string_view kind) const;
};

LinkFacts read_link_facts();

}  // namespace ds::network
