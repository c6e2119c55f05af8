// Adds up births and deaths within each pass of a stage, as sums over sizes.
#include "simulator/memory/stage_levels.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "simulator/program/buckets.h"
#include "simulator/program/walk.h"

namespace ds::memory {
namespace {

using program::Buffer;
using program::BufferId;
using program::Life;
using program::PassKind;
using program::TemplateId;
using Of = SizeNumbers::Of;

std::vector<std::size_t> bucket_counts(const StageLevels::Graphs& graphs, std::int64_t tensor_ranks) {
  std::vector<std::size_t> counts;
  for (const auto& graph : graphs) counts.push_back(program::make_buckets(*graph, tensor_ranks).size());
  return counts;
}

/// What a micro-batch's way through a chunk is made of; a backward to inputs and weights is one.
enum class Stretch : std::uint8_t { forward, inputs, weights, backward };
constexpr std::size_t kStretches = 4;

Stretch backward_of(const PassKind& kind) {
  switch (kind.gradients) {
    case program::Gradients::inputs: return Stretch::inputs;
    case program::Gradients::weights: return Stretch::weights;
    case program::Gradients::all: break;
  }
  return Stretch::backward;
}
/// Of a call's first and second micro-batch.
struct OwnPass {
  std::int32_t chunk{};
  Stretch stretch{};
};
std::vector<OwnPass> own_passes(const PassKind& kind) {
  std::vector<OwnPass> own{{kind.chunk, kind.forward ? Stretch::forward : backward_of(kind)}};
  if (kind.forward && kind.merged_with >= 0) own.push_back({kind.merged_with, backward_of(kind)});
  return own;
}

}  // namespace

StageLevels::StageLevels(const program::StageInputs& inputs, const Graphs& graphs,
                         const Graphs& graphs_of_two)
    : inputs_(inputs),
      lowering_(program_, graphs, inputs),
      buffers_{0, static_cast<std::int32_t>(program_.buffers.size())},
      copies_(program_, buffers_),
      sizes_(bucket_counts(graphs, inputs.tensor_ranks)) {
  program::Program of_two;
  const program::StageLowering lowering(of_two, graphs_of_two, inputs);
  make_sizes(of_two);
}

void StageLevels::make_sizes(const program::Program& of_two) {
  const Level none(sizes_.count(), 0);
  for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
    const Buffer& buffer = program_.buffers[b];
    const program::SizeRule& rule = lowering_.size_rule(static_cast<BufferId>(b));
    const bool cut = rule.by_layer && is_cut(static_cast<std::size_t>(rule.chunk));
    Level& level = levels_.emplace_back(none);
    Level& more = more_levels_.emplace_back(cut ? none : Level{});
    const auto chunk = static_cast<std::size_t>(rule.chunk);
    if (rule.bucket >= 0) {
      const auto bucket = static_cast<std::size_t>(rule.bucket);
      const auto part = rule.shard ? SizeNumbers::Part::shard : SizeNumbers::Part::whole;
      level[sizes_.of(chunk, bucket, part, SizeNumbers::Times::once)] = size_of(buffer.type);
      if (cut) more[sizes_.of(chunk, bucket, part, SizeNumbers::Times::more_layers)] = size_of(buffer.type);
      continue;
    }
    const std::int64_t one = buffer.size.bound.value;
    const std::int64_t sequence = of_two.buffers[b].size.bound.value - one;
    level[sizes_.of(Of::one)] = one - sequence;
    level[sizes_.of(Of::sequence)] = sequence;
    if (!cut) continue;
    more[sizes_.by_layer(chunk, Of::one)] = one - sequence;
    more[sizes_.by_layer(chunk, Of::sequence)] = sequence;
  }
}

/// Layers may be left out of a chunk.
bool StageLevels::is_cut(std::size_t chunk) const {
  const graph::StageOptions& graph = inputs_.chunks[chunk].graph;
  return inputs_.directions == 1 && graph.kinds.empty() && graph.layers >= kMostLayers - 1;
}

