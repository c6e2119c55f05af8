// Reads profiles/networks/links.json.
#include "simulator/network/link_facts.h"

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::network {

double LinkFacts::latency_s(std::string_view kind) const {
  const auto found = std::ranges::find(latencies, kind, &std::pair<std::string, double>::first);
  ensure(found != latencies.end(), "profiles/networks/links.json has every kind of link");
  return found->second;
}

LinkFacts read_link_facts() {
  const Document document = read_document(workload::profiles_directory() / "networks" / "links.json");
  LinkFacts facts;
  document.root().only({"name", "about", "links"});
  for (const Cursor& link : document.root().member("links").list(1)) {
    link.only({"link", "latency_s", "source"});
    facts.latencies.emplace_back(link.member("link").text(), link.member("latency_s").positive());
  }
  return facts;
}

}  // namespace ds::network
