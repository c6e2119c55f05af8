// Asks for what the network puts first, of a pool of plans: those of rules of thumb, a sample of the space, and edits of the best
// ones so far.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include "simulator/base/error.h"
#include "tuner/policy/features.h"
#include "tuner/policy/policy.h"
#include "tuner/search/moves.h"
#include "tuner/search/rules_of_thumb.h"

namespace ds::tuner {
namespace {

constexpr std::size_t kSeeds = 24;            // by rules of thumb
constexpr std::size_t kSeedsOnTrust = 3;      // of these, asked for whatever the network says
constexpr Index kWhole = 60'000;              // candidates of a space that is looked at whole
constexpr std::size_t kSample = 1500;         // legal plans by chance of any other
constexpr std::size_t kDoubleEdits = 96;      // of two keys, by chance, of each plan that is edited
constexpr std::size_t kMoreAfter = 64;        // steps that are known, until there is another sample
constexpr std::size_t kMostInPool = 200'000;  // then it is not added to any more

class Learned : public Searcher {
 public:
  Learned(const Setting& setting, Network& network)
      : setting_(setting), moves_(setting.space, setting.seed, 3), ranking_(network.ranking()) {}

  std::vector<Candidate> ask(std::size_t /*most*/) override {
    if (pool_.empty()) fill();
    // Whatever the policy thinks of a job that is unlike all it has seen, it is soon no worse than rules of thumb.
    if (++asked_ % 2 == 0 && next_seed_ < std::min(seeds_.size(), kSeedsOnTrust)) {
      const Candidate& seed = seeds_[next_seed_++];
      if (numbers_.contains(seed) && !told_.contains(seed)) return {seed};
    }
    std::optional<std::size_t> best = ranking_->best();
    if (!best) {
      sample(kSample);
      best = ranking_->best();
    }
    if (!best) return {};
    return {pool_[*best]};
  }

  void tell(std::span<const Candidate> candidates, std::span<const Verdict> verdicts) override {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      add(candidates.subspan(i, 1));  // where it starts from, say
      const auto known = numbers_.find(candidates[i]);
      if (known == numbers_.end()) continue;
      told_.insert(candidates[i]);
      const double energy = energy_of(verdicts[i]);
      if (verdicts[i].reason != Reason::evaluated) {
        ranking_->leave_out(known->second);
        continue;
      }
      ranking_->observe(known->second, energy);
      if (++observed_ % kMoreAfter == 0) sample(kSample / 4);
      if (energy < least_) {
        least_ = energy;
        edit(candidates[i]);
      }
    }
  }

 private:
  void fill() {
    const Space& space = setting_.space;
    seeds_ = plans_by_rule_of_thumb(space, setting_.outlook, kSeeds);
    add(seeds_);
    if (space.size() <= kWhole) {
      std::vector<Candidate> all;
      for (Index i = 0; i < space.size(); ++i) all.push_back(space.candidate(i));
      add(all);
      return;
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(seeds_.size(), 4); ++i) edit(seeds_[i]);
    sample(kSample);
  }

  void sample(std::size_t count) {
    std::vector<Candidate> drawn;
    for (std::size_t i = 0; i < count; ++i) {
      std::optional<Candidate> one = moves_.anywhere();
      if (!one) break;
      drawn.push_back(std::move(*one));
    }
    add(drawn);
  }

  /// All that differ by the value of one key, and some that differ by two.
  void edit(const Candidate& from) {
    if (setting_.space.size() <= kWhole) return;
    std::vector<Candidate> edits;
    for (std::size_t d = 0; d < from.size(); ++d)
      for (std::int32_t v = 0; v < std::ssize(setting_.space.dimensions()[d].values); ++v) {
        if (v == from[d]) continue;
        edits.push_back(from);
        edits.back()[d] = v;
      }
    for (std::size_t i = 0; i < kDoubleEdits; ++i) {
      std::optional<Candidate> one = moves_.edit(from);
      if (one) one = moves_.edit(*one);
      if (one) edits.push_back(std::move(*one));
    }
    add(edits);
  }

  /// Those that are plans, may fit and are new.
  void add(std::span<const Candidate> candidates) {
    if (pool_.size() >= kMostInPool) return;
    std::vector<Candidate> fresh;
    for (const Candidate& one : candidates)
      if (!numbers_.contains(one)) fresh.push_back(one);
    std::ranges::sort(fresh);
    fresh.erase(std::ranges::unique(fresh).begin(), fresh.end());
    const std::vector<Glance> all = setting_.outlook.look(fresh);
    std::vector<Candidate> plans;
    std::vector<Glance> glances;
    for (std::size_t i = 0; i < fresh.size(); ++i)
      if (!all[i].rejection && all[i].share_of_memory <= 1) {
        plans.push_back(fresh[i]);
        glances.push_back(all[i]);
      }
    ranking_->add(rows_of(setting_.space, plans, glances));
    for (Candidate& one : plans) {
      numbers_.emplace(one, pool_.size());
      pool_.push_back(std::move(one));
    }
  }

  Setting setting_;
  Moves moves_;
  std::unique_ptr<Ranking> ranking_;
  std::vector<Candidate> pool_;
  std::map<Candidate, std::size_t> numbers_;  // in the pool
  std::vector<Candidate> seeds_;              // by rules of thumb, likeliest first
  std::set<Candidate> told_;
  std::size_t asked_{0}, observed_{0}, next_seed_{0};
  double least_{std::numeric_limits<double>::infinity()};
};

}  // namespace

PlanRows rows_of(const Space& space, std::span<const Candidate> candidates, std::span<const Glance> glances) {
  PlanRows rows;
  workload::Job job = space.base();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (space.decode_into(candidates[i], job)) throw std::logic_error("a candidate that is no plan");
    const std::vector<float> features = features_of(job, glances[i]);
    rows.features.insert(rows.features.end(), features.begin(), features.end());
    rows.log_bounds.push_back(static_cast<float>(std::log(std::max(glances[i].work_bound.value, 1e-12))));
  }
  return rows;
}

const Method& learned_method() {
  static const Method method{"rl",
                             [](const Setting& setting) {
                               static const std::shared_ptr<Network> network = load_policy(default_policy());
                               return learned_searcher(setting, *network);
                             },
                             false,
                             {}};
  return method;
}

const Method* find_any_method(std::string_view name) {
  return name == learned_method().name ? &learned_method() : find_method(name);
}

std::unique_ptr<Searcher> learned_searcher(const Setting& setting, Network& network) {
  return std::make_unique<Learned>(setting, network);
}

}  // namespace ds::tuner
