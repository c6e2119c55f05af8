#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

class InOrder : public Searcher {
 public:
  explicit InOrder(Index size) : size_(size) {}
  std::vector<Index> ask(std::size_t most) override {
    std::vector<Index> next;
    while (next_ < size_ && next.size() < most) next.push_back(next_++);
    return next;
  }
  void tell(Index, const Outcome&) override {}

 private:
  Index size_, next_{0};
};

}  // namespace

std::unique_ptr<Searcher> in_order(Index size, std::uint64_t) { return std::make_unique<InOrder>(size); }

}  // namespace ds::tuner
