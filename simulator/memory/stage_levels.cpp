// Puts sizes into what is known of a stage's passes, and finds the moment that needs most.
#include "simulator/memory/stage_levels.h"

#include <algorithm>
#include <tuple>

#include "simulator/program/buckets.h"

namespace ds::memory {
namespace {

std::vector<std::size_t> bucket_counts(const StageLevels::Graphs& graphs, std::int64_t tensor_ranks) {
  std::vector<std::size_t> counts;
  for (const auto& graph : graphs) counts.push_back(program::make_buckets(*graph, tensor_ranks).size());
  return counts;
}

const auto kBetween = [](const auto& one) { return std::tuple(one.kind, one.begun, one.over); };

/// Bytes of a plan, as they are asked for.
class InBytes {
 public:
  InBytes(const PassLevels& levels, const Level& sizes) : levels_(levels), sizes_(sizes) {
    base_ = bytes_of(levels.base, sizes);
    for (const Level& level : levels.behind) behind_.push_back(bytes_of(level, sizes));
    for (const auto& one : levels.in_flight) in_flight_.push_back(bytes_of(one.second, sizes));
    within_.assign(levels.within.size(), -1);
  }

  std::size_t known() const { return within_.size(); }
  /// Nothing: it has to be looked at call by call.
  std::optional<std::int64_t> most(const StageMoments& stage) {
    std::int64_t always = base_;
    for (std::size_t i = 0; i < in_flight_.size(); ++i)
      always += in_flight_[i] * stage.slots_of(levels_.in_flight[i].first);
    std::int64_t most = 0;
    for (const Moment& moment : stage.moments) {
      const auto number = static_cast<std::size_t>(
          std::ranges::lower_bound(levels_.within, kBetween(moment), {}, kBetween) - levels_.within.begin());
      if (levels_.within[number].levels.empty()) return std::nullopt;
      std::int64_t level = always + within(number);
      for (std::size_t i = 0; i < moment.others.size(); ++i) level += behind_[i] * moment.others[i];
      most = std::max(most, level);
    }
    return most;
  }

 private:
  std::int64_t within(std::size_t number) {
    std::int64_t& most = within_[number];
    if (most < 0)
      for (const Level& level : levels_.within[number].levels) most = std::max(most, bytes_of(level, sizes_));
    return most;
  }

  const PassLevels& levels_;
  const Level& sizes_;
  std::int64_t base_{};
  std::vector<std::int64_t> behind_, in_flight_, within_;  // within_: -1 where nobody has asked yet
};

}  // namespace

StageLevels::StageLevels(program::StageInputs inputs, Graphs graphs, Graphs graphs_of_two)
    : inputs_(std::move(inputs)),
      graphs_(std::move(graphs)),
      graphs_of_two_(std::move(graphs_of_two)),
      sizes_(bucket_counts(graphs_, inputs_.tensor_ranks)) {}

/// Lowers the stage for what is not known yet.
PassLevels& StageLevels::levels_of(const StageMoments& moments) {
  PassLevels& levels = passes_[{moments.kinds, moments.rank}];
  std::optional<PassReader> reader;
  for (const Moment& moment : moments.moments) {
    const auto place = std::ranges::lower_bound(levels.within, kBetween(moment), {}, kBetween);
    if (place != levels.within.end() && kBetween(*place) == kBetween(moment)) continue;
    if (!reader) reader.emplace(inputs_, graphs_, graphs_of_two_, sizes_, moments);
    levels.within.insert(place, reader->within(moment));
  }
  if (reader && levels.base.empty()) {
    std::vector<Within> within = std::move(levels.within);
    levels = reader->levels();
    levels.within = std::move(within);
  }
  return levels;
}

std::optional<std::int64_t> StageLevels::most(std::span<const StageMoments* const> stages,
                                              const Level& sizes) {
  std::optional<std::int64_t> most = 0;
  const StageMoments* before = nullptr;  // whose kinds of passes are at hand
  std::optional<InBytes> bytes;
  for (const StageMoments* const stage : stages) {
    const bool same = before != nullptr && before->kinds == stage->kinds && before->rank == stage->rank;
    PassLevels& levels = levels_of(*stage);
    if (!same || levels.within.size() != bytes->known()) bytes.emplace(levels, sizes);
    before = stage;
    const std::optional<std::int64_t> one = bytes->most(*stage);
    if (!one) return std::nullopt;
    most = std::max(*most, *one);
  }
  return most;
}

}  // namespace ds::memory