bool StageLevels::is_between(const program::Template& body, std::int32_t iteration) const {
  const bool is_pass = body.pass != program::Pass::norm && body.pass != program::Pass::update;
  const auto chunk = static_cast<std::size_t>(body.chunk);
  return is_pass && is_cut(chunk) && iteration >= 2 && iteration < inputs_.chunks[chunk].graph.layers - 2;
}

const StageLevels::Read& StageLevels::read(TemplateId id) {
  const auto [found, is_new] = reads_.try_emplace(id);
  if (!is_new) return found->second;
  const program::Template& body = program_.templates[program::index(id)];
  // More than one: then no write of one slot is one of the whole.
  constexpr std::int32_t kSlots = 2;
  found->second.lives = lives_of(program_, body, copies_, [&](BufferId buffer) {
    const bool one = lowering_.slot_rule(buffer).kind == program::SlotRule::Kind::one;
    return one ? 1 : kSlots;
  });
  for (const program::Block& block : body.blocks)
    for (std::int32_t k = block.first; k < block.first + block.times; ++k)
      found->second.passed_over.insert(found->second.passed_over.end(),
                                       static_cast<std::size_t>(block.body.count),
                                       block.times > 1 && is_between(body, k));
  return found->second;
}

/// For stages that call certain passes.
class StageLevels::Adding {
 public:
  Adding(StageLevels& stage, const StageMoments& moments)
      : stage_(stage), moments_(moments), base_(stage.sizes_.count(), 0) {
    std::vector<TemplateId> templates;
    for (const PassKind& kind : moments.kinds) templates.push_back(stage.lowering_.pass(kind));
    templates.push_back(stage.lowering_.finish());
    templates.push_back(stage.lowering_.update());
    for (const TemplateId id : templates) reads_.push_back(&stage.read(id));
    always_ = alive_always(stage.program_, stage.buffers_, templates);
    add_what_lasts();
    find_step_copies();
    find_slot_copies();
  }

  bool covers() const {
    for (const StepCopy& copy : step_copies_)
      for (const Moment& moment : moments_.moments) {
        const Touched* const own = copy.touched[static_cast<std::size_t>(moment.kind)];
        if (own != nullptr && own->spells.front().fresh && is_alive_before(copy, moment)) return false;
      }
    return true;
  }

  void run(Highest& highest) const {
    const std::vector<Level> behind = levels_of_others();
    std::tuple<std::int32_t, std::int32_t, std::int32_t> last{-1, 0, 0};
    Highest within;
    for (const Moment& moment : moments_.moments) {
      const std::tuple call{moment.kind, moment.begun, moment.over};
      if (std::exchange(last, call) != call) within = levels_within(moment);
      Level around = base_;
      for (std::size_t i = 0; i < moment.others.size(); ++i) add(around, behind[i], moment.others[i]);
      for (Level level : within.levels()) {
        add(level, around);
        highest.add(level);
      }
    }
  }

 private:
  struct StepCopy {
    BufferId buffer{};
    Level level;
    std::vector<const Touched*> touched;  // by kind, what follows the passes and the update
  };
  /// Of a micro-batch.
  struct SlotCopy {
    std::int32_t chunk{};
    BufferId buffer{};
    std::int32_t copy{};
    Level level;
    std::vector<const Touched*> touched;   // by kind
    bool after_forward{}, after_inputs{};  // alive
  };
  struct Change {
    std::int32_t position{};
    bool birth{};
    const Level* level{};
  };

  Level level_of(BufferId buffer, std::int32_t copy) const {
    const auto b = program::index(buffer);
    Level level = stage_.levels_[b];
    const bool middle = copy == stage_.program_.buffer(buffer).copies / 2;
    if (middle && !stage_.more_levels_[b].empty()) add(level, stage_.more_levels_[b]);
    return level;
  }
  /// Of all slots of a copy.
  Level block_of(BufferId buffer, std::int32_t copy) const {
    const program::SlotRule& rule = stage_.lowering_.slot_rule(buffer);
    const Level one = level_of(buffer, copy);
    Level all(one.size(), 0);
    if (rule.kind != program::SlotRule::Kind::every_micro_batch) {
      add(all, one, moments_.slots_of(rule));
      return all;
    }
    for (const Of what : {Of::one, Of::sequence})
      all[stage_.sizes_.by_micro_batch(what)] = one[stage_.sizes_.of(what)];
    return all;
  }

