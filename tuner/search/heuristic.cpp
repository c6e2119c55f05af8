// Rules of thumb alone: one plan for each way to divide the ranks, likeliest first.
#include <limits>
#include <utility>

#include "tuner/search/rules_of_thumb.h"
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

class Heuristic : public Searcher {
 public:
  explicit Heuristic(std::vector<Candidate> plans) : plans_(std::move(plans)) {}
  std::vector<Candidate> ask(std::size_t most) override {
    std::vector<Candidate> next;
    while (next_ < plans_.size() && next.size() < most) next.push_back(plans_[next_++]);
    return next;
  }
  void tell(std::span<const Candidate>, std::span<const Verdict>) override {}
  bool learns() const override { return false; }

 private:
  std::vector<Candidate> plans_;
  std::size_t next_{0};
};

}  // namespace

std::unique_ptr<Searcher> rules_of_thumb(const Setting& setting) {
  return std::make_unique<Heuristic>(
      plans_by_rule_of_thumb(setting.space, setting.outlook, std::numeric_limits<std::size_t>::max()));
}

}  // namespace ds::tuner
