// What `ds-tune search` found, for people.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <variant>

#include "cli/ds_tune/commands.h"

namespace ds::cli {
namespace {

using terminal::Align;
using terminal::Table;
using tuner::Index;

constexpr int kBarColumns = 20;

std::string ranks(const workload::Job& base) {
  const workload::Cluster& cluster = base.cluster;
  if (!cluster.cpu()) return fmt::format("{} GPUs", terminal::exact(cluster.ranks()));
  const std::string name = terminal::one_line(cluster.groups.front().node.name);
  return cluster.asked_ranks ? fmt::format("{} ranks of {}", *cluster.asked_ranks, name) : name;
}

std::string ending(const tuner::Found& found) {
  switch (found.end) {
    case tuner::End::seen_whole: return "proven";
    case tuner::End::evals: return "not proven, --evals ended it";
    case tuner::End::time_limit: return "not proven, --time-limit ended it";
    case tuner::End::stopped: return "not proven, stopped";
    case tuner::End::no_more: return "not proven, the method had no more to try";
  }
  return "?";
}

std::string counts(const SearchAnswer& answer) {
  const tuner::Found& f = answer.found;
  const auto duplicates = f.rejections.find({tuner::Reason::duplicate});
  const Index same = duplicates == f.rejections.end() ? 0 : duplicates->second.count;
  std::string text = fmt::format("{} combinations, {} break a rule", terminal::exact(answer.space.size()),
                                 terminal::exact(f.pruned.rule - same));
  if (same > 0) text += fmt::format(", {} are the same as others", terminal::exact(same));
  if (f.pruned.memory > 0) text += fmt::format(", {} too large", terminal::exact(f.pruned.memory));
  return text + fmt::format(", {} cut by bound, {} tried", terminal::exact(f.pruned.bound),
                            terminal::exact(f.evaluations));
}

void add_row(Table& table, const tuner::Space& space, const Judged& one, const std::string& mark,
             Seconds best, Seconds slowest) {
  const double over = one.verdict.step_time / best - 1;
  table.rows.push_back({{"  " + tuner::describe(one.plan, space)},
                        {terminal::in_unit_of(best, one.verdict.step_time)},
                        {one.event ? terminal::in_unit_of(best, one.event->step_time) : "-"},
                        {terminal::bytes(one.verdict.peak)},
                        {terminal::bar(one.verdict.step_time / slowest, kBarColumns), terminal::Hue::cyan},
                        {over == 0 ? "" : terminal::signed_percent(over)},
                        {mark}});
}

std::string plans(const SearchAnswer& answer, const terminal::Screen& screen) {
  Table table{.columns = {{"  plan", Align::left, terminal::kAlways, 24},
                          {"step time", Align::right},
                          {"by events", Align::right, 3},
                          {"memory", Align::right, 4},
                          {"", Align::left, 1},
                          {"", Align::right, 2},
                          {"", Align::left, terminal::kNeeded, 17}},
              .rows = {}};
  const std::optional<Judged>& own = answer.baseline;
  const Seconds best = answer.top.front().verdict.step_time;
  Seconds slowest = answer.top.back().verdict.step_time;
  if (own) slowest = std::max(slowest, own->verdict.step_time);
  bool own_is_shown = false;
  for (const Judged& one : answer.top) {
    const bool is_own = own && one.plan == own->plan;
    own_is_shown |= is_own;
    std::string mark = &one == answer.top.data() ? "<- best" : "";
    if (is_own) mark += mark.empty() ? "<- the job's plan" : ", the job's plan";
    add_row(table, answer.space, one, mark, best, slowest);
  }
  if (own && !own_is_shown)
    add_row(table, answer.space, *own,
            fmt::format("<- the job's plan{}{}", own->verdict.fits ? "" : ", does not fit",
                        answer.baseline_in_space ? "" : ", not in the space"),
            best, slowest);
  return terminal::draw(table, screen);
}

/// Of a front the fastest plans that need no more than this or that much memory, each limit a like share below the one before.
std::vector<const Judged*> spread(const std::vector<Judged>& front, int most) {
  const auto bytes_of = [](const Judged& one) { return static_cast<double>(one.verdict.peak.value); };
  const double largest = bytes_of(front.front()), smallest = bytes_of(front.back());
  std::vector<const Judged*> chosen;
  for (int i = 0; i < most; ++i) {
    const double limit = largest * std::pow(smallest / largest, static_cast<double>(i) / (most - 1));
    const auto one = std::ranges::find_if(front, [&](const Judged& it) { return bytes_of(it) <= limit; });
    const Judged* const found = one == front.end() ? &front.back() : &*one;
    if (chosen.empty() || chosen.back() != found) chosen.push_back(found);
  }
  return chosen;
}

/// Plans that need less memory, from the fastest on.
std::string smaller_ones(const SearchAnswer& answer, const terminal::Screen& screen) {
  constexpr int kMost = 10;
  const std::vector<Judged>& front = answer.front;
  if (!answer.shows_front || front.size() < 2) return {};
  const std::vector<const Judged*> shown = spread(front, kMost);
  Table table{.columns = {{fmt::format("  what smaller plans cost ({} of {}{})", shown.size(), front.size(),
                                       answer.found.front_is_whole ? "" : " that were tried"),
                           Align::left, terminal::kAlways, 24},
                          {"memory", Align::right},
                          {"", Align::left, 1},
                          {"step time", Align::right},
                          {"", Align::left, 1},
                          {"", Align::right, 2}},
              .rows = {}};
  const tuner::Verdict &fastest = front.front().verdict, &smallest = front.back().verdict;
  for (const Judged* const one : shown) {
    const tuner::Verdict& verdict = one->verdict;
    const double over = verdict.step_time / fastest.step_time - 1;
    const double share = static_cast<double>(verdict.peak.value) / static_cast<double>(fastest.peak.value);
    table.rows.push_back(
        {{"  " + tuner::describe(one->plan, answer.space)},
         {terminal::bytes(verdict.peak)},
         {terminal::bar(share, kBarColumns), terminal::Hue::yellow},
         {terminal::in_unit_of(fastest.step_time, verdict.step_time)},
         {terminal::bar(verdict.step_time / smallest.step_time, kBarColumns), terminal::Hue::cyan},
         {over == 0 ? "" : terminal::signed_percent(over)}});
  }
  return terminal::draw(table, screen);
}

/// Events know of links and cores that are shared.
std::string event_note(const SearchAnswer& answer) {
  const auto seconds = [](const Judged& one) {
    return one.event ? one.event->step_time : one.verdict.step_time;
  };
  const auto fastest = std::ranges::min_element(answer.top, {}, seconds);
  if (fastest == answer.top.begin()) return {};
  return fmt::format("event by event, with links and cores shared, the fastest of these is: {}\n",
                     tuner::describe(fastest->plan, answer.space));
}

std::string ranking_note(const SearchAnswer& answer) {
  std::string text;
  for (const tuner::RankingHolds& holds : answer.ranking) {
    text += fmt::format("{} {:.0f} %, the best stays the fastest of these in {:.0f} % of cases",
                        text.empty() ? "where each kind of cost is off by" : "; by", 100 * holds.off,
                        100 * holds.stays_best);
    if (holds.p95_regret > 0)
      text += fmt::format(", and is at most {} slower in 19 of 20", terminal::percent(holds.p95_regret));
  }
  return text.empty() ? text : text + "\n";
}

/// The first candidate that was rejected for that, in words.
std::string example(const SearchAnswer& answer, std::string_view words) {
  std::optional<Index> first;
  for (const auto& [rejection, all] : answer.found.rejections)
    if (tuner::words_of(rejection) == words) first = std::min(first.value_or(all.first), all.first);
  if (!first) return {};
  workload::Job job = answer.space.base();
  answer.space.decode_into(answer.space.candidate(*first), job);
  const auto violation = workload::first_violation(job);
  return violation ? fmt::format(", as {}", workload::as_error(*violation, job).wrong()) : "";
}

}  // namespace

std::map<std::string_view, Index> counted_by_words(const tuner::Found& found) {
  std::map<std::string_view, Index> counts;
  for (const auto& [rejection, all] : found.rejections) counts[tuner::words_of(rejection)] += all.count;
  return counts;
}

namespace {

/// How far the nearest one is from fitting.
std::string too_large(const SearchAnswer& answer) {
  const auto& nearest = answer.found.nearest;
  if (!nearest) return {};
  const auto job = std::get<workload::Job>(answer.space.decode(nearest->index));
  const double usable = job.cluster.groups.front().node.memory_bytes_per_gpu;
  const std::string margin = answer.memory_margin > 0 ? fmt::format(" ({} of it left free, --memory-margin)",
                                                                    terminal::percent(answer.memory_margin))
                                                      : "";
  return fmt::format("  {} of them are too large: the nearest, {}, needs {} of {}{}\n",
                     terminal::exact(answer.found.pruned.memory), tuner::describe(job.plan, answer.space),
                     terminal::bytes(nearest->verdict.peak),
                     terminal::bytes({std::llround(usable / (1 - answer.memory_margin))}), margin);
}

/// Rules that a search breaks by counting everything up against everything: degrees that do not multiply to the number of
/// ranks, chunks without interleaving. They say nothing of the job.
bool is_of_counting(std::string_view words) { return words == "plan.dp" || words == "plan.vpp"; }

/// What stands in the way, and what matters first: memory where anything is legal, else the rules.
std::string obstacles(const SearchAnswer& answer) {
  if (const std::string memory = too_large(answer); !memory.empty()) return memory;
  constexpr std::size_t kShown = 3;
  const std::string_view same = tuner::words_of({tuner::Reason::duplicate});
  std::vector<std::tuple<bool, Index, std::string_view>> rules;
  for (const auto& [words, count] : counted_by_words(answer.found))
    if (words != same) rules.emplace_back(is_of_counting(words), -count, words);
  std::ranges::sort(rules);
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, rules.size()); ++i) {
    const auto& [of_counting, count, words] = rules[i];
    text += fmt::format("  {} of them: {}{}\n", terminal::exact(-count), words, example(answer, words));
  }
  return text;
}

