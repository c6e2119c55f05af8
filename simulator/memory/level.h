#pragma once
// Bytes as a sum over sizes that plans differ by: how many of each.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace ds::memory {

/// Where sizes stand in a level: what does not depend on the plan, and what does.
class SizeNumbers {
 public:
  enum class Of : std::uint8_t {
    one,
    sequence
  };  // bytes that are there anyway; for each sequence of a micro-batch
  enum class Part : std::uint8_t { whole, shard };        // of a bucket
  enum class Times : std::uint8_t { once, more_layers };  // or for each layer of the chunk that is left out

  /// `buckets`: by chunk.
  explicit SizeNumbers(const std::vector<std::size_t>& buckets) {
    std::size_t next = kFixed;
    for (const std::size_t count : buckets) {
      first_.push_back(next);
      next += 2 + 4 * count;
    }
    count_ = next;
  }
  std::size_t count() const { return count_; }
  std::size_t of(Of what) const { return static_cast<std::size_t>(what); }
  std::size_t by_micro_batch(Of what) const { return 2 + static_cast<std::size_t>(what); }
  std::size_t by_layer(std::size_t chunk, Of what) const {
    return first_[chunk] + static_cast<std::size_t>(what);
  }
  std::size_t of(std::size_t chunk, std::size_t bucket, Part part, Times times) const {
    return first_[chunk] + 2 + 4 * bucket + 2 * static_cast<std::size_t>(times) +
           static_cast<std::size_t>(part);
  }

 private:
  static constexpr std::size_t kFixed = 4;
  std::vector<std::size_t> first_;  // by chunk
  std::size_t count_{};
};

/// By SizeNumbers.
using Level = std::vector<std::int64_t>;

/// That of one buffer: most sizes are no part of it.
struct Term {
  std::size_t size{};
  std::int64_t times{};
};
using Terms = std::vector<Term>;

inline void add(Level& level, const Terms& terms, std::int64_t times = 1) {
  for (const Term& term : terms) level[term.size] += times * term.times;
}

inline std::int64_t bytes_of(const Level& level, const Level& sizes) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < level.size(); ++i) bytes += level[i] * sizes[i];
  return bytes;
}

/// Levels of which, whatever the sizes are, one of those that are kept is the highest.
class Highest {
 public:
  void add(const Level& level) {
    const auto tops = [](const Level& a, const Level& b) {
      return std::ranges::equal(a, b, std::greater_equal<>{});
    };
    if (std::ranges::any_of(levels_, [&](const Level& one) { return tops(one, level); })) return;
    std::erase_if(levels_, [&](const Level& one) { return tops(level, one); });
    levels_.push_back(level);
  }
  std::vector<Level> take() { return std::move(levels_); }

 private:
  std::vector<Level> levels_;
};

}  // namespace ds::memory
