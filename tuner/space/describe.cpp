#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "simulator/workload/spellings.h"
#include "tuner/space/space.h"

namespace ds::tuner {

std::string describe(const workload::Plan& p) {
  std::string text;
  for (const auto& [name, degree] : {std::pair{"tp", p.tp}, {"pp", p.pp}, {"dp", p.dp}})
    if (degree > 1) text += fmt::format("{}{} {}", text.empty() ? "" : " ", name, degree);
  if (text.empty()) text = "one rank";
  text += fmt::format(", micro-batch {}", p.micro_batch);
  if (p.pp > 1 || p.schedule == workload::Schedule::gpipe)
    text += fmt::format(", {}", workload::name_in(workload::kSchedules, p.schedule));
  if (p.vpp > 1) text += fmt::format(" x {}", p.vpp);
  if (p.sequence_parallel) text += ", sequence parallel";
  if (p.zero > 0) text += fmt::format(", zero {}", p.zero);
  if (p.recompute == workload::Recompute::full) text += ", recompute";
  if (p.recompute == workload::Recompute::selective) text += ", selective recompute";
  if (p.attention != workload::Attention::flash)
    text += fmt::format(", {} attention", workload::name_in(workload::kAttentions, p.attention));
  return text;
}

std::string describe(const workload::Plan& plan, const Space& space) {
  constexpr std::array<std::string_view, 10> kSaid{
      "tp",   "pp",       "dp",        "micro_batch",       "vpp",
      "zero", "schedule", "recompute", "sequence_parallel", "attention"};
  constexpr std::string_view kOverlap = "overlap.";
  std::string text = describe(plan), overlaps;
  bool overlaps_vary = false;
  for (const Dimension& dimension : space.dimensions()) {
    const Setting& setting = *dimension.setting;
    if (dimension.values.size() < 2 || std::ranges::find(kSaid, setting.name) != kSaid.end()) continue;
    const std::string value = setting.spell(setting.get(plan));
    if (setting.name.starts_with(kOverlap)) {
      overlaps_vary = true;
      if (setting.get(plan) != 0) overlaps += fmt::format(" {}", setting.name.substr(kOverlap.size()));
    } else {
      text += setting.name == "precision" ? ", " + value : fmt::format(", {} {}", setting.name, value);
    }
  }
  if (overlaps_vary) text += overlaps.empty() ? ", no overlap" : ", overlap:" + overlaps;
  return text;
}

}  // namespace ds::tuner
