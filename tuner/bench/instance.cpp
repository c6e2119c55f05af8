// The reader of a file of instances.
#include "tuner/bench/instance.h"

#include "simulator/workload/presets.h"
#include "simulator/workload/workload.h"

namespace ds::tuner {
namespace {

constexpr Named<Tier> kTiers[] = {
    {"train", Tier::train}, {"tuning", Tier::tuning}, {"D", Tier::d}, {"E", Tier::e}};
constexpr std::size_t kMostInstances = 10'000;

}  // namespace

std::string_view name_of(Tier tier) {
  for (const auto& entry : kTiers)
    if (entry.value == tier) return entry.name;
  return "?";
}

std::vector<Instance> read_instances(const std::filesystem::path& file) {
  const Document document = read_document(file);
  const Cursor root = document.root();
  root.only({"schema", "about", "instances"});
  std::vector<Instance> all;
  for (const Cursor& at : root.member("instances").list(1, kMostInstances)) {
    at.only({"name", "tier", "job"});
    Instance one{.name = at.member("name").text(),
                 .tier = at.member("tier").one_of(kTiers),
                 .job = {},
                 .space_name = std::string(kWideSpace)};
    const Document job = parse_document(at.member("job").dump(), file.string());
    one.job = workload::read_job_parts(job, file.parent_path());
    all.push_back(std::move(one));
  }
  return all;
}

std::filesystem::path default_instances() {
  return workload::profiles_directory() / "tuner" / "instances.json";
}

}  // namespace ds::tuner
