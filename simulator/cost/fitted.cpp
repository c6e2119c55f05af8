// Reads profiles/fitted.json.
#include "simulator/cost/fitted.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

constexpr std::array<std::string_view, 6> kNames{"products",     "narrow_products", "attention",
                                                 "memory_bound", "links_inside",    "links_across"};

/// What an entry says takes the place of what an earlier one said.
void take(std::vector<FittedConstant>& constants, const Cursor& at, const std::string& whose) {
  for (const std::string_view name : kNames) {
    const auto given = at.find(name);
    if (!given) continue;
    std::erase_if(constants, [&](const FittedConstant& known) { return known.name == name; });
    constants.push_back({std::string(name), given->positive(), whose, at.member("fitted_on").text()});
  }
}

}  // namespace

std::vector<FittedConstant> fitted_constants(const workload::Job& job, Fitted level) {
  std::vector<FittedConstant> constants;
  if (level == Fitted::none || job.cluster.cpu()) return constants;
  const Document document = read_document(workload::profiles_directory() / "fitted.json");
  const Cursor root = document.root();
  root.only({"about", "families", "machines"});
  const workload::Node& node = job.cluster.groups.front().node;
  for (const Cursor& at : root.member("families").list()) {
    at.only({"arch", "products", "narrow_products", "attention", "memory_bound", "links_inside",
             "links_across", "fitted_on"});
    const std::string arch = at.member("arch").text();
    if (node.accelerator.arch.starts_with(arch)) take(constants, at, "GPUs of " + arch);
  }
  if (level == Fitted::family) return constants;
  for (const Cursor& at : root.member("machines").list()) {
    at.only({"node", "products", "narrow_products", "attention", "memory_bound", "links_inside",
             "links_across", "fitted_on"});
    if (node.name == at.member("node").text()) take(constants, at, node.name);
  }
  return constants;
}

FittedConstants read_fitted(const workload::Job& job, Fitted level) {
  FittedConstants constants;
  double* const values[] = {&constants.products,     &constants.narrow_products, &constants.attention,
                            &constants.memory_bound, &constants.links_inside,    &constants.links_across};
  static_assert(std::size(values) == kNames.size());
  for (const FittedConstant& one : fitted_constants(job, level))
    *values[std::ranges::find(kNames, one.name) - kNames.begin()] = one.factor;
  return constants;
}

}  // namespace ds::cost
