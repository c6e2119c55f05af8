// Those first whose work takes least, by the bound that is known of every plan before its step time is: of a few by chance, of more, of
// half a million, so that something is soon there and, in the end, all of most spaces has been put in order.
#include <algorithm>
#include <utility>

#include "tuner/search/permutation.h"
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

/// So many are put in order among each other, at first and at most.
constexpr Index kFirst = 2000, kMost = 500'000;

class BestFirst : public Searcher {
 public:
  explicit BestFirst(const Setting& setting)
      : space_(&setting.space), outlook_(&setting.outlook), by_chance_(setting.space.size(), setting.seed) {}

  std::vector<Candidate> ask(std::size_t most) override {
    if (at_ == order_.size()) look_on();
    std::vector<Candidate> next;
    while (at_ < order_.size() && next.size() < most) next.push_back(std::move(order_[at_++]));
    return next;
  }
  void tell(std::span<const Candidate>, std::span<const Verdict>) override {}
  bool learns() const override { return false; }

 private:
  void look_on() {
    std::vector<Candidate> block;
    for (; next_ < space_->size() && std::ssize(block) < block_; ++next_)
      block.push_back(space_->candidate(by_chance_(next_)));
    block_ = std::min(2 * block_, kMost);
    const std::vector<Glance> glances = outlook_->look(block);
    std::vector<std::size_t> order(block.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    // Those that are no plans, or known to be too large, come last.
    std::ranges::stable_sort(order, {}, [&](std::size_t i) {
      const Glance& one = glances[i];
      return std::pair(one.rejection.has_value() || one.share_of_memory > 1, one.work_bound.value);
    });
    order_.clear();
    at_ = 0;
    for (const std::size_t i : order) order_.push_back(std::move(block[i]));
  }

  const Space* space_;
  Outlook* outlook_;
  Permutation by_chance_;
  Index next_{0}, block_{kFirst};
  std::vector<Candidate> order_;
  std::size_t at_{0};
};

}  // namespace

std::unique_ptr<Searcher> best_first(const Setting& setting) { return std::make_unique<BestFirst>(setting); }

}  // namespace ds::tuner
