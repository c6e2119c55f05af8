// A plan in words, by the table of plan keys.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

using workload::PlanKey;
using workload::Said;

std::vector<const PlanKey*> said_by_turn(Said said) {
  std::vector<const PlanKey*> keys;
  for (const PlanKey& key : workload::plan_keys())
    if (key.words.said == said) keys.push_back(&key);
  std::ranges::stable_sort(keys, {}, [](const PlanKey* key) { return key->words.turn; });
  return keys;
}

}  // namespace

std::string describe(const workload::Plan& plan) {
  std::string text;
  for (const PlanKey* key : said_by_turn(Said::degree))
    if (const std::int64_t degree = key->value.get(plan); degree > 1)
      text += fmt::format("{}{} {}", text.empty() ? "" : " ", key->name, degree);
  if (text.empty()) text = "one rank";
  for (const PlanKey* key : said_by_turn(Said::phrase))
    if (const std::string phrase = key->words.phrase(plan); !phrase.empty()) text += ", " + phrase;
  return text;
}

std::string describe(const workload::Plan& plan, const Space& space) {
  std::string text = describe(plan);
  std::map<std::string_view, std::string> objects;  // overlap: " p2p tp_comm"
  for (const Dimension& dimension : space.dimensions()) {
    const PlanKey& key = *dimension.key;
    if (dimension.values.size() < 2 || key.words.said == Said::degree || key.words.said == Said::phrase)
      continue;
    const std::int64_t value = key.value.get(plan);
    if (const std::size_t dot = key.name.find('.'); dot != std::string_view::npos) {
      std::string& uses = objects[key.name.substr(0, dot)];
      if (value != key.search->off) uses += fmt::format(" {}", key.name.substr(dot + 1));
    } else if (key.words.said == Said::as_value) {
      text += ", " + key.value.spell(value);
    } else if (value != key.search->off) {
      text += fmt::format(", {} {}", key.name, key.value.spell(value));
    }
  }
  for (const auto& [object, uses] : objects)
    text += uses.empty() ? fmt::format(", no {}", object) : fmt::format(", {}:{}", object, uses);
  return text;
}

}  // namespace ds::tuner
