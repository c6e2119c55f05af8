// Reads one collective on one topology.
#include <fmt/format.h>

#include <bit>

#include "simulator/base/error.h"
#include "simulator/links/limits.h"
#include "simulator/links/played.h"
#include "simulator/workload/spellings.h"

namespace ds::links {
namespace {

using workload::name_in;

constexpr Named<Collective> kWhat[] = {
    {"all_reduce", Collective::all_reduce},         {"all_gather", Collective::all_gather},
    {"reduce_scatter", Collective::reduce_scatter}, {"broadcast", Collective::broadcast},
    {"all_to_all", Collective::all_to_all},         {"send_recv", Collective::shift}};

constexpr Named<Algorithm> kAlgorithms[] = {{"ring", Algorithm::ring},
                                            {"halving_doubling", Algorithm::halving_doubling},
                                            {"direct", Algorithm::direct},
                                            {"relay", Algorithm::relay},
                                            {"grid2d", Algorithm::grid2d}};
/// Words that others use for algorithms whose steps are not told apart finely enough to be played.
constexpr std::string_view kLater[] = {"tree", "hierarchical"};

constexpr Named<Kind> kKinds[] = {
    {"ring", Kind::ring}, {"switch", Kind::switched}, {"fully_connected", Kind::fully_connected}};

Dimension read_dimension(const Cursor& at) {
  return {.kind = at.member("kind").one_of(kKinds),
          .size = at.member("size").count(1, workload::kMaxGpus),
          .bytes_per_s = at.member("link_bytes_per_s").within(kStatedRate),
          .latency = Seconds{at.member("latency_s").within(kStatedLatency)}};
}

double factor_or_one(const std::optional<Cursor>& at) { return at ? at->within(kFactor) : 1; }

Cluster read_cluster(const Cursor& at) {
  const Cursor node = at.member("node");
  Cluster c{.nodes = at.member("nodes").count(1, workload::kMaxNodes),
            .gpus = node.member("gpus").count(1, workload::kMaxGpusPerNode),
            .gpu_bytes_per_s = node.member("gpu_link_bytes_per_s").within(kStatedRate),
            .node_latency = Seconds{node.member("latency_s").within(kStatedLatency)},
            .fabric_latency = {}};
  if (c.nodes == 1) return c;  // nothing leaves it
  c.nics = node.member("nics").count(1, workload::kMaxGpusPerNode);
  c.nic_bytes_per_s = node.member("nic_bytes_per_s").within(kStatedRate);
  const Cursor fabric = at.member("fabric");
  c.fabric_latency = Seconds{fabric.member("latency_s").within(kStatedLatency)};
  c.oversubscription = factor_or_one(fabric.find("oversubscription"));
  if (c.ranks() > workload::kMaxGpus)
    at.fail(fmt::format("has {} GPUs", c.ranks()), fmt::format("at most {} are played", workload::kMaxGpus));
  return c;
}

void read_topology(Spec& spec, const Cursor& at) {
  const std::optional<Cursor> dimensions = at.find("dimensions"), cluster = at.find("cluster");
  if (dimensions && cluster) at.fail("has dimensions and a cluster", "a topology is one of them");
  if (cluster) {
    spec.cluster = read_cluster(*cluster);
    return;
  }
  if (!dimensions) at.fail("is empty", "it has dimensions, or a cluster");
  double ranks = 1;
  for (const Cursor& one : dimensions->list(1, kMaxDimensions)) {
    spec.dimensions.push_back(read_dimension(one));
    ranks *= static_cast<double>(spec.dimensions.back().size);
  }
  if (ranks > static_cast<double>(workload::kMaxGpus))
    dimensions->fail(fmt::format("have {:.4g} ranks together", ranks),
                     fmt::format("at most {} are played", workload::kMaxGpus));
}

Algorithm read_algorithm(const Cursor& at) {
  if (at.is_text())
    for (const std::string_view later : kLater)
      if (at.text() == later) at.fail(fmt::format("{} is not played yet", later));
  return at.one_of(kAlgorithms);
}

/// Whose steps are defined, for how many ranks.
void check(const Spec& spec, Algorithm algorithm, std::int64_t ranks, const Cursor& at) {
  const auto refuse = [&](std::string_view is_for) {
    at.fail(fmt::format("{} is not for {}", name_of(algorithm), spelling(spec.what)), std::string(is_for));
  };
  switch (algorithm) {
    case Algorithm::direct: return;
    case Algorithm::ring:
      if (spec.what == Collective::all_to_all) refuse("direct and relay are");
      return;
    case Algorithm::halving_doubling:
      if (spec.what == Collective::broadcast) refuse("direct and ring are");
      if (spec.what == Collective::shift) refuse("direct is");
      if (spec.what == Collective::all_to_all) refuse("direct and relay are");
      if (!std::has_single_bit(static_cast<std::uint64_t>(ranks)))
        at.fail(fmt::format("halving_doubling over {} ranks", ranks), "it is for powers of two");
      return;
    case Algorithm::relay:
      if (spec.what != Collective::all_to_all) refuse("it is for all_to_all");
      return;
    case Algorithm::grid2d:
      if (spec.what != Collective::all_reduce) refuse("it is for all_reduce");
      if (!spec.cluster) at.fail("grid2d is for a cluster, whose nodes are its rows");
      return;
  }
}

/// Where messages have more than one link to go, they are played one by one.
void check_ring_of_links(const Dimension& dimension, Collective what, Algorithm algorithm, const Cursor& at) {
  if (dimension.kind != Kind::ring || what == Collective::shift) return;
  const std::int64_t most = algorithm == Algorithm::halving_doubling ? kMaxPlayedRanks
                            : algorithm == Algorithm::direct         ? kMaxDistances
                                                                     : workload::kMaxGpus;
  if (dimension.size > most)
    at.fail(fmt::format("{} over a ring of {} links", name_of(algorithm), dimension.size),
            fmt::format("it is played over at most {}", most));
}

void read_algorithms(Spec& spec, const Cursor& root) {
  const std::optional<Cursor> at = root.find("algorithm");
  if (!at && spec.what != Collective::shift) static_cast<void>(root.member("algorithm"));
  const std::size_t wanted = spec.cluster ? 1 : spec.dimensions.size();
  std::vector<Cursor> words;
  if (at && at->is_list() && !spec.cluster)
    words = at->list();
  else if (at)
    words = {*at};
  if (at && words.size() != wanted)
    at->fail(fmt::format("has {} algorithm{} for {} dimensions", words.size(), words.size() == 1 ? "" : "s",
                         wanted),
             R"(a list has one for each: ["ring", "direct"])");
  for (std::size_t i = 0; i < wanted; ++i) {
    const Algorithm algorithm = at ? read_algorithm(words[i]) : Algorithm::direct;
    spec.algorithms.push_back(algorithm);
    if (!at) continue;
    check(spec, algorithm, spec.cluster ? spec.ranks() : spec.dimensions[i].size, words[i]);
    if (!spec.cluster) check_ring_of_links(spec.dimensions[i], spec.what, algorithm, words[i]);
  }
}

void read_rings(Spec& spec, const Cursor& root) {
  const std::optional<Cursor> at = root.find("rings");
  if (!at) return;
  spec.rings = at->count(1, kMaxRings);
  const bool parallel = spec.cluster && spec.algorithms.front() == Algorithm::ring &&
                        spec.what != Collective::broadcast && spec.what != Collective::shift;
  if (spec.rings > 1 && !parallel)
    at->fail(fmt::format("is {}", spec.rings), "several are for algorithm ring on a cluster");
}

void check_work(const Spec& spec, const Cursor& root) {
  if (!spec.cluster) return;
  const Work work = work_of(spec, *spec.cluster);
  if (work.messages > kMaxMessages || work.messages * work.at_once > kMaxMeetings)
    root.member("topology")
        .fail(fmt::format("{} is {:.3g} messages a node, {:.3g} of them at once",
                          name_of(spec.algorithms.front()), work.messages, work.at_once),
              fmt::format("at most {:.0f}, and {:.0f} times those at once, are played", kMaxMessages,
                          kMaxMeetings));
}

}  // namespace

std::string_view name_of(Algorithm algorithm) { return name_in(kAlgorithms, algorithm); }
std::string_view name_of(Kind kind) { return name_in(kKinds, kind); }
std::string_view spelling(Collective what) { return name_in(kWhat, what); }

Spec read_spec(const Cursor& at) {
  Spec spec;
  spec.what = at.member("collective").one_of(kWhat);
  spec.bytes = at.member("bytes").within(kStatedBytes);
  read_topology(spec, at.member("topology"));
  read_algorithms(spec, at);
  read_rings(spec, at);
  check_work(spec, at);
  return spec;
}

}  // namespace ds::links