std::string margin_note(const SearchAnswer& answer) {
  if (answer.memory_margin == 0) return {};
  return fmt::format(
      "{} of memory is left free for the driver, libraries and the allocator (--memory-margin)\n",
      terminal::percent(answer.memory_margin));
}

}  // namespace

std::string search_tables(const SearchAnswer& answer, const terminal::Screen& screen) {
  const std::string task =
      fmt::format("{} on {}", terminal::one_line(answer.space.base().model.name), ranks(answer.space.base()));
  std::string note;
  if (answer.baseline_fault == kNotJudged)
    note = "the job's own plan was not judged\n";
  else if (!answer.baseline_fault.empty())
    note = fmt::format("the job's own plan is none: {}\n", terminal::one_line(answer.baseline_fault));
  if (answer.top.empty())
    return fmt::format("No plan found for {}: {}; {}\n{}", task, counts(answer),
                       answer.found.end == tuner::End::seen_whole ? "there is none" : ending(answer.found),
                       obstacles(answer)) +
           note;
  return fmt::format("Best plan for {}: {}; {}\n", task, counts(answer), ending(answer.found)) +
         plans(answer, screen) + event_note(answer) + ranking_note(answer) + smaller_ones(answer, screen) +
         margin_note(answer) + note;
}

}  // namespace ds::cli
