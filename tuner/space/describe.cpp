#include <fmt/format.h>

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
  if (p.recompute != workload::Recompute::none) text += ", recompute";
  if (p.attention == workload::Attention::unfused) text += ", unfused attention";
  return text;
}

}  // namespace ds::tuner
