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
class StageLevels::Passes {
 public:
  Passes(StageLevels& stage, const StageMoments& moments)
      : stage_(stage), kinds_(moments.kinds), rank_(moments.rank), base_(stage.sizes_.count(), 0) {
    for (const PassKind& kind : kinds_) templates_.push_back(stage.lowering_.pass(kind));
    templates_.push_back(stage.lowering_.finish());
    templates_.push_back(stage.lowering_.update());
    for (const TemplateId id : templates_) reads_.push_back(&stage.read(id));
    always_ = alive_always(stage.program_, stage.buffers_, templates_);
    add_what_lasts();
    find_step_copies();
    find_slot_copies();
    find_behind();
  }

  bool covers(const StageMoments& moments) const {
    for (const StepCopy& copy : step_copies_)
      for (const Moment& moment : moments.moments) {
        const Touched* const own = copy.touched[static_cast<std::size_t>(moment.kind)];
        if (own != nullptr && own->spells.front().fresh && is_alive_before(copy, moment)) return false;
      }
    return true;
  }

  void add_to(Highest& highest, const StageMoments& moments) {
    Level base = base_;
    for (const auto& [rule, level] : in_flight_) add(base, level, moments.slots_of(rule));
    for (const Moment& moment : moments.moments) {
      Level around = base;
      for (std::size_t i = 0; i < moment.others.size(); ++i)
        if (moment.others[i] > 0) add(around, behind_[i], moment.others[i]);
      const Within& within = within_of(moment);
      add(around, within.throughout);
      for (Level level : within.highest->levels()) {
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
  static constexpr std::int32_t kBefore = -1;  // the call
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
  /// Of all slots of a copy, of which there are not as many as micro-batches are under way.
  Level block_of(BufferId buffer, std::int32_t copy) const {
    Level one = level_of(buffer, copy);
    if (stage_.lowering_.slot_rule(buffer).kind == program::SlotRule::Kind::one) return one;
    Level all(one.size(), 0);
    for (const Of what : {Of::one, Of::sequence})
      all[stage_.sizes_.by_micro_batch(what)] = one[stage_.sizes_.of(what)];
    return all;
  }

  void add_what_lasts() {
    for (std::int32_t b = 0; b < stage_.buffers_.count; ++b) {
      if (!always_[static_cast<std::size_t>(b)]) continue;
      const auto id = static_cast<BufferId>(b);
      const program::SlotRule& rule = stage_.lowering_.slot_rule(id);
      const std::int32_t copies = stage_.program_.buffer(id).copies;
      if (rule.kind == program::SlotRule::Kind::in_flight) {
        Level& level = in_flight_.try_emplace(rule, base_.size(), 0).first->second;
        for (std::int32_t copy = 0; copy < copies; ++copy) add(level, level_of(id, copy));
      } else {
        for (std::int32_t copy = 0; copy < copies; ++copy) add(base_, block_of(id, copy));
      }
    }
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
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      const std::vector<OwnPass> own = own_passes(kinds_[k]);
      for (std::size_t which = 0; which < own.size(); ++which)
        for (const Touched& one : reads_[k]->lives.by_micro[which]) {
          if (always_[program::index(one.buffer)]) continue;
          std::int32_t& number = found[stage_.copies_.of(one.buffer, one.copy)];
          if (number < 0) {
            number = static_cast<std::int32_t>(slot_copies_.size());
            slot_copies_.push_back({own[which].chunk, one.buffer, one.copy, level_of(one.buffer, one.copy),
                                    std::vector<const Touched*>(kinds_.size(), nullptr)});
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
      for (const OwnPass& own : own_passes(kinds_[k])) {
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

  void find_behind() {
    behind_.assign(2 * stage_.inputs_.chunks.size(), Level(base_.size(), 0));
    for (const SlotCopy& copy : slot_copies_) {
      const auto chunk = static_cast<std::size_t>(copy.chunk);
      if (copy.after_forward) add(behind_[2 * chunk], copy.level);
      if (copy.after_inputs) add(behind_[2 * chunk + 1], copy.level);
    }
  }

  bool is_alive_before(const StepCopy& copy, const Moment& moment) const {
    if (stage_.program_.buffer(copy.buffer).host == program::Host::writes) return true;
    return std::ranges::any_of(copy.touched.begin(), copy.touched.begin() + moment.begun,
                               [](const Touched* one) { return one != nullptr; });
  }
  bool is_alive_behind(const StepCopy& copy, const Moment& moment) const {
    if (stage_.program_.buffer(copy.buffer).host == program::Host::reads) return true;
    for (std::size_t k = 0; k < copy.touched.size(); ++k)
      if (copy.touched[k] != nullptr && rank_[k] >= moment.over) return true;
    return false;
  }

  /// A call: what lives throughout it, and the highest levels of what it touches.
  struct Within {
    Level throughout;
    const Highest* highest{};
  };
  /// What a call touches, and what follows from whether that is alive before and behind it.
  struct Lives {
    std::vector<bool> alive;  // before and behind
    std::vector<Change> changes;
    Level throughout;
  };

  static void live(const Touched* touched, bool before, bool behind, const Level& level, Lives& lives) {
    if (touched == nullptr) {
      if (before && behind) add(lives.throughout, level);
      return;
    }
    lives.alive.push_back(before);
    lives.alive.push_back(behind);
    const std::vector<Spell>& spells = touched->spells;
    for (std::size_t s = 0; s < spells.size(); ++s) {
      lives.changes.push_back({s > 0 || !before ? spells[s].begin : kBefore, true, &level});
      if (s + 1 < spells.size() || !behind) lives.changes.push_back({spells[s].end + 1, false, &level});
    }
  }

  const Within& within_of(const Moment& moment) {
    const auto [found, is_new] = within_.try_emplace({moment.kind, moment.begun, moment.over});
    if (is_new) found->second = make_within(moment);
    return found->second;
  }
  Within make_within(const Moment& moment) const {
    Lives lives{.alive = {}, .changes = {}, .throughout = Level(base_.size(), 0)};
    const auto kind = static_cast<std::size_t>(moment.kind);
    const Read& read = *reads_[kind];
    for (const StepCopy& copy : step_copies_)
      live(copy.touched[kind], is_alive_before(copy, moment), is_alive_behind(copy, moment), copy.level,
           lives);
    if (kind < kinds_.size())
      for (const OwnPass& own : own_passes(kinds_[kind]))
        for (const SlotCopy& copy : slot_copies_) {
          if (copy.chunk != own.chunk) continue;
          using enum Stretch;
          const bool before = own.stretch == weights   ? copy.after_inputs
                              : own.stretch != forward ? copy.after_forward
                                                       : false;
          const bool behind = own.stretch == forward  ? copy.after_forward
                              : own.stretch == inputs ? copy.after_inputs
                                                      : false;
          live(copy.touched[kind], before, behind, copy.level, lives);
        }
    std::vector<const Touched*> of_call;
    for (const Touched& one : read.lives.of_call) {
      const bool lasts = always_[program::index(one.buffer)];
      lives.alive.push_back(lasts);
      if (!lasts) of_call.push_back(&one);
    }
    std::unique_ptr<Highest>& highest = stage_.highest_[{templates_[kind], lives.alive}];
    if (!highest) {
      std::vector<Level> levels;
      levels.reserve(of_call.size());
      for (const Touched* const one : of_call)
        live(one, false, false, levels.emplace_back(level_of(one->buffer, one->copy)), lives);
      highest = std::make_unique<Highest>(highest_of(lives.changes, read.passed_over, base_.size()));
    }
    return {std::move(lives.throughout), highest.get()};
  }

  /// Deaths come before the births at their position.
  static Highest highest_of(std::vector<Change>& changes, const std::vector<bool>& passed_over,
                            std::size_t sizes) {
    std::ranges::sort(changes, {}, [](const Change& c) { return std::pair(c.position, c.birth); });
    Level now(sizes, 0);
    Highest highest;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const Change& change = changes[i];
      add(now, *change.level, change.birth ? 1 : -1);
      const bool top = change.birth && (i + 1 == changes.size() || !changes[i + 1].birth);
      const bool before = change.position == kBefore;
      if (top && (before || !passed_over[static_cast<std::size_t>(change.position)])) highest.add(now);
    }
    if (highest.levels().empty()) highest.add(Level(sizes, 0));
    return highest;
  }

  StageLevels& stage_;
  std::vector<PassKind> kinds_;
  std::vector<std::int32_t> rank_;                // as StageMoments has it
  std::vector<TemplateId> templates_;             // by kind, what follows the passes and the update
  std::vector<const Read*> reads_;                // by kind, what follows the passes and the update
  std::vector<bool> always_;                      // by buffer
  Level base_;                                    // what is alive always
  std::map<program::SlotRule, Level> in_flight_;  // likewise, in as many slots: of one
  std::vector<StepCopy> step_copies_;
  std::vector<SlotCopy> slot_copies_;
  std::vector<Level> behind_;  // as Moment::others counts them: of one micro-batch
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, Within> within_;  // by kind, begun, over
};

StageLevels::~StageLevels() = default;

bool StageLevels::add_highest(const StageMoments& moments, Highest& highest) {
  std::unique_ptr<Passes>& passes = passes_[{moments.kinds, moments.rank}];
  if (!passes) passes = std::make_unique<Passes>(*this, moments);
  if (!passes->covers(moments)) return false;
  passes->add_to(highest, moments);
  return true;
}

}  // namespace ds::memory
