#pragma once
// Max-min fair rates of flows that share links: nobody can be given more without taking from somebody who has no more.
// No domain types: a link is a capacity, a flow a set of links; the unit of capacity is the unit of rates.
//
//   FairShare share({100, 50});
//   const std::int32_t both = share.add({0, 1}), first = share.add({0});
//   for (std::int32_t flow : share.settle()) ...   // flows whose rate may have changed: all of these two
//   share.rate(first);                              // 50, as `both` has
//   share.remove(both);
//
// Made for an event loop: `settle` looks only at flows that are connected to what changed, by links and other flows, and
// nothing allocates once the largest number of flows has been there. Rates do not depend on the order of adding.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace ds::network {

class FairShare {
 public:
  /// Capacities are above 0.
  explicit FairShare(std::span<const double> capacities);

  /// A flow over these links, at least one, each at most once. A flow of weight w gets what w flows of weight 1 would get
  /// together. Its rate is known after `settle`. Numbers of removed flows are given again.
  std::int32_t add(std::span<const std::int32_t> links, double weight = 1);
  std::int32_t add(std::initializer_list<std::int32_t> links, double weight = 1) {
    return add(std::span(links.begin(), links.size()), weight);
  }
  void remove(std::int32_t number);

  /// Brings rates up to date. Returns the flows that were looked at; valid until the next call of a member.
  std::span<const std::int32_t> settle();

  double rate(std::int32_t flow) const { return flows_[flow].rate; }
  /// What flows through a link now, of its capacity.
  double load(std::int32_t link) const;

 private:
  struct Place {  // of a flow in a link's list
    std::int32_t link, index;
  };
  struct Flow {
    std::vector<Place> places;
    double weight{}, rate{};
    bool settled{}, seen{};
  };
  struct Member {  // of a link: a flow, and which of its places this is
    std::int32_t flow, place;
  };
  struct Link {
    double capacity{};
    std::vector<Member> members;
    bool dirty{}, seen{};
    // While filling: what unsettled flows may still share, how many there are, and what they weigh together; what this
    // round settled.
    double left{}, weight{}, settled_weight{};
    std::int32_t unsettled{};
  };

  struct Open {
    double level{};  // at which it is full, or below
    std::int32_t link{};
  };

  void mark(std::int32_t link);
  void see(std::int32_t link);
  void collect_connected();
  double fill(double level);
  void settle_members(std::int32_t link, double level);
  void finish_round(double level);

  std::vector<Link> links_;
  std::vector<Flow> flows_;
  std::vector<std::int32_t> free_;   // numbers of removed flows
  std::vector<std::int32_t> dirty_;  // links whose flows changed
  std::vector<std::int32_t> connected_links_, connected_flows_;
  // While filling: a heap of links with unsettled flows; the full and the touched links of this round.
  std::vector<Open> open_;
  std::vector<std::int32_t> full_, touched_;
};

}  // namespace ds::network