  void add_what_lasts() {
    for (std::int32_t b = 0; b < stage_.buffers_.count; ++b)
      if (always_[static_cast<std::size_t>(b)])
        for (std::int32_t copy = 0; copy < stage_.program_.buffers[static_cast<std::size_t>(b)].copies;
             ++copy)
          add(base_, block_of(static_cast<BufferId>(b), copy));
  }

  void find_step_copies() {
    std::vector<std::int32_t> found(stage_.copies_.count(), -1);
    for (std::size_t k = 0; k < reads_.size(); ++k)
      for (const Touched& one : reads_[k]->lives.of_step) {
        if (always_[program::index(one.buffer)]) continue;
        std::int32_t& number = found[stage_.copies_.of(one.buffer, one.copy)];
        if (number < 0) {
          number = static_cast<std::int32_t>(step_copies_.size());
          step_copies_.push_back({one.buffer, block_of(one.buffer, one.copy),
                                  std::vector<const Touched*>(reads_.size(), nullptr)});
        }
        step_copies_[static_cast<std::size_t>(number)].touched[k] = &one;
      }
  }

  void find_slot_copies() {
    std::vector<std::int32_t> found(stage_.copies_.count(), -1);
    for (std::size_t k = 0; k < moments_.kinds.size(); ++k) {
      const std::vector<OwnPass> own = own_passes(moments_.kinds[k]);
      for (std::size_t which = 0; which < own.size(); ++which)
        for (const Touched& one : reads_[k]->lives.by_micro[which]) {
          if (always_[program::index(one.buffer)]) continue;
          std::int32_t& number = found[stage_.copies_.of(one.buffer, one.copy)];
          if (number < 0) {
            number = static_cast<std::int32_t>(slot_copies_.size());
            slot_copies_.push_back({own[which].chunk, one.buffer, one.copy, level_of(one.buffer, one.copy),
                                    std::vector<const Touched*>(moments_.kinds.size(), nullptr)});
          }
          slot_copies_[static_cast<std::size_t>(number)].touched[k] = &one;
        }
    }
    for (SlotCopy& copy : slot_copies_) find_way(copy);
  }

  /// Between two stretches a copy is alive where the one before has touched it and the one behind goes on with that.
  void find_way(SlotCopy& copy) const {
    std::array<bool, kStretches> touched{}, goes_on{};
    for (std::size_t k = 0; k < copy.touched.size(); ++k) {
      if (copy.touched[k] == nullptr) continue;
      for (const OwnPass& own : own_passes(moments_.kinds[k])) {
        if (own.chunk != copy.chunk) continue;
        touched[static_cast<std::size_t>(own.stretch)] = true;
        goes_on[static_cast<std::size_t>(own.stretch)] = !copy.touched[k]->spells.front().fresh;
      }
    }
    const auto is = [](const std::array<bool, kStretches>& list, Stretch stretch) {
      return list[static_cast<std::size_t>(stretch)];
    };
    using enum Stretch;
    copy.after_forward = is(touched, forward) && (is(goes_on, inputs) || is(goes_on, backward) ||
                                                  (!is(touched, inputs) && is(goes_on, weights)));
    copy.after_inputs = (is(touched, forward) || is(touched, inputs)) && is(goes_on, weights);
  }

  /// By chunk, as Moment::others counts them: one micro-batch each.
  std::vector<Level> levels_of_others() const {
    std::vector<Level> behind(2 * stage_.inputs_.chunks.size(), Level(base_.size(), 0));
    for (const SlotCopy& copy : slot_copies_) {
      const auto chunk = static_cast<std::size_t>(copy.chunk);
      if (copy.after_forward) add(behind[2 * chunk], copy.level);
      if (copy.after_inputs) add(behind[2 * chunk + 1], copy.level);
    }
    return behind;
  }

