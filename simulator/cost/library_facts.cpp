// Reads profiles/networks/nccl.json.
#include "simulator/cost/library_facts.h"

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

/// As NCCL calls them.
constexpr Named<Algorithm> kTimed[] = {
    {"ring", Algorithm::ring}, {"tree", Algorithm::double_tree}, {"nvls", Algorithm::nvls}};

Protocol read_protocol(const Cursor& at) {
  at.only({"name", "share", "share_across", "share_tree", "note"});
  const auto share = [&](std::string_view key) { return at.member(key).real(1e-6, 1); };
  return {.name = at.member("name").text(),
          .share = share("share"),
          .share_across = share("share_across"),
          .share_tree = share("share_tree")};
}

AlgorithmTime read_time(const Cursor& at, const std::vector<Protocol>& protocols) {
  at.only({"algorithm", "protocol", "base_s", "hop_s"});
  std::vector<std::string_view> names;
  for (const Protocol& protocol : protocols) names.push_back(protocol.name);
  const Cursor hop = at.member("hop_s");
  hop.only({"nvlink", "pcie", "nic"});
  return {.algorithm = at.member("algorithm").one_of(kTimed),
          .protocol = at.member("protocol").choose(names),
          .base_s = at.member("base_s").real(0),
          .hop_s = {hop.member("nvlink").real(0), hop.member("pcie").real(0), hop.member("nic").real(0)}};
}

LinkUse read_link(const Cursor& at, std::size_t protocols) {
  at.only({"link", "arch", "efficiency", "nvls_efficiency", "message_efficiency", "latency_scale", "source",
           "note"});
  LinkUse use{.link = at.member("link").text(),
              .arch = at.member("arch").text(),
              .message_efficiency = at.member("message_efficiency").positive()};
  for (const Cursor& entry : at.member("efficiency").list(1)) {
    const std::vector<Cursor> pair = entry.list(2, 2);
    use.efficiency.push_back({.members = pair[0].count(), .share = pair[1].positive()});
  }
  if (const auto nvls = at.find("nvls_efficiency")) use.nvls_efficiency = nvls->positive();
  for (const Cursor& scale : at.member("latency_scale").list(protocols, protocols))
    use.latency_scale.push_back(scale.positive());
  return use;
}

}  // namespace

double LinkUse::efficiency_of(std::int64_t members) const {
  const auto fits = [&](const Reached& reached) { return members <= reached.members; };
  const auto found = std::ranges::find_if(efficiency, fits);
  return found != efficiency.end() ? found->share : efficiency.back().share;
}

const LinkUse& LibraryFacts::use_of(std::string_view link, std::string_view arch) const {
  const auto found = std::ranges::find_if(
      links, [&](const LinkUse& use) { return use.link == link && arch.starts_with(use.arch); });
  ensure(found != links.end(), "profiles/networks/nccl.json has every kind of link");
  return *found;
}

LibraryFacts read_library_facts() {
  const Document document = read_document(workload::profiles_directory() / "networks" / "nccl.json");
  const Cursor root = document.root();
  root.only({"name", "about", "source", "protocols", "times", "links", "nic_efficiency",
             "nic_message_efficiency", "nic_source", "dispatch", "nvls_least_gpus", "nvls_source", "sigma",
             "sigma_source"});
  LibraryFacts facts;
  for (const Cursor& at : root.member("protocols").list(1)) facts.protocols.push_back(read_protocol(at));
  for (const Cursor& at : root.member("times").list(1)) facts.times.push_back(read_time(at, facts.protocols));
  for (const Cursor& at : root.member("links").list(1))
    facts.links.push_back(read_link(at, facts.protocols.size()));
  facts.nic_efficiency = root.member("nic_efficiency").positive();
  facts.nic_message_efficiency = root.member("nic_message_efficiency").positive();
  const Cursor dispatch = root.member("dispatch");
  dispatch.only({"inside", "across", "hybrid", "few_gpus", "of_many", "source"});
  facts.dispatch = {.inside = dispatch.member("inside").positive(),
                    .across = dispatch.member("across").positive(),
                    .hybrid = dispatch.member("hybrid").positive(),
                    .few = dispatch.member("few_gpus").count(1),
                    .of_many = dispatch.member("of_many").positive()};
  facts.nvls_least_gpus = root.member("nvls_least_gpus").count();
  facts.latency_sigma = root.member("sigma").member("latency").real(0);
  facts.bandwidth_sigma = root.member("sigma").member("bandwidth").real(0);
  return facts;
}

}  // namespace ds::cost
