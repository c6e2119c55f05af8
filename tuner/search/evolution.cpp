// Regularised evolution (Real et al. 2019, "Regularized evolution for image classifier architecture search"): the best of a few
// drawn from a population has a child that differs by an edit, and the oldest one goes.
#include <algorithm>
#include <deque>
#include <utility>

#include "tuner/search/moves.h"
#include "tuner/search/rules_of_thumb.h"
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

constexpr Parameter kParameters[] = {
    {"population", 50, 5, 200}, {"tournament", 10, 2, 50}, {"seeds", 10, 1, 50}};
constexpr std::size_t kPopulation = 0, kTournament = 1, kSeeds = 2;  // of these
constexpr int kKnownInARow = 400;

class Evolution : public Searcher {
 public:
  explicit Evolution(const Setting& setting)
      : moves_(setting.space, setting.seed, 2),
        population_size_(static_cast<std::size_t>(parameter(setting, kParameters, kPopulation))),
        tournament_(static_cast<std::size_t>(parameter(setting, kParameters, kTournament))) {
    const auto seeds = static_cast<std::size_t>(parameter(setting, kParameters, kSeeds));
    seeds_ = plans_by_rule_of_thumb(setting.space, setting.outlook, seeds);
  }

  std::vector<Candidate> ask(std::size_t most) override {
    if (!seeds_.empty()) return take_first(seeds_, most);
    for (int known = 0; known < kKnownInARow; ++known) {
      const bool young = members_.size() < population_size_ / 2 && known % 2 == 0;
      std::optional<Candidate> next = members_.empty() || young ? moves_.anywhere() : moves_.edit(parent());
      if (!next) next = moves_.anywhere();
      if (next && !tried_.has(*next)) return {std::move(*next)};
    }
    return {};
  }

  void tell(std::span<const Candidate> candidates, std::span<const Verdict> verdicts) override {
    tried_.add(candidates, verdicts);
    for (std::size_t i = 0; i < candidates.size(); ++i)
      if (const double energy = energy_of(verdicts[i]); energy < std::numeric_limits<double>::infinity())
        members_.push_back({candidates[i], energy});
    while (members_.size() > population_size_) members_.pop_front();
  }

 private:
  struct Member {
    Candidate plan;
    double energy{};
  };
  const Candidate& parent() {
    std::size_t best = moves_.below(members_.size());
    for (std::size_t i = 1; i < tournament_; ++i)
      if (const std::size_t one = moves_.below(members_.size()); members_[one].energy < members_[best].energy)
        best = one;
    return members_[best].plan;
  }

  Moves moves_;
  std::size_t population_size_, tournament_;
  std::vector<Candidate> seeds_;
  Tried tried_;
  std::deque<Member> members_;  // oldest first
};

}  // namespace

std::span<const Parameter> evolution_parameters() { return kParameters; }

std::unique_ptr<Searcher> evolution(const Setting& setting) { return std::make_unique<Evolution>(setting); }

}  // namespace ds::tuner
