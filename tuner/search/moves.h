#pragma once
// Private to searchers that go from plan to plan: what has been tried, a legal plan by chance, and one that differs by an edit.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "simulator/base/random.h"
#include "tuner/search/search.h"

namespace ds::tuner {

/// The logarithm of the step time, or of what it cannot be below; infinite for what is no plan or does not fit.
double energy_of(const Verdict& verdict);

/// What became of candidates.
class Tried {
 public:
  void add(std::span<const Candidate> candidates, std::span<const Verdict> verdicts);
  /// None where it has not been tried.
  std::optional<double> energy(const Candidate& candidate) const;
  bool has(const Candidate& candidate) const { return energies_.contains(candidate); }
  std::size_t size() const { return energies_.size(); }
  /// The one of least energy, if any is finite.
  const Candidate* best() const { return best_ ? &*best_ : nullptr; }

 private:
  std::map<Candidate, double> energies_;
  std::optional<Candidate> best_;
  double least_{std::numeric_limits<double>::infinity()};
};

/// Takes the first of them away, `most` at most.
std::vector<Candidate> take_first(std::vector<Candidate>& plans, std::size_t most);

class Moves {
 public:
  Moves(const Space& space, std::uint64_t seed, std::uint64_t stream);

  /// A legal plan, each as likely as another; none where many draws hit none.
  std::optional<Candidate> anywhere();
  /// A legal plan that differs by the value of one key, or of two where one alone breaks a rule; none where many draws hit none.
  std::optional<Candidate> edit(const Candidate& from);
  /// In [0, 1).
  double uniform() { return draws_.uniform(drawn_++); }
  /// In [0, n), n > 0.
  std::size_t below(std::size_t n) { return draws_.below(n, drawn_++); }

 private:
  bool is_legal(const Candidate& candidate);
  /// Another digit of that dimension by chance, among those that are legal; false where there is none.
  bool change(Candidate& candidate, std::size_t dimension);

  const Space* space_;
  std::vector<std::size_t> open_;  // dimensions of more than one value
  workload::Job job_;
  RandomStream draws_;
  std::uint64_t drawn_{0};
};

}  // namespace ds::tuner
