// Simulated annealing (Kirkpatrick et al. 1983) from the best plan by rules of thumb: slower plans are taken, too, ever less often.
#include <algorithm>
#include <cmath>
#include <utility>

#include "tuner/search/moves.h"
#include "tuner/search/rules_of_thumb.h"
#include "tuner/search/search.h"

namespace ds::tuner {
namespace {

// Temperatures are in relative step time: at 0.01 a plan slower by a hundredth is taken once in e times.
constexpr Parameter kParameters[] = {{"temperature", 0.05, 0.003, 0.5},
                                     {"cooling", 0.02, 0.001, 0.5},
                                     {"restart", 2000, 50, 20'000},
                                     {"seeds", 5, 1, 20}};
constexpr std::size_t kTemperature = 0, kCooling = 1, kRestart = 2, kSeeds = 3;  // of these
constexpr int kKnownInARow = 200;  // moves over plans that have been tried, before it begins anew elsewhere

class Annealing : public Searcher {
 public:
  explicit Annealing(const Setting& setting)
      : moves_(setting.space, setting.seed, 1),
        hottest_(parameter(setting, kParameters, kTemperature)),
        coldest_(hottest_ * parameter(setting, kParameters, kCooling)),
        period_(std::min(static_cast<double>(setting.evals), parameter(setting, kParameters, kRestart))) {
    const auto seeds = static_cast<std::size_t>(parameter(setting, kParameters, kSeeds));
    seeds_ = plans_by_rule_of_thumb(setting.space, setting.outlook, seeds);
  }

  std::vector<Candidate> ask(std::size_t most) override {
    if (!seeds_.empty()) return take_first(seeds_, most);
    if (!at_ && tried_.best() != nullptr) move_to(*tried_.best());
    if (auto next = propose()) return {std::move(*next)};
    return {};
  }

  void tell(std::span<const Candidate> candidates, std::span<const Verdict> verdicts) override {
    tried_.add(candidates, verdicts);
    steps_ += static_cast<double>(candidates.size());
    if (at_ && candidates.size() == 1) consider(candidates.front());
    if (steps_ >= period_) {  // again from the best, hot
      steps_ = 0;
      at_.reset();
    }
  }

 private:
  void move_to(const Candidate& candidate) {
    at_ = candidate;
    energy_ = energy_of_tried(candidate);
  }
  double energy_of_tried(const Candidate& candidate) const {
    return tried_.energy(candidate).value_or(std::numeric_limits<double>::infinity());
  }
  double temperature() const {
    return hottest_ * std::pow(coldest_ / hottest_, std::min(1.0, steps_ / period_));
  }
  void consider(const Candidate& candidate) {
    const double energy = energy_of_tried(candidate);
    if (energy <= energy_ || moves_.uniform() < std::exp((energy_ - energy) / temperature()))
      move_to(candidate);
  }

  /// A plan that nobody has tried. Moves over plans that have been tried cost nothing.
  std::optional<Candidate> propose() {
    for (int known = 0; at_ && known < kKnownInARow; ++known) {
      std::optional<Candidate> next = moves_.edit(*at_);
      if (!next) break;
      if (!tried_.has(*next)) return next;
      consider(*next);
    }
    for (int known = 0; known < kKnownInARow; ++known) {
      std::optional<Candidate> next = moves_.anywhere();
      if (!next) break;
      if (tried_.has(*next)) continue;
      at_.reset();
      return next;
    }
    return std::nullopt;
  }

  Moves moves_;
  double hottest_, coldest_, period_;
  std::vector<Candidate> seeds_;
  Tried tried_;
  std::optional<Candidate> at_;
  double energy_{};
  double steps_{0};  // of this period
};

}  // namespace

std::span<const Parameter> annealing_parameters() { return kParameters; }

std::unique_ptr<Searcher> annealing(const Setting& setting) { return std::make_unique<Annealing>(setting); }

}  // namespace ds::tuner
