#include "cli/ds_sim/why.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/ds_sim/changed_job.h"
#include "cli/session/session.h"
#include "simulator/base/error.h"
#include "simulator/workload/plan_keys.h"

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::Table;
using workload::PlanKey;

constexpr double kWorthAWord = 0.01;     // of a step
constexpr double kWorthAChange = 0.001;  // of a step, or of the peak
constexpr std::size_t kMostFaster = 6, kMostSmaller = 3;

/// Words beside words, or numbers in their order.
bool is_count(const PlanKey& key, std::int64_t value) {
  return key.value.spell(value) == std::to_string(value);
}

/// The next smaller and the next larger value of a count, every other value of what is none.
std::vector<std::int64_t> steps_from(const PlanKey& key, std::int64_t own, std::vector<std::int64_t> values) {
  std::ranges::sort(values);
  std::erase(values, own);
  if (!is_count(key, own)) return values;
  const auto above = std::ranges::lower_bound(values, own);
  std::vector<std::int64_t> next;
  if (above != values.begin()) next.push_back(*std::prev(above));
  if (above != values.end()) next.push_back(*above);
  return next;
}

/// "plan.tp=4", and plan.dp where the document gives it: as many as the ranks then make.
std::vector<std::string> assignments_of(const workload::Job& job, const PlanKey& key, std::int64_t value,
                                        bool gives_dp) {
  std::vector<std::string> all{fmt::format("plan.{}={}", key.name, key.value.spell(value))};
  if (!gives_dp || key.name == "dp") return all;
  workload::Plan plan = job.plan;
  key.value.set(plan, value);
  const std::int64_t before = job.plan.tp * job.plan.pp * job.plan.cp, after = plan.tp * plan.pp * plan.cp;
  if (after != before) all.push_back(fmt::format("plan.dp={}", job.plan.dp * before / after));
  return all;
}

/// None where it breaks a rule, or is not predicted.
std::optional<Outcome> changed(const Document& document, const std::string& folder,
                               const std::vector<std::string>& assignments) {
  Outcome outcome;
  outcome.name = fmt::format("{}", fmt::join(assignments, " "));
  try {
    outcome.job = changed_job(document, assignments, folder);
  } catch (const InputError&) {
    return std::nullopt;
  }
  return outcome;
}

/// A change that could be predicted.
struct Change {
  std::string name;
  Seconds step_time;
  Bytes peak, capacity;

  bool fits() const { return peak <= capacity; }
};

std::vector<Change> predicted(const std::vector<Outcome>& outcomes) {
  std::vector<Change> changes;
  for (const Outcome& one : outcomes)
    if (const auto& f = one.figures) changes.push_back({one.name, f->step_time, f->peak, f->capacity});
  return changes;
}

/// Where the plan fits: the fastest, and of the others the smallest; where not, the fastest that fit.
std::vector<Change> worth_showing(const std::vector<Change>& changes, const Figures& now) {
  std::vector<Change> faster, smaller;
  for (const Change& one : changes) {
    if (!one.fits()) continue;
    if (one.step_time.value < now.step_time.value * (1 - kWorthAChange) || !now.fits())
      faster.push_back(one);
    else if (one.peak / now.peak < 1 - kWorthAChange)
      smaller.push_back(one);
  }
  std::ranges::stable_sort(faster, {}, &Change::step_time);
  std::ranges::stable_sort(smaller, {}, &Change::peak);
  faster.resize(std::min(faster.size(), kMostFaster));
  smaller.resize(std::min(smaller.size(), kMostSmaller));
  faster.insert(faster.end(), smaller.begin(), smaller.end());
  return faster;
}

std::string table_of(const std::vector<Change>& changes, const Figures& now, const terminal::Screen& screen) {
  Table table{.columns = {{"--set"},
                          {"step time", Align::right},
                          {"", Align::right},
                          {"peak memory", Align::right},
                          {"", Align::right, 1}},
              .rows = {}};
  for (const Change& one : changes)
    table.rows.push_back({{terminal::one_line(one.name)},
                          {terminal::duration(one.step_time)},
                          {terminal::signed_percent(one.step_time / now.step_time - 1)},
                          {terminal::bytes(one.peak)},
                          {terminal::signed_percent(one.peak / now.peak - 1)}});
  return terminal::draw(table, screen);
}

/// The change that needs least, where none is enough.
std::string nearest_text(const std::vector<Change>& changes, const Figures& now) {
  const auto least = std::ranges::min_element(changes, {}, &Change::peak);
  if (least == changes.end() || least->peak >= now.peak) return "no change of one key saves memory\n";
  return fmt::format("no change of one key makes it fit; {} needs least, {} of {}\n",
                     terminal::one_line(least->name), terminal::bytes(least->peak),
                     terminal::bytes(least->capacity));
}

}  // namespace

std::string bounds_text(const engine::Prediction& p, const std::vector<engine::Freed>& freed) {
  const Seconds step = p.summary.step_time, bubble = p.summary.parts.pp_bubble;
  std::string text;
  for (const engine::Freed& one : freed)
    if (one.saved / step > kWorthAWord)
      text += fmt::format("{}without {}{} {} ({}){}", text.empty() ? "why        " : ", ", one.what,
                          text.empty() ? " a step would take" : "", terminal::duration(one.saved),
                          terminal::percent(one.saved / step), text.empty() ? " less" : "");
  if (!text.empty()) text += "\n";
  if (bubble / step > kWorthAWord)
    text += fmt::format("waits      {} ({}) for other stages, as the pipeline fills and drains\n",
                        terminal::duration(bubble), terminal::percent(bubble / step));
  return text;
}

std::vector<Outcome> one_step_changes(const workload::Job& job, const Document& document,
                                      const std::string& folder) {
  const bool gives_dp =
      std::ranges::find(job.assumptions, "plan.dp", &workload::Assumption::path) == job.assumptions.end();
  std::vector<Outcome> changes;
  for (const PlanKey& key : workload::plan_keys()) {
    if (!key.search || !key.in_default_space() || key.follows(job)) continue;
    const std::int64_t own = key.value.get(job.plan);
    for (const std::int64_t value : steps_from(key, own, key.search->candidates(job, job.cluster.ranks())))
      if (auto outcome = changed(document, folder, assignments_of(job, key, value, gives_dp)))
        changes.push_back(std::move(*outcome));
  }
  return changes;
}

std::string changes_text(const std::vector<Outcome>& outcomes, const Figures& now,
                         const terminal::Screen& screen) {
  const std::vector<Change> changes = predicted(outcomes);
  if (changes.empty()) return "";
  const std::vector<Change> chosen = worth_showing(changes, now);
  if (chosen.empty())
    return now.fits() ? fmt::format("changes    none of {} of one key makes the step faster or smaller\n",
                                    changes.size())
                      : nearest_text(changes, now);
  return fmt::format("\n{} (of {} changes of one key)\n{}",
                     now.fits() ? "what would gain time or memory" : "what would make it fit", changes.size(),
                     table_of(chosen, now, screen));
}

}  // namespace ds::cli
