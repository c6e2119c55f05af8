// Puts sizes into what is known of the passes of a stage's parts, and finds the moment that needs most.
#include "simulator/memory/stage_levels.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "simulator/program/buckets.h"

namespace ds::memory {
namespace {

LoweredPart::Graphs graphs_of(const program::StageInputs& inputs, std::int64_t sequences,
                              program::ChunkGraphs& graphs) {
  LoweredPart::Graphs list;
  for (program::ChunkInputs chunk : inputs.chunks) {
    chunk.graph.batch = sequences;
    list.push_back(graphs.of(chunk));
  }
  return list;
}

std::vector<std::size_t> bucket_counts(const program::StageInputs& inputs, program::ChunkGraphs& graphs) {
  std::vector<std::size_t> counts;
  for (const auto& graph : graphs_of(inputs, 1, graphs))
    counts.push_back(program::make_buckets(*graph, inputs.tensor_ranks).size());
  return counts;
}

/// Bytes of a part of a plan's stage, as they are asked for.
class InBytes {
 public:
  InBytes(const PartLevels::Known& known, const Level& sizes)
      : known_(&known),
        sizes_(&sizes),
        base_(bytes_of(known.levels->base, sizes)),
        within_(known.within.size(), -1),
        idle_(known.idle.size(), -1) {
    for (const Level& level : known.levels->behind) behind_.push_back(bytes_of(level, sizes));
    for (const auto& one : known.levels->in_flight) in_flight_.push_back(bytes_of(one.second, sizes));
  }

  bool is_of(const PartLevels::Known& known, const Level& sizes) const {
    return known_ == &known && sizes_ == &sizes;
  }
  /// Alive all the time, but for what the stage has once. `chunk`: the first one of the part.
  std::int64_t always(const StageMoments& stage, std::int32_t chunk) const {
    std::int64_t bytes = base_;
    for (std::size_t i = 0; i < in_flight_.size(); ++i) {
      program::SlotRule rule = known_->levels->in_flight[i].first;
      rule.chunk += chunk;
      bytes += in_flight_[i] * stage.slots_of(rule);
    }
    return bytes;
  }
  std::span<const std::int64_t> behind() const { return behind_; }
  /// Below 0: it has to be looked at call by call.
  std::int64_t within(std::int32_t number) {
    std::int64_t& most = within_[static_cast<std::size_t>(number)];
    if (most >= 0) return most;
    for (const Level& level : known_->levels->within[known_->within[static_cast<std::size_t>(number)]].levels)
      most = std::max(most, bytes_of(level, *sizes_));
    return most;
  }
  std::int64_t idle(std::int32_t number) {
    std::int64_t& bytes = idle_[static_cast<std::size_t>(number)];
    if (bytes < 0)
      bytes = bytes_of(known_->levels->idle[known_->idle[static_cast<std::size_t>(number)]].level, *sizes_);
    return bytes;
  }
  /// Adds what the stage has once to a list by name.
  void add_of_stage(std::vector<std::pair<std::string_view, std::int64_t>>& list) const {
    for (const auto& [name, level] : known_->levels->of_stage)
      if (std::ranges::find(list, name, [](const auto& one) { return one.first; }) == list.end())
        list.emplace_back(name, bytes_of(level, *sizes_));
  }

 private:
  const PartLevels::Known* known_;
  const Level* sizes_;
  std::int64_t base_{};
  std::vector<std::int64_t> behind_, in_flight_, within_,
      idle_;  // the last two: -1 where nobody has asked yet
};

/// A stage of a plan, its parts in bytes.
class StageBytes {
 public:
  StageBytes(std::span<const StagePart> parts, std::span<const std::size_t> kind_of, Parted& parted)
      : parts_(parts), kind_of_(kind_of), parted_(parted) {}

  std::optional<std::int64_t> most(const StageMoments& stage) {
    const PartedMoments& moments = parted_.of(&stage, static_cast<std::int32_t>(kind_of_.size()));
    find_parts(moments);
    std::int64_t always = of_stage();
    behind_.clear();
    for (std::size_t p = 0; p < own_.size(); ++p) {
      const InBytes& part = known_[own_[p]];
      always += part.always(stage, static_cast<std::int32_t>(p));
      behind_.insert(behind_.end(), part.behind().begin(), part.behind().end());
    }
    std::int64_t most = 0;
    for (std::size_t m = 0; m < moments.moments.size(); ++m) {
      const PartedMoments::Moment& moment = moments.moments[m];
      const std::int64_t within = known_[own_[static_cast<std::size_t>(moment.part)]].within(moment.working);
      if (within < 0) return std::nullopt;
      std::int64_t level = always + within;
      for (std::size_t p = 0; p < own_.size(); ++p)
        if (moment.idle[p] >= 0) level += known_[own_[p]].idle(moment.idle[p]);
      const std::vector<std::int32_t>& others = stage.moments[m].others;
      for (std::size_t i = 0; i < others.size(); ++i) level += behind_[i] * others[i];
      most = std::max(most, level);
    }
    return most;
  }

