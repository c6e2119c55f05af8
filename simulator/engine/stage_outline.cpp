// Puts the templates of a step together: who waits for whom on lanes that no other class knows, and what others see.
#include "simulator/engine/stage_outline.h"

#include <algorithm>
#include <map>
#include <utility>

#include "simulator/engine/stage_templates.h"

namespace ds::engine {
namespace {

/// Finds out who waits for whom on lanes that no other class knows.
class LocalWaits {
 public:
  explicit LocalWaits(std::vector<LocalItem>& items) : items_(items) {}

  void add(const LocalPlace& place, const StageTemplates::Placed& from, LocalItem::When when,
           std::size_t in_template) {
    const auto copy_of = [&](const LocalPlace::LocalUse& use) {
      return std::pair(use.copy.first + static_cast<std::size_t>(from.first_buffer),
                       stands_for(use.copy.second, from.layers));
    };
    LocalItem item = place.item;
    item.when = when;
    item.in_template = static_cast<std::int32_t>(in_template);
    const std::int32_t own = item.from.lane;
    const auto number = static_cast<std::int32_t>(items_.size());
    for (const LocalPlace::LocalUse& use : place.uses)
      for (const auto& [lane, other] : last_[copy_of(use)]) {
        if (lane == own) continue;
        const std::int32_t latest = use.reads ? other.write : std::max(other.write, other.read);
        if (latest >= 0 && std::ranges::find(item.waits, latest) == item.waits.end())
          item.waits.push_back(latest);
      }
    for (const LocalPlace::LocalUse& use : place.uses) {
      Last& last = last_[copy_of(use)][own];
      (use.reads ? last.read : last.write) = number;
    }
    items_.push_back(std::move(item));
  }

 private:
  struct Last {
    std::int32_t read{-1}, write{-1};
  };
  std::vector<LocalItem>& items_;
  std::map<std::pair<std::size_t, std::int32_t>, std::map<std::int32_t, Last>> last_;  // by copy and lane
};

void add_shape(const TemplateOutline& outline, std::vector<std::int32_t>& shape) {
  shape.push_back(static_cast<std::int32_t>(outline.items.size()));
  for (const OutlineItem& item : outline.items) {
    shape.insert(shape.end(),
                 {item.lane, static_cast<std::int32_t>(item.what), item.group.axes,
                  static_cast<std::int32_t>(item.group.members), item.shift, item.begins, item.ends});
    for (std::int32_t u = item.first_use; u < item.first_use + item.begins + item.ends; ++u) {
      const SharedUse& use = outline.uses[static_cast<std::size_t>(u)];
      shape.insert(shape.end(), {use.buffer, use.instance, use.reads ? 1 : 0});
    }
  }
}

}  // namespace

StageOutline::StageOutline(StageTemplates& all, const std::vector<PassTemplates*>& chunks, PassList passes)
    : passes_(std::move(passes)) {
  std::vector<StageTemplates::Placed> read;
  for (const program::PassKind& kind : passes_.kinds) read.push_back(all.pass(chunks, kind));
  read.push_back(all.finish());
  read.push_back(all.update());
  // Of buffers: from those of all templates of a chunk to those of these.
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> numbers;
  for (const StageTemplates::Placed& one : read) {
    TemplateOutline& outline = templates_.emplace_back(one.read->outline);
    for (SharedUse& use : outline.uses) {
      const auto [found, is_new] =
          numbers.try_emplace({one.chunk, use.buffer}, static_cast<std::int32_t>(slots_.size()));
      if (is_new) slots_.push_back(all.slots_of(chunks, one.chunk, use.buffer));
      use.buffer = found->second;
    }
  }
  const std::vector<OutlineItem>& last = templates_[finish()].items;
  cut_ = last.size();
  for (std::size_t i = 0; i < last.size(); ++i)
    if (last[i].what == OutlineItem::What::collective && last[i].group == program::kWorld) cut_ = i;

  using When = LocalItem::When;
  LocalWaits waits(local_);
  const auto behind_cut = [&](const LocalPlace& place) {
    return cut_ < last.size() && place.item.from.position >= last[cut_].to.position;
  };
  const StageTemplates::Placed &end = read[finish()], &next = read[update()];
  for (const LocalPlace& place : end.read->places)
    if (place.compute && behind_cut(place)) waits.add(place, end, When::after_cut, finish());
  for (const LocalPlace& place : next.read->places) waits.add(place, next, When::after_cut, update());
  update_waits_ =
      std::ranges::any_of(local_, [](const LocalItem& one) { return one.item >= 0 && !one.waits.empty(); });
  const auto add_passes = [&](const std::vector<std::int32_t>& kinds, When when) {
    for (const std::int32_t kind : kinds)
      for (const LocalPlace& place : read[static_cast<std::size_t>(kind)].read->places)
        // A pass that is both is gone through twice; its lanes do what they do once.
        if (place.compute || when == When::last_backward)
          waits.add(place, read[static_cast<std::size_t>(kind)], when, static_cast<std::size_t>(kind));
  };
  add_passes(passes_.first_forwards, When::first_forward);
  add_passes(passes_.last_backwards, When::last_backward);
  for (const LocalPlace& place : end.read->places)
    if (!place.compute || !behind_cut(place)) waits.add(place, end, When::finish, finish());
}

std::vector<std::int32_t> StageOutline::make_shape() const {
  std::vector<std::int32_t> shape{local_.empty() ? 0 : 1, update_waits_ ? 1 : 0};
  for (const program::PassKind& kind : passes_.kinds)
    shape.insert(shape.end(), {kind.chunk, kind.forward ? 1 : 0, static_cast<std::int32_t>(kind.gradients),
                               kind.role.first ? 1 : 0, kind.role.last ? 1 : 0, kind.merged_with});
  for (const TemplateOutline& outline : templates_) add_shape(outline, shape);
  for (const program::SlotRule& rule : slots_)
    shape.insert(shape.end(),
                 {static_cast<std::int32_t>(rule.kind), rule.chunk, static_cast<std::int32_t>(rule.from),
                  static_cast<std::int32_t>(rule.to), rule.lanes_share ? 1 : 0});
  return shape;
}

}  // namespace ds::engine
