// Every candidate, by number.
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

class InOrder : public Searcher {
 public:
  explicit InOrder(const Space& space) : space_(&space) {}
  std::vector<Candidate> ask(std::size_t most) override {
    std::vector<Candidate> next;
    while (next_ < space_->size() && next.size() < most) next.push_back(space_->candidate(next_++));
    return next;
  }
  void tell(std::span<const Candidate>, std::span<const Verdict>) override {}
  bool learns() const override { return false; }

 private:
  const Space* space_;
  Index next_{0};
};

}  // namespace

std::unique_ptr<Searcher> in_order(const Setting& setting) {
  return std::make_unique<InOrder>(setting.space);
}

}  // namespace ds::tuner
