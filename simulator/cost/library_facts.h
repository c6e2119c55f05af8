#pragma once
// How a library of collectives (NCCL) takes time: profiles/networks/nccl.json, which says what each number means and
// where it comes from.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/collective/collective.h"

namespace ds::cost {

using collective::Algorithm;

/// Kinds of hops, in the order of `hop_s`.
enum class Hop : std::uint8_t { nvlink, pcie, nic };

struct Protocol {
  std::string name;
  double share{}, share_across{}, share_tree{};  // of the links' rate: in a node, between nodes, by trees
};

/// Of ring, double_tree or nvls; every other algorithm and single messages are timed as rings.
struct AlgorithmTime {
  Algorithm algorithm{};
  std::size_t protocol{};  // in protocols
  double base_s{};
  std::array<double, 3> hop_s{};  // by Hop
};

/// What collectives reach on a kind of link inside a node.
struct LinkUse {
  std::string link, arch;  // arch: how the GPU's architecture begins
  struct Reached {
    std::int64_t members{};  // up to so many GPUs of the node; the last entry holds for more
    double share{};          // of the datasheet rate
  };
  std::vector<Reached> efficiency;
  double nvls_efficiency{};  // 0: no reduction in the switch
  double message_efficiency{};
  std::vector<double> latency_scale;  // by protocol

  double efficiency_of(std::int64_t members) const;
};

struct LibraryFacts {
  std::vector<Protocol> protocols;
  std::vector<AlgorithmTime> times;
  std::vector<LinkUse> links;
  double nic_efficiency{}, nic_message_efficiency{};  // a message alone does not fill a card
  /// Share of the datasheet rate that the busiest link has where tokens go to experts once a node: inside, and of cards. Kernels that are
  /// made for nodes of a few GPUs reach less behind the switch of more; hybrid ones do not.
  struct Dispatch {
    double inside{}, across{}, hybrid{};
    std::int64_t few{};
    double of_many{};
    double inside_of(std::int64_t members, bool by_hybrid) const {
      if (by_hybrid) return hybrid;
      return members > few ? of_many : inside;
    }
  } dispatch;
  std::int64_t nvls_least_gpus{};
  double latency_sigma{}, bandwidth_sigma{};

  /// The first entry that fits; fails (ensure) if none does.
  const LinkUse& use_of(std::string_view link, std::string_view arch) const;
};

LibraryFacts read_library_facts();

}  // namespace ds::cost
