// Reads flows that share links.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "simulator/base/error.h"
#include "simulator/links/limits.h"
#include "simulator/links/links.h"

namespace ds::links {
namespace {

using Numbers = std::map<std::string, std::int32_t>;

/// The name of a link or a flow, which no other has.
std::string read_name(const Cursor& at, Numbers& known) {
  const Cursor id = at.member("id");
  const std::string name = id.text();
  if (!known.emplace(name, static_cast<std::int32_t>(known.size())).second)
    id.fail(fmt::format("{} is there twice", json_text(name)));
  return name;
}

std::vector<std::int32_t> read_links(const Cursor& at, const Numbers& known) {
  std::vector<std::int32_t> links;
  for (const Cursor& one : at.list(1, known.size() + 1)) {
    const auto link = known.find(one.text());
    if (link == known.end()) one.fail(fmt::format("{} is none of the links", json_text(one.text())));
    links.push_back(link->second);
  }
  std::vector<std::int32_t> sorted = links;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    at.fail("has a link twice", "a flow goes over each once");
  return links;
}

}  // namespace

FlowSet read_flow_set(const Cursor& at) {
  FlowSet set;
  Numbers links, flows;
  for (const Cursor& link : at.member("links").list(1, kMaxLinks)) {
    read_name(link, links);
    set.capacities.push_back(link.member("bytes_per_s").within(kStatedRate));
  }
  const Cursor list = at.member("flows");
  std::int64_t places = 0;
  for (const Cursor& flow : list.list(1, kMaxFlows)) {
    set.names.push_back(read_name(flow, flows));
    const std::optional<Cursor> start = flow.find("start_s");
    set.flows.push_back({.start_s = start ? start->within(kDuration) : 0,
                         .bytes = flow.member("bytes").within(kStatedBytes),
                         .links = read_links(flow.member("links"), links)});
    places += std::ssize(set.flows.back().links);
  }
  if (places * std::ssize(set.flows) > kMaxFlowsTimesPlaces)
    list.fail(fmt::format("are {} over {} links in all", set.flows.size(), places),
              fmt::format("flows x links in all is at most {}", kMaxFlowsTimesPlaces));
  return set;
}

}  // namespace ds::links
