// Adds up births and deaths within each pass of a stage, as sums over sizes.
#include "simulator/memory/pass_levels.h"

#include <algorithm>

#include "simulator/memory/lifetimes.h"
#include "simulator/program/walk.h"

namespace ds::memory {
namespace {

using program::Buffer;
using program::BufferId;
using program::PassKind;
using program::TemplateId;
using Of = SizeNumbers::Of;

constexpr std::int32_t kBefore = -1;  // the call

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

LoweredPart::LoweredPart(const program::StageInputs& inputs, const Graphs& graphs,
                         const Graphs& graphs_of_two, const SizeNumbers& sizes)
    : inputs_(inputs),
      sizes_(sizes),
      lowering_(program_, graphs, inputs),
      buffers_{0, static_cast<std::int32_t>(program_.buffers.size())},
      copies_(program_, buffers_) {
  program::Program of_two;
  const program::StageLowering lowering(of_two, graphs_of_two, inputs);
  make_terms(of_two);
}

PassReader::PassReader(LoweredPart& part, const PartMoments& moments)
    : part_(part),
      program_(part.program()),
      sizes_(part.sizes()),
      kinds_(moments.kinds),
      rank_(moments.rank) {
  for (const PassKind& kind : kinds_) reads_.push_back(&part.pass(kind));
  reads_.push_back(&part.finish());
  reads_.push_back(&part.update());
  std::vector<TemplateId> templates;
  for (const Read* const one : reads_) templates.push_back(one->id);
  always_ = alive_always(program_, part.buffers(), templates);
  find_step_copies();
  find_slot_copies();
  own_lives_.resize(reads_.size());
  seen_.resize(reads_.size());
}

void LoweredPart::make_terms(const program::Program& of_two) {
  for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
    const Buffer& buffer = program_.buffers[b];
    const program::SizeRule& rule = lowering_.size_rule(static_cast<BufferId>(b));
    const bool cut = rule.by_layer && is_cut(static_cast<std::size_t>(rule.chunk));
    Terms& terms = terms_.emplace_back();
    Terms& middle = middle_terms_.emplace_back();
    const auto chunk = static_cast<std::size_t>(rule.chunk);
    if (rule.bucket >= 0) {
      using Times = SizeNumbers::Times;
      const auto bucket = static_cast<std::size_t>(rule.bucket);
      const auto part = rule.shard ? SizeNumbers::Part::shard : SizeNumbers::Part::whole;
      terms = {{sizes_.of(chunk, bucket, part, Times::once), size_of(buffer.type)}};
      if (cut)
        middle = {terms.front(), {sizes_.of(chunk, bucket, part, Times::more_layers), size_of(buffer.type)}};
      continue;
    }
    const std::int64_t one = buffer.size.bound.value;
    const std::int64_t sequence = of_two.buffers[b].size.bound.value - one;
    terms = {{sizes_.of(Of::one), one - sequence}, {sizes_.of(Of::sequence), sequence}};
    if (cut)
      middle = {terms.front(),
                terms.back(),
                {sizes_.by_layer(chunk, Of::one), one - sequence},
                {sizes_.by_layer(chunk, Of::sequence), sequence}};
  }
}

/// Layers may be left out of a chunk.
bool LoweredPart::is_cut(std::size_t chunk) const {
  const graph::StageOptions& graph = inputs_.chunks[chunk].graph;
  return !inputs_.merges_passes() && graph.kinds.empty() && graph.layers >= kMostLayers - 1;
}

/// An iteration that is none of the highest.
bool LoweredPart::is_between(const program::Template& body, std::int32_t iteration) const {
  const bool is_pass = body.pass != program::Pass::norm && body.pass != program::Pass::update;
  const auto chunk = static_cast<std::size_t>(body.chunk);
  return is_pass && is_cut(chunk) && iteration >= 2 && iteration < inputs_.chunks[chunk].graph.layers - 2;
}

const LoweredPart::Read& LoweredPart::read(TemplateId id) {
  const auto found = reads_.find(id);
  if (found != reads_.end()) return found->second;
  const program::Template& body = program_.templates[program::index(id)];
  // Of more than one, no write of one slot is one of the whole.
  const std::int32_t slots = inputs_.micro_batches == 1 ? 1 : 2;
  Read result{id,
              lives_of(program_, body, copies_,
                       [&](BufferId buffer) {
                         const bool one = lowering_.slot_rule(buffer).kind == program::SlotRule::Kind::one;
                         return one ? 1 : slots;
                       }),
              {}};
  for (const program::Block& block : body.blocks)
    for (std::int32_t k = block.first; k < block.first + block.times; ++k)
      result.passed_over.insert(result.passed_over.end(), static_cast<std::size_t>(block.body.count),
                                block.times > 1 && is_between(body, k));
  return reads_.emplace(id, std::move(result)).first->second;
}

const Terms& LoweredPart::terms_of(BufferId buffer, std::int32_t copy) const {
  const auto b = program::index(buffer);
  const bool middle = !middle_terms_[b].empty() && copy == program_.buffer(buffer).copies / 2;
  return middle ? middle_terms_[b] : terms_[b];
}

Terms LoweredPart::block_of(BufferId buffer, std::int32_t copy) const {
  const Terms& one = terms_of(buffer, copy);
  if (lowering_.slot_rule(buffer).kind == program::SlotRule::Kind::one) return one;
  Terms all;
  for (const Term& term : one)
    for (const Of what : {Of::one, Of::sequence})
      if (term.size == sizes_.of(what)) all.push_back({sizes_.by_micro_batch(what), term.times});
  return all;
}

PassLevels PassReader::levels() const {
  const Level none(sizes_.count(), 0);
  PassLevels result{none, {}, {}, {}, {}, {}};
  for (std::int32_t b = 0; b < part_.buffers().count; ++b) {
    if (!always_[static_cast<std::size_t>(b)]) continue;
    const auto id = static_cast<BufferId>(b);
    const program::SlotRule& rule = part_.lowering().slot_rule(id);
    const bool many = rule.kind == program::SlotRule::Kind::in_flight;
    auto of_rule = std::ranges::find(result.in_flight, rule, [](const auto& one) { return one.first; });
    if (many && of_rule == result.in_flight.end())
      of_rule = result.in_flight.insert(result.in_flight.end(), {rule, none});
    if (part_.lowering().size_rule(id).of_stage) {
      Level& level = result.of_stage.emplace_back(program_.buffer(id).name, none).second;
      add(level, part_.block_of(id, 0));
      continue;
    }
    for (std::int32_t copy = 0; copy < program_.buffer(id).copies; ++copy)
      if (many)
        add(of_rule->second, part_.terms_of(id, copy));
      else
        add(result.base, part_.block_of(id, copy));
  }
  result.behind.assign(2 * part_.inputs().chunks.size(), none);
  for (const SlotCopy& copy : slot_copies_) {
    const auto chunk = static_cast<std::size_t>(copy.chunk);
    if (copy.after_forward) add(result.behind[2 * chunk], *copy.terms);
    if (copy.after_inputs) add(result.behind[2 * chunk + 1], *copy.terms);
  }
  return result;
}

void PassReader::find_step_copies() {
  std::vector<std::int32_t> found(part_.copies().count(), -1);
  for (std::size_t k = 0; k < reads_.size(); ++k)
    for (const Touched& one : reads_[k]->lives.of_step) {
      if (always_[program::index(one.buffer)]) continue;
      std::int32_t& number = found[part_.copies().of(one.buffer, one.copy)];
      if (number < 0) {
        number = static_cast<std::int32_t>(step_copies_.size());
        step_copies_.push_back({one.buffer, part_.block_of(one.buffer, one.copy),
                                std::vector<const Touched*>(reads_.size(), nullptr)});
      }
      step_copies_[static_cast<std::size_t>(number)].touched[k] = &one;
    }
}

void PassReader::find_slot_copies() {
  std::vector<std::int32_t> found(part_.copies().count(), -1);
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const std::vector<OwnPass> own = own_passes(kinds_[k]);
    for (std::size_t which = 0; which < own.size(); ++which)
      for (const Touched& one : reads_[k]->lives.by_micro[which]) {
        if (always_[program::index(one.buffer)]) continue;
        std::int32_t& number = found[part_.copies().of(one.buffer, one.copy)];
        if (number < 0) {
          number = static_cast<std::int32_t>(slot_copies_.size());
          slot_copies_.push_back({own[which].chunk, one.buffer, &part_.terms_of(one.buffer, one.copy),
                                  std::vector<const Touched*>(kinds_.size(), nullptr)});
        }
        slot_copies_[static_cast<std::size_t>(number)].touched[k] = &one;
      }
  }
  for (SlotCopy& copy : slot_copies_) find_way(copy);
}

