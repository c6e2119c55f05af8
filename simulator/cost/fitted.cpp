// Reads profiles/fitted.json.
#include "simulator/cost/fitted.h"

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

void take(FittedConstants& constants, const Cursor& at) {
  const auto factor = [&](std::string_view key, double& value) {
    if (const auto given = at.find(key)) value = given->positive();
  };
  factor("products", constants.products);
  factor("narrow_products", constants.narrow_products);
  factor("attention", constants.attention);
  factor("memory_bound", constants.memory_bound);
  factor("links_inside", constants.links_inside);
  factor("links_across", constants.links_across);
}

}  // namespace

FittedConstants read_fitted(const workload::Job& job, Fitted level) {
  FittedConstants constants;
  if (level == Fitted::none) return constants;
  const Document document = read_document(workload::profiles_directory() / "fitted.json");
  const Cursor root = document.root();
  root.only({"about", "families", "machines"});
  const workload::Node& node = job.cluster.groups.front().node;
  for (const Cursor& at : root.member("families").list()) {
    at.only({"arch", "products", "narrow_products", "attention", "memory_bound", "links_inside",
             "links_across", "fitted_on"});
    if (node.accelerator.arch.starts_with(at.member("arch").text())) take(constants, at);
  }
  if (level == Fitted::family) return constants;
  for (const Cursor& at : root.member("machines").list()) {
    at.only({"node", "products", "narrow_products", "attention", "memory_bound", "links_inside",
             "links_across", "fitted_on"});
    if (node.name == at.member("node").text()) take(constants, at);
  }
  return constants;
}

}  // namespace ds::cost