  bool is_alive_before(const StepCopy& copy, const Moment& moment) const {
    if (stage_.program_.buffer(copy.buffer).host == program::Host::writes) return true;
    return std::ranges::any_of(copy.touched.begin(), copy.touched.begin() + moment.begun,
                               [](const Touched* one) { return one != nullptr; });
  }
  bool is_alive_behind(const StepCopy& copy, const Moment& moment) const {
    if (stage_.program_.buffer(copy.buffer).host == program::Host::reads) return true;
    for (std::size_t k = 0; k < copy.touched.size(); ++k)
      if (copy.touched[k] != nullptr && moments_.rank[k] >= moment.over) return true;
    return false;
  }

  /// A copy's life in a call.
  void live(const Touched* touched, bool before, bool behind, const Level& level, Level& begin,
            std::vector<Change>& changes) const {
    if (before) add(begin, level);
    if (touched == nullptr) {
      if (before && !behind) add(begin, level, -1);
      return;
    }
    const std::vector<Spell>& spells = touched->spells;
    for (std::size_t s = 0; s < spells.size(); ++s) {
      if (s > 0 || !before) changes.push_back({spells[s].begin, true, &level});
      if (s + 1 < spells.size() || !behind) changes.push_back({spells[s].end + 1, false, &level});
    }
  }

  Highest levels_within(const Moment& moment) const {
    Level begin(base_.size(), 0);
    std::vector<Change> changes;
    const auto kind = static_cast<std::size_t>(moment.kind);
    const Read& read = *reads_[kind];
    for (const StepCopy& copy : step_copies_)
      live(copy.touched[kind], is_alive_before(copy, moment), is_alive_behind(copy, moment), copy.level,
           begin, changes);
    if (kind < moments_.kinds.size())
      for (const OwnPass& own : own_passes(moments_.kinds[kind]))
        for (const SlotCopy& copy : slot_copies_) {
          if (copy.chunk != own.chunk) continue;
          using enum Stretch;
          const bool before = own.stretch == weights   ? copy.after_inputs
                              : own.stretch != forward ? copy.after_forward
                                                       : false;
          const bool behind = own.stretch == forward  ? copy.after_forward
                              : own.stretch == inputs ? copy.after_inputs
                                                      : false;
          live(copy.touched[kind], before, behind, copy.level, begin, changes);
        }
    std::vector<Level> of_call;
    of_call.reserve(read.lives.of_call.size());
    for (const Touched& one : read.lives.of_call)
      if (!always_[program::index(one.buffer)])
        live(&one, false, false, of_call.emplace_back(level_of(one.buffer, one.copy)), begin, changes);
    return highest_of(begin, changes, read.passed_over);
  }

  /// Deaths come before the births at their position.
  static Highest highest_of(Level now, std::vector<Change>& changes, const std::vector<bool>& passed_over) {
    std::ranges::sort(changes, {}, [](const Change& c) { return std::pair(c.position, c.birth); });
    Highest highest;
    highest.add(now);
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const Change& change = changes[i];
      add(now, *change.level, change.birth ? 1 : -1);
      const bool top = change.birth && (i + 1 == changes.size() || !changes[i + 1].birth);
      if (top && !passed_over[static_cast<std::size_t>(change.position)]) highest.add(now);
    }
    return highest;
  }

  StageLevels& stage_;
  const StageMoments& moments_;
  std::vector<const Read*> reads_;  // by kind, what follows the passes and the update
  std::vector<bool> always_;        // by buffer
  Level base_;                      // what is alive always
  std::vector<StepCopy> step_copies_;
  std::vector<SlotCopy> slot_copies_;
};

bool StageLevels::add_highest(const StageMoments& moments, Highest& highest) {
  const Adding adding(*this, moments);
  if (!adding.covers()) return false;
  adding.run(highest);
  return true;
}

}  // namespace ds::memory