/// Between two stretches a copy is alive where the one before has touched it and the one behind goes on with that.
void PassReader::find_way(SlotCopy& copy) const {
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

bool PassReader::is_alive_before(const StepCopy& copy, const Between& between) const {
  if (program_.buffer(copy.buffer).host == program::Host::writes) return true;
  return std::ranges::any_of(copy.touched.begin(), copy.touched.begin() + between.begun,
                             [](const Touched* one) { return one != nullptr; });
}
bool PassReader::is_alive_behind(const StepCopy& copy, const Between& between) const {
  if (program_.buffer(copy.buffer).host == program::Host::reads) return true;
  for (std::size_t k = 0; k < copy.touched.size(); ++k)
    if (copy.touched[k] != nullptr && rank_[k] >= between.over) return true;
  return false;
}

void PassReader::live(const Touched* touched, bool before, bool behind, const Terms& terms,
                      Lives& lives) const {
  if (touched == nullptr) {
    if (before && behind) add(lives.throughout, terms);
    return;
  }
  const std::vector<Spell>& spells = touched->spells;
  if (before && behind && spells.size() == 1) {
    add(lives.throughout, terms);
    return;
  }
  for (std::size_t s = 0; s < spells.size(); ++s) {
    lives.changes.push_back({s > 0 || !before ? spells[s].begin : kBefore, true, &terms});
    if (s + 1 < spells.size() || !behind) lives.changes.push_back({spells[s].end + 1, false, &terms});
  }
}

Idle PassReader::idle(const Between& between) const {
  Idle result{between, Level(sizes_.count(), 0)};
  for (const StepCopy& copy : step_copies_)
    if (!part_.lowering().size_rule(copy.buffer).of_stage && is_alive_before(copy, between) &&
        is_alive_behind(copy, between))
      add(result.level, copy.terms);
  return result;
}

Within PassReader::within(const std::pair<std::int32_t, Between>& call) {
  Within result{call, {}};
  Lives lives{.changes = {}, .throughout = Level(sizes_.count(), 0)};
  const auto kind = static_cast<std::size_t>(call.first);
  const Between& between = call.second;
  for (const StepCopy& copy : step_copies_) {
    const Touched* const own = copy.touched[kind];
    const bool before = is_alive_before(copy, between);
    if (own != nullptr && own->spells.front().fresh && before) return result;
    live(own, before, is_alive_behind(copy, between), copy.terms, lives);
  }
  std::optional<Lives>& own = own_lives_[kind];
  if (!own) add_own_lives(kind, own.emplace(Lives{.changes = {}, .throughout = Level(sizes_.count(), 0)}));
  auto seen = std::ranges::find(seen_[kind], lives.changes, &Seen::of_step);
  if (seen == seen_[kind].end()) {
    std::vector<Change> changes = lives.changes;
    changes.insert(changes.end(), own->changes.begin(), own->changes.end());
    seen = seen_[kind].insert(
        seen, {std::move(lives.changes), highest_of(std::move(changes), reads_[kind]->passed_over)});
  }
  result.levels = seen->levels;
  for (Level& level : result.levels)
    for (std::size_t i = 0; i < level.size(); ++i) level[i] += lives.throughout[i] + own->throughout[i];
  return result;
}

/// What a pass touches of its micro-batches, and what is its own.
void PassReader::add_own_lives(std::size_t kind, Lives& lives) const {
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
        live(copy.touched[kind], before, behind, *copy.terms, lives);
      }
  for (const Touched& one : reads_[kind]->lives.of_call)
    if (!always_[program::index(one.buffer)])
      live(&one, false, false, part_.terms_of(one.buffer, one.copy), lives);
}

/// Deaths come before the births at their position.
std::vector<Level> PassReader::highest_of(std::vector<Change> changes,
                                          const std::vector<bool>& passed_over) const {
  std::ranges::sort(changes, {},
                    [](const Change& c) { return 2 * std::int64_t{c.position} + (c.birth ? 1 : 0); });
  Level now(sizes_.count(), 0);
  Highest highest;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    add(now, *change.terms, change.birth ? 1 : -1);
    const bool top = change.birth && (i + 1 == changes.size() || !changes[i + 1].birth);
    const bool before = change.position == kBefore;
    if (top && (before || !passed_over[static_cast<std::size_t>(change.position)])) highest.add(now);
  }
  highest.add(Level(sizes_.count(), 0));
  return highest.take();
}

}  // namespace ds::memory
