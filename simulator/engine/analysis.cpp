// From segments to outlines, from these to a tape, and back to the times of segments.
#include "simulator/engine/analysis.h"

#include <algorithm>

namespace ds::engine {
namespace {

/// The same program with one class a stage: ranks of a stage are alike. Nothing where it has no more.
std::optional<program::Program> by_stage(const program::Program& program) {
  if (std::ssize(program.classes) == program.grid.size(program::Axis::pp)) return std::nullopt;
  program::Program result = program;
  result.classes.clear();
  for (const program::RankClass& ranks : program.classes) {
    const program::Coordinates at = program.grid.at(ranks.first);
    if (at.tp != 0 || at.cp != 0 || at.dp != 0) continue;
    result.classes.push_back(ranks);
    result.classes.back().members = program.grid.ranks() / program.grid.size(program::Axis::pp);
  }
  return result;
}

}  // namespace

Analysis::Analysis(const program::Program& program, const Durations& durations)
    : by_stage_(by_stage(program)), program_(by_stage_ ? *by_stage_ : program), durations_(durations) {
  program::Channels channels(program_);
  const std::vector<bool> apart(program_.instructions.size(), false);
  for (std::size_t c = 0; c < program_.classes.size(); ++c) {
    schedules_.emplace_back(program_, c, durations, channels, apart, nullptr);
    classes_.push_back(outline_of(program_, schedules_.back()));
  }
  std::vector<const maxplus::Outline*> outlines;
  for (const ClassOutline& one : classes_) outlines.push_back(&one.outline);
  cut_ = maxplus::find_cut(outlines);
}

program::StepSummary Analysis::summary() {
  const double period = run(Fewer::no, maxplus::Skip::no);
  SegmentTimes times(classes_.size());
  std::vector<StepOfClass> steps;
  Seconds begin{};
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    for (std::size_t lane = 0; lane < schedules_[c].lanes(); ++lane)
      times[c].emplace_back(schedules_[c].count(lane));
    read_times(c, period, times[c], begin);
    steps.push_back({&schedules_[c], &times[c]});
  }
  count_from(steps, begin);
  return sum_up(program_, steps, {period}, durations_.communications, false, Rows::none).summary;
}

double Analysis::run(Fewer waits, maxplus::Skip skip) {
  graphs_.clear();
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const maxplus::Outline& outline = classes_[c].outline;
    graphs_.push_back(
        maxplus::reduce(waits == Fewer::yes ? maxplus::relax(outline, cut_of(c)) : outline, cut_of(c)));
  }
  std::vector<const maxplus::SyncGraph*> graphs;
  for (const maxplus::SyncGraph& graph : graphs_) graphs.push_back(&graph);
  tape_ = maxplus::compile(graphs);
  const std::span<double> weights = evaluation_.weights(tape_);
  std::vector<double> of_class;
  for (std::size_t c = 0; c < graphs_.size(); ++c) {
    graphs_[c].formulas.work_out(classes_[c].durations, of_class);
    std::ranges::copy_n(of_class.begin(), graphs_[c].formulas.weights,
                        weights.begin() + tape_.first_weight[c]);
  }
  return evaluation_.step(tape_, skip);
}

void Analysis::read_times(std::size_t c, double period, std::vector<std::vector<Interval>>& times,
                          Seconds& begin) {
  const auto at = [&](const std::vector<std::int32_t>& entries) {
    std::vector<double> list;
    for (const std::int32_t entry : entries)
      list.push_back(evaluation_.times()[static_cast<std::size_t>(entry)]);
    return list;
  };
  const std::vector<double> ends = at(tape_.entry_of[c]);
  const std::vector<double> before = cut_ ? std::vector<double>{} : at(tape_.entry_before[c]);
  const std::vector<maxplus::ItemTime> items = maxplus::times_of_items(
      classes_[c].outline, graphs_[c], cut_of(c), classes_[c].durations, ends, before);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto [lane, segment] = classes_[c].places[i];
    // What is behind the cut was done before all else; of this step it is the end, one period later.
    const bool behind = cut_ && static_cast<std::int32_t>(i) > cut_of(c);
    if (behind) begin = std::max(begin, Seconds{items[i].end});
    const double shift = behind ? period : 0;
    times[lane][segment] = {{items[i].ready + shift}, {items[i].end + shift}};
  }
  if (!cut_)
    for (const double end : before) begin = std::max(begin, Seconds{end});
}

}  // namespace ds::engine
