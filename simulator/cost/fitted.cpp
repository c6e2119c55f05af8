// Reads profiles/fitted.json.
#include "simulator/cost/fitted.h"

#include <algorithm>

#include "simulator/base/json.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

struct Kind {
  std::string_view name;
  double FittedConstants::* factor;
};
constexpr Kind kKinds[] = {{"products", &FittedConstants::products},
                           {"narrow_products", &FittedConstants::narrow_products},
                           {"block_products", &FittedConstants::block_products},
                           {"attention", &FittedConstants::attention},
                           {"memory_bound", &FittedConstants::memory_bound},
                           {"links_inside", &FittedConstants::links_inside},
                           {"links_across", &FittedConstants::links_across}};

/// `whose`: the key that says whose the factors are.
std::vector<std::string_view> keys_of_entry(std::string_view whose) {
  std::vector<std::string_view> keys{whose};
  for (const Kind& kind : kKinds) keys.push_back(kind.name);
  keys.emplace_back("fitted_on");
  return keys;
}

/// What an entry says takes the place of what an earlier one said.
void take(std::vector<FittedConstant>& constants, const Cursor& at, const std::string& whose) {
  for (const auto& [name, factor] : kKinds) {
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
  root.only({"about", "families", "gpus", "machines"});
  const workload::Node& node = job.cluster.groups.front().node;
  for (const Cursor& at : root.member("families").list()) {
    at.only(keys_of_entry("arch"));
    const std::string arch = at.member("arch").text();
    if (node.accelerator.arch.starts_with(arch)) take(constants, at, "GPUs of " + arch);
  }
  const auto take_of = [&](std::string_view list, std::string_view key, const std::string& name) {
    for (const Cursor& at : root.member(list).list()) {
      at.only(keys_of_entry(key));
      if (at.member(key).text() == name) take(constants, at, name);
    }
  };
  take_of("gpus", "gpu", node.accelerator.name);
  if (level == Fitted::all) take_of("machines", "node", node.name);
  return constants;
}

FittedConstants read_fitted(const workload::Job& job, Fitted level) {
  FittedConstants constants;
  for (const FittedConstant& one : fitted_constants(job, level))
    constants.*std::ranges::find(kKinds, one.name, &Kind::name)->factor = one.factor;
  return constants;
}

}  // namespace ds::cost
