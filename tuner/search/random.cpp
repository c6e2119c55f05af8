// Every candidate, in an order that the seed says.
#include "simulator/base/random.h"

#include <bit>

#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

/// A bijection of 0 .. size - 1 that needs no memory: a Feistel network (Luby & Rackoff 1988, "How to construct pseudorandom
/// permutations from pseudorandom functions") over the next even number of bits, walked until it falls into the range
/// (Black & Rogaway 2002, "Ciphers with arbitrary finite domains"). Less than four steps on average.
class Permutation {
 public:
  Permutation(Index size, std::uint64_t seed)
      : size_(static_cast<std::uint64_t>(size)),
        half_bits_((static_cast<unsigned>(std::bit_width(size_ - 1)) + 1U) / 2U),
        mask_((1ULL << half_bits_) - 1),
        rounds_{seed, 1} {}

  Index operator()(Index index) const {
    auto at = static_cast<std::uint64_t>(index);
    do at = once(at);
    while (at >= size_);
    return static_cast<Index>(at);
  }

 private:
  static constexpr std::uint64_t kRounds = 4;

  std::uint64_t once(std::uint64_t at) const {
    std::uint64_t left = at >> half_bits_, right = at & mask_;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t mixed = left ^ (rounds_.at((round << 32U) ^ right) & mask_);
      left = right;
      right = mixed;
    }
    return (left << half_bits_) | right;
  }

  std::uint64_t size_;
  unsigned half_bits_;
  std::uint64_t mask_;
  RandomStream rounds_;
};

class RandomOrder : public Searcher {
 public:
  RandomOrder(const Space& space, std::uint64_t seed) : space_(&space), order_(space.size(), seed) {}
  std::vector<Candidate> ask(std::size_t most) override {
    std::vector<Candidate> next;
    while (next_ < space_->size() && next.size() < most) next.push_back(space_->candidate(order_(next_++)));
    return next;
  }
  void tell(std::span<const Candidate>, std::span<const Verdict>) override {}
  bool learns() const override { return false; }

 private:
  const Space* space_;
  Index next_{0};
  Permutation order_;
};

}  // namespace

std::unique_ptr<Searcher> random_order(const Setting& setting) {
  return std::make_unique<RandomOrder>(setting.space, setting.seed);
}

}  // namespace ds::tuner
