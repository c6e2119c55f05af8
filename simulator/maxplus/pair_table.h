#pragma once
// A number for each pair of numbers: a hash table that is never shrunk and never gone through.

#include <cstdint>
#include <vector>

#include "simulator/base/random.h"

namespace ds::maxplus {

class PairTable {
 public:
  /// The number kept for the pair, or the place for one: negative, to be filled before the next call.
  std::int32_t& at(std::int32_t a, std::int32_t b) {
    if (2 * used_ >= places_.size()) grow();
    const std::uint64_t key =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) << 32U | static_cast<std::uint32_t>(b);
    Place& place = find(key);
    if (place.number < 0) {
      ++used_;
      place.key = key;
    }
    return place.number;
  }

 private:
  struct Place {
    std::uint64_t key{};
    std::int32_t number{-1};
  };
  Place& find(std::uint64_t key) {
    const std::size_t mask = places_.size() - 1;
    std::size_t at = mix(key) & mask;
    while (places_[at].number >= 0 && places_[at].key != key) at = (at + 1) & mask;
    return places_[at];
  }
  void grow() {
    std::vector<Place> old(places_.empty() ? 64 : 2 * places_.size());
    old.swap(places_);
    for (const Place& place : old)
      if (place.number >= 0) find(place.key) = place;
  }

  std::vector<Place> places_;
  std::size_t used_{0};
};

}  // namespace ds::maxplus
