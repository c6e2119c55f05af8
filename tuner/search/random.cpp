// Every candidate, in an order that the seed says.
#include "tuner/search/permutation.h"
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

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