 private:
  void find_parts(const PartedMoments& moments) {
    own_.clear();
    for (std::size_t p = 0; p < kind_of_.size(); ++p) {
      const StagePart& part = parts_[kind_of_[p]];
      const PartLevels::Known& known = part.levels->of(moments.kind_of[p]);
      const auto found =
          std::ranges::find_if(known_, [&](const InBytes& one) { return one.is_of(known, part.sizes); });
      own_.push_back(static_cast<std::size_t>(found - known_.begin()));
      if (found == known_.end()) known_.emplace_back(known, part.sizes);
    }
  }

  std::int64_t of_stage() {
    of_stage_.clear();
    for (const std::size_t own : own_) known_[own].add_of_stage(of_stage_);
    std::int64_t bytes = 0;
    for (const auto& one : of_stage_) bytes += one.second;
    return bytes;
  }

  std::span<const StagePart> parts_;
  std::span<const std::size_t> kind_of_;
  Parted& parted_;
  std::vector<InBytes> known_;
  // Of the stage that is looked at.
  std::vector<std::size_t> own_;      // by part: of known_
  std::vector<std::int64_t> behind_;  // as Moment::others
  std::vector<std::pair<std::string_view, std::int64_t>> of_stage_;
};

template <class List, class What, class Of>
std::size_t place_of(const List& list, const What& what, Of of) {
  return static_cast<std::size_t>(std::ranges::find(list, what, of) - list.begin());
}

}  // namespace

void LatelyLowered::use(PartLevels& part) {
  const auto found = std::ranges::find(parts_, &part);
  if (found != parts_.end()) {
    parts_.splice(parts_.begin(), parts_, found);
    return;
  }
  parts_.push_front(&part);
  if (parts_.size() <= kMost) return;
  parts_.back()->forget();
  parts_.pop_back();
}

void LatelyLowered::forget() {
  for (PartLevels* const part : parts_) part->forget();
  parts_.clear();
}

PartLevels::PartLevels(program::StageInputs inputs, program::ChunkGraphs& graphs, LatelyLowered& lately)
    : inputs_(std::move(inputs)), graphs_(graphs), sizes_(bucket_counts(inputs_, graphs)), lately_(lately) {}

const PartLevels::Known& PartLevels::of(const PartMoments* moments) {
  const auto [found, is_new] = known_.try_emplace(moments);
  if (is_new) found->second = find(*moments);
  return found->second;
}

void PartLevels::forget() {
  for (auto& [kinds, passes] : passes_) passes.reader.reset();
  lowered_.reset();
}

PassReader& PartLevels::reader_of(Passes& passes, const PartMoments& moments) {
  lately_.use(*this);
  if (!lowered_)
    lowered_ = std::make_unique<LoweredPart>(inputs_, graphs_of(inputs_, 1, graphs_),
                                             graphs_of(inputs_, 2, graphs_), sizes_);
  if (!passes.reader) passes.reader = std::make_unique<PassReader>(*lowered_, moments);
  return *passes.reader;
}

/// Asks the lowered part for what is not known yet.
PartLevels::Known PartLevels::find(const PartMoments& moments) {
  Passes& passes = passes_[{moments.kinds, moments.rank}];
  PassLevels& levels = passes.levels;
  Known known{.levels = &levels, .within = {}, .idle = {}};
  if (levels.base.empty()) levels = reader_of(passes, moments).levels();
  for (const auto& call : moments.working) {
    known.within.push_back(place_of(levels.within, call, &Within::call));
    if (known.within.back() == levels.within.size())
      levels.within.push_back(reader_of(passes, moments).within(call));
  }
  for (const Between& between : moments.idle) {
    known.idle.push_back(place_of(levels.idle, between, &Idle::between));
    if (known.idle.back() == levels.idle.size())
      levels.idle.push_back(reader_of(passes, moments).idle(between));
  }
  return known;
}

std::optional<std::int64_t> most_bytes(std::span<const StagePart> parts, std::span<const std::size_t> kind_of,
                                       std::span<const StageMoments* const> stages, Parted& parted) {
  StageBytes bytes(parts, kind_of, parted);
  std::optional<std::int64_t> most = 0;
  for (const StageMoments* const stage : stages) {
    const std::optional<std::int64_t> one = bytes.most(*stage);
    if (!one) return std::nullopt;
    most = std::max(*most, *one);
  }
  return most;
}

}  // namespace ds::memory
