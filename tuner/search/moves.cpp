// Legal plans by chance.
#include "tuner/search/moves.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace ds::tuner {
namespace {

constexpr int kMostDraws = 100'000, kMostEdits = 200;

}  // namespace

double energy_of(const Verdict& verdict) {
  if (verdict.reason != Reason::evaluated && verdict.reason != Reason::bound)
    return std::numeric_limits<double>::infinity();
  return std::log(verdict.step_time.value);
}

void Tried::add(std::span<const Candidate> candidates, std::span<const Verdict> verdicts) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double energy = energy_of(verdicts[i]);
    energies_.insert_or_assign(candidates[i], energy);
    if (energy >= least_) continue;
    least_ = energy;
    best_ = candidates[i];
  }
}

std::optional<double> Tried::energy(const Candidate& candidate) const {
  const auto found = energies_.find(candidate);
  return found == energies_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Candidate> take_first(std::vector<Candidate>& plans, std::size_t most) {
  std::vector<Candidate> rest;
  if (plans.size() > most) {
    rest.assign(plans.begin() + static_cast<std::ptrdiff_t>(most), plans.end());
    plans.resize(most);
  }
  return std::exchange(plans, std::move(rest));
}

Moves::Moves(const Space& space, std::uint64_t seed, std::uint64_t stream)
    : space_(&space), job_(space.base()), draws_(seed, stream) {
  for (std::size_t d = 0; d < space.dimensions().size(); ++d)
    if (space.dimensions()[d].values.size() > 1) open_.push_back(d);
}

bool Moves::is_legal(const Candidate& candidate) { return !space_->decode_into(candidate, job_); }

std::optional<Candidate> Moves::anywhere() {
  for (int draw = 0; draw < kMostDraws; ++draw) {
    Candidate candidate =
        space_->candidate(static_cast<Index>(below(static_cast<std::size_t>(space_->size()))));
    if (is_legal(candidate)) return candidate;
  }
  return std::nullopt;
}

bool Moves::change(Candidate& candidate, std::size_t dimension) {
  std::vector<std::int32_t> others;
  const std::vector<bool> legal = space_->legal_values(candidate, dimension);
  for (std::int32_t v = 0; v < std::ssize(legal); ++v)
    if (legal[static_cast<std::size_t>(v)] && v != candidate[dimension]) others.push_back(v);
  if (others.empty()) return false;
  candidate[dimension] = others[below(others.size())];
  return true;
}

std::optional<Candidate> Moves::edit(const Candidate& from) {
  if (open_.empty()) return std::nullopt;
  for (int draw = 0; draw < kMostEdits; ++draw) {
    Candidate to = from;
    const std::size_t first = open_[below(open_.size())];
    if (below(2) == 0) {
      if (change(to, first)) return to;
      continue;
    }
    to[first] = static_cast<std::int32_t>(below(space_->dimensions()[first].values.size()));
    const std::size_t second = open_[below(open_.size())];
    if (to[first] != from[first] && second != first && change(to, second)) return to;
  }
  return std::nullopt;
}

}  // namespace ds::tuner
