// Those first whose work takes least, by the bound that is known of every plan before its step time is.
#include <algorithm>
#include <utility>

#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

/// At once: so many are put in order among each other, which is all of most spaces.
constexpr Index kBlock = 500'000;

class BestFirst : public Searcher {
 public:
  explicit BestFirst(const Setting& setting) : space_(&setting.space), outlook_(&setting.outlook) {}

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
    for (; next_ < space_->size() && std::ssize(block) < kBlock; ++next_)
      block.push_back(space_->candidate(next_));
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
  Index next_{0};
  std::vector<Candidate> order_;
  std::size_t at_{0};
};

}  // namespace

std::unique_ptr<Searcher> best_first(const Setting& setting) { return std::make_unique<BestFirst>(setting); }

}  // namespace ds::tuner
