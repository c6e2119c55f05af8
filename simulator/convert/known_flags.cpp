// Looks every flag up.
#include "simulator/convert/known_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "simulator/base/json.h"
#include "simulator/base/nearest.h"

namespace ds::convert {
namespace {

template <class Fn>
void for_each_word(std::string_view words, Fn&& fn) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (end > 0) fn(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

bool has_word(std::string_view words, std::string_view word) {
  bool found = false;
  for_each_word(words, [&](std::string_view one) { found |= one == word; });
  return found;
}

/// Names to what they do; null: a key of the job.
class Index {
 public:
  explicit Index(const Catalogue& catalogue) {
    for (const workload::Name& key : catalogue.keys) exact_.emplace(key.theirs, nullptr);
    for (const OtherFlags& group : catalogue.others)
      for_each_word(group.names, [&](std::string_view name) {
        if (name.ends_with('*'))
          beginnings_.emplace_back(name.substr(0, name.size() - 1), &group);
        else
          exact_.emplace(name, &group);
      });
  }
  struct Found {
    bool known{};
    const OtherFlags* group{};
  };
  Found find(std::string_view name) const {
    if (const auto found = exact_.find(name); found != exact_.end()) return {true, found->second};
    for (const auto& [beginning, group] : beginnings_)
      if (name.starts_with(beginning)) return {true, group};
    return {};
  }
  std::string nearest_to(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const auto& [one, group] : exact_) names.push_back(one);
    return nearest(name, names);
  }

 private:
  std::map<std::string_view, const OtherFlags*> exact_;
  std::vector<std::pair<std::string_view, const OtherFlags*>> beginnings_;
};

[[noreturn]] void refuse_unknown(const Flag& flag, const Index& index, const Catalogue& catalogue) {
  const std::string near = index.nearest_to(flag.name);
  fail(flag, fmt::format("is not a flag of {} that is known here", catalogue.stack),
       near.empty() ? std::string() : fmt::format("did you mean {}?", near));
}

bool is_harmless(const Flag& flag, const OtherFlags& group) {
  return flag.values.size() == 1 && flag.values[0].known() && has_word(group.harmless, flag.values[0].text);
}

}  // namespace

std::vector<Flag> sort_out(std::span<const Flag> flags, const Catalogue& catalogue, const Asked& asked,
                           std::vector<std::string>& notes) {
  const Index index(catalogue);
  std::vector<Flag> keys;
  std::vector<std::string> ignored, habits, lacking;
  for (const Flag& flag : last_of_each(flags, notes)) {
    const Index::Found found = index.find(flag.name);
    if (!found.known) refuse_unknown(flag, index, catalogue);
    if (found.group == nullptr) {
      keys.push_back(flag);
    } else if (found.group->use == Use::ignored || is_harmless(flag, *found.group)) {
      ignored.push_back(flag.name);
    } else if (found.group->use == Use::habit) {
      habits.push_back(flag.name);
    } else if (asked.lenient) {
      lacking.push_back(fmt::format("{} ({})", flag.name, found.group->what));
    } else {
      fail(flag, fmt::format("cannot be predicted yet: {}", found.group->what),
           "--lenient leaves it out and says so");
    }
  }
  const auto note = [&](const std::vector<std::string>& names, std::string_view what) {
    if (!names.empty()) notes.push_back(fmt::format("{}: {}", what, fmt::join(names, ", ")));
  };
  note(lacking, "left out, which the prediction will be wrong by");
  note(habits, "left to the software preset");
  note(ignored, "ignored, as they do not change what is predicted");
  return keys;
}

}  // namespace ds::convert
