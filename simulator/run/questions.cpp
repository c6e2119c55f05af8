// Which inputs a question needs, and its answer over ranges of them.
//
// All answers but two move one way with each input, so their extremes lie in corners of the ranges. Goodput, and with it the wall time of
// a run, has a single peak over the interval between saves; in each corner of the other inputs it is best at the best interval, or
// at the end of the range that is nearest to it, and worst at one of the ends.
#include "simulator/run/questions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "simulator/run/failures.h"

namespace ds::run {
namespace {

static_assert(std::ranges::all_of(kInputs, [](const Named<Input>& entry) {
  return kInputs + static_cast<std::size_t>(entry.value) == &entry;
}));

std::string_view name_of(Input input) { return kInputs[static_cast<std::size_t>(input)].name; }

/// The inputs at one point of their ranges.
struct Point {
  const Inputs& inputs;
  std::array<double, kInputCount> values{};

  bool has(Input input) const { return inputs[input].has_value(); }
  /// 0 where it was left out: of times and of failures of the job that is the default.
  double of(Input input) const { return values[static_cast<std::size_t>(input)]; }
};

std::optional<Saving> saving_of(const Point& p) {
  const Seconds write{p.of(Input::checkpoint_write_s)};
  if (p.inputs.best_interval) return Saving{write, std::nullopt};
  if (!p.has(Input::checkpoint_interval_s)) return std::nullopt;
  return Saving{write, Seconds{p.of(Input::checkpoint_interval_s)}};
}

Failures failures_at(const Point& p) {
  const Seconds restart{p.of(Input::detection_s) + p.of(Input::restart_s)};
  if (p.has(Input::failure_period_s))
    return failures_of_period({p.of(Input::failure_period_s)}, restart, saving_of(p));
  const double nodes = p.has(Input::gpus) ? p.of(Input::gpus) / p.of(Input::gpus_per_node) : 0;
  const Seconds between = p.has(Input::mtbf_s) ? Seconds{p.of(Input::mtbf_s)}
                                               : between_failures(nodes, p.of(Input::failures_per_node_day),
                                                                  p.of(Input::job_failures_per_day));
  return {.between = between,
          .restart = restart,
          .restart_can_fail = p.inputs.restart_can_fail,
          .saving = saving_of(p)};
}

/// Infinite where there is no finite one.
double answer_at(Question question, const Point& p) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const Failures failures = failures_at(p);
  switch (question) {
    case Question::mttf: return failures.between.value;
    case Question::interruptions: {
      const Seconds wall{p.of(Input::days) * kSecondsPerDay};
      return p.has(Input::failure_period_s) ? wall.value / p.of(Input::failure_period_s)
                                            : failures_in(failures, wall);
    }
    case Question::ettr: return goodput(failures);
    case Question::optimum_interval:
      return best_interval(failures.between, {p.of(Input::checkpoint_write_s)}).value;
    case Question::elapsed:
      return elapsed(failures, {p.of(Input::useful_days) * kSecondsPerDay}).value_or(Seconds{kNever}).value;
    case Question::lost_per_failure: return lost_per_failure(failures).value;
  }
  return kNever;
}

/// Calls `look` with each corner of the ranges, and where goodput is asked for also with the interval that is best there.
template <class Look>
void at_corners(Question question, const Inputs& inputs, Look&& look) {
  struct Range {
    std::size_t input;
    Ends ends;
  };
  std::vector<Range> ranges;
  Point point{.inputs = inputs};
  for (std::size_t i = 0; i < kInputCount; ++i) {
    const Ends ends = inputs.given[i].value_or(Ends{});
    point.values[i] = ends.low;
    if (ends.is_range()) ranges.push_back({i, ends});
  }
  constexpr auto kInterval = static_cast<std::size_t>(Input::checkpoint_interval_s);
  const Ends interval = inputs.given[kInterval].value_or(Ends{});
  const bool peaked = interval.is_range() && (question == Question::ettr || question == Question::elapsed);
  for (std::size_t corner = 0; corner < std::size_t{1} << ranges.size(); ++corner) {
    for (std::size_t r = 0; r < ranges.size(); ++r)
      point.values[ranges[r].input] = (corner >> r & 1U) != 0 ? ranges[r].ends.high : ranges[r].ends.low;
    look(point);
    if (!peaked) continue;
    const Seconds best = best_interval(failures_at(point).between, {point.of(Input::checkpoint_write_s)});
    point.values[kInterval] = std::clamp(best.value, interval.low, interval.high);
    look(point);
  }
}

Answer missing(Input input) {
  return {std::nullopt, std::string(name_of(input)), "is missing, and the question needs it"};
}
Answer contradicts(Input input, Input other) {
  return {std::nullopt, std::string(name_of(input)),
          "stands beside " + std::string(name_of(other)) + ", which is given instead of it"};
}

/// The first input that is missing, or one too many.
std::optional<Answer> fault_of_rates(const Inputs& in) {
  constexpr Input kRates[] = {Input::failures_per_node_day, Input::job_failures_per_day};
  if (in[Input::failure_period_s] && in[Input::mtbf_s])
    return contradicts(Input::mtbf_s, Input::failure_period_s);
  for (const Input whole : {Input::mtbf_s, Input::failure_period_s}) {
    if (!in[whole]) continue;
    for (const Input rate : kRates)
      if (in[rate]) return contradicts(rate, whole);
    return std::nullopt;
  }
  if (!in[Input::failures_per_node_day])
    return in[Input::job_failures_per_day] && !in[Input::gpus]
               ? std::nullopt
               : std::optional(missing(Input::failures_per_node_day));
  for (const Input size : {Input::gpus, Input::gpus_per_node})
    if (!in[size]) return missing(size);
  return std::nullopt;
}

std::optional<Answer> fault_of(Question question, const Inputs& in) {
  if (auto fault = fault_of_rates(in)) return fault;
  if (question == Question::interruptions && !in[Input::days]) return missing(Input::days);
  if (question == Question::elapsed && !in[Input::useful_days]) return missing(Input::useful_days);
  const bool wants_best =
      question == Question::optimum_interval ||
      (in.best_interval && question != Question::mttf && question != Question::interruptions);
  if (wants_best && !in[Input::checkpoint_write_s]) return missing(Input::checkpoint_write_s);
  return std::nullopt;
}

std::string_view why_endless(Question question) {
  switch (question) {
    case Question::mttf: return "nothing ever fails: all rates are 0";
    case Question::interruptions: return "more failures than there are numbers";
    case Question::optimum_interval:
    case Question::lost_per_failure: return "nothing ever fails, so there had best be no saves at all";
    case Question::elapsed: return "the run never ends: failures undo all that is done between them";
    case Question::ettr: break;
  }
  return "there is no finite answer";
}

}  // namespace

Answer answer(Question question, const Inputs& inputs) {
  if (const auto fault = fault_of(question, inputs)) return *fault;
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  Ends ends{kInfinite, -kInfinite};
  bool endless = false;
  at_corners(question, inputs, [&](const Point& point) {
    const double value = answer_at(question, point);
    endless = endless || !std::isfinite(value);
    ends = {std::min(ends.low, value), std::max(ends.high, value)};
  });
  if (endless) return {std::nullopt, "", std::string(why_endless(question))};
  return {ends, "", ""};
}

}  // namespace ds::run
