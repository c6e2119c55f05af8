// Jobs as lists of paths and values, laid beside each other.
#include "cli/prediction/settings.h"

#include <algorithm>
#include <map>

namespace ds::cli {
namespace {

using Settings = std::map<std::string, std::string>;  // path, JSON

/// Objects are gone into, and lists of objects; a list of plain values is one value.
void collect(const Cursor& at, Settings& settings) {
  if (at.is_object()) {
    for (const auto& [key, member] : at.members()) collect(member, settings);
    return;
  }
  if (at.is_list()) {
    const std::vector<Cursor> elements = at.list();
    if (std::ranges::any_of(elements, &Cursor::is_object)) {
      for (const Cursor& element : elements) collect(element, settings);
      return;
    }
  }
  settings[at.path()] = at.dump();
}

Settings settings_of(const workload::Job& job) {
  const Document document = parse_document(workload::write_job(job), job.file);
  Settings settings;
  collect(document.root(), settings);
  settings["model"] = json_text(job.model.name);
  return settings;
}

}  // namespace

std::vector<Difference> differences(const std::vector<Outcome>& outcomes) {
  std::map<std::string, Difference> by_path;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const std::optional<workload::Job>& job = outcomes[i].job;
    if (!job) continue;
    for (auto& [path, value] : settings_of(*job)) {
      Difference& difference = by_path[path];
      difference.path = path;
      difference.values.resize(outcomes.size());
      difference.values[i] = value;
    }
  }
  std::vector<Difference> differing;
  for (auto& [path, difference] : by_path) {
    const std::string* first = nullptr;
    bool differs = false;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (!outcomes[i].job) continue;
      if (first == nullptr) first = &difference.values[i];
      differs |= difference.values[i] != *first;
    }
    if (differs) differing.push_back(std::move(difference));
  }
  return differing;
}

}  // namespace ds::cli
