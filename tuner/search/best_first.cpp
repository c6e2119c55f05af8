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
/// Chance draws runs of combinations, since what breaks a rule is passed over by the run: of so many, but no fewer runs than that.
constexpr Index kRun = 64, kRuns = 20'000;

class BestFirst : public Searcher {
 public:
  explicit BestFirst(const Setting& setting)
      : space_(&setting.space),
        outlook_(&setting.outlook),
        walk_(setting.space),
        run_(std::clamp<Index>(setting.space.size() / kRuns, 1, kRun)),
        runs_((setting.space.size() + run_ - 1) / run_),
        by_chance_(runs_, setting.seed) {}

  std::vector<Candidate> ask(std::size_t most) override {
    if (at_ == order_.size()) look_on();
    std::vector<Candidate> next;
    while (at_ < order_.size() && next.size() < most) next.push_back(std::move(order_[at_++]));
    return next;
  }
  void tell(std::span<const Candidate>, std::span<const Verdict>) override {}
  bool learns() const override { return false; }
  Rejections left_out() override { return walk_.passed_over(); }

 private:
  void look_on() {
    std::vector<Candidate> block;
    for (; next_ < runs_ && std::ssize(block) < block_; ++next_) {
      const Index begin = by_chance_(next_) * run_, end = std::min(begin + run_, space_->size());
      for (Index i = walk_.next(begin, end); i < end; i = walk_.next(i + 1, end))
        block.push_back(space_->candidate(i));
    }
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
  Walk walk_;
  Index run_, runs_;
  Permutation by_chance_;  // of runs
  Index next_{0}, block_{kFirst};
  std::vector<Candidate> order_;
  std::size_t at_{0};
};

}  // namespace

std::unique_ptr<Searcher> best_first(const Setting& setting) { return std::make_unique<BestFirst>(setting); }

}  // namespace ds::tuner
