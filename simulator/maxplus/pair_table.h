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
    if (2 * used_ >= cells_.size()) grow();
    const std::uint64_t key =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) << 32U | static_cast<std::uint32_t>(b);
    Cell& cell = find(key);
    if (cell.number < 0) {
      ++used_;
      cell.key = key;
    }
    return cell.number;
  }

 private:
  struct Cell {
    std::uint64_t key{};
    std::int32_t number{-1};
  };
  Cell& find(std::uint64_t key) {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = mix(key) & mask;
    while (cells_[at].number >= 0 && cells_[at].key != key) at = (at + 1) & mask;
    return cells_[at];
  }
  void grow() {
    std::vector<Cell> old(cells_.empty() ? 64 : 2 * cells_.size());
    old.swap(cells_);
    for (const Cell& cell : old)
      if (cell.number >= 0) find(cell.key) = cell;
  }

  std::vector<Cell> cells_;
  std::size_t used_{0};
};

}  // namespace ds::maxplus
