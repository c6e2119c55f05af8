// Every candidate that may be a plan, by number.
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

class InOrder : public Searcher {
 public:
  explicit InOrder(const Space& space) : space_(&space), walk_(space) {}
  std::vector<Candidate> ask(std::size_t most) override {
    std::vector<Candidate> next;
    while (next.size() < most && (next_ = walk_.next(next_, space_->size())) < space_->size())
      next.push_back(space_->candidate(next_++));
    return next;
  }
  void tell(std::span<const Candidate>, std::span<const Verdict>) override {}
  bool learns() const override { return false; }
  Rejections left_out() override { return walk_.passed_over(); }

 private:
  const Space* space_;
  Walk walk_;
  Index next_{0};
};

}  // namespace

std::unique_ptr<Searcher> in_order(const Setting& setting) {
  return std::make_unique<InOrder>(setting.space);
}

}  // namespace ds::tuner
