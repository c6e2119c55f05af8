// One question to the failure model: it is answered, and the answer laid beside what was published.
#include "cli/validation/reliability.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/validation/poisson.h"
#include "simulator/base/error.h"

namespace ds::cli {
namespace {

using run::Ends;

/// A known miss is off by more than this.
constexpr double kMiss = 0.2;

bool is_within(double predicted, double expected, double relative) {
  if (expected == 0) return predicted == 0;
  return std::abs(predicted / expected - 1) <= relative;
}

std::string shown(const Ends& ends) {
  return ends.is_range() ? fmt::format("{:.6g} to {:.6g}", ends.low, ends.high)
                         : fmt::format("{:.6g}", ends.low);
}

std::string bound_text(const Expected& e) {
  if (std::isinf(e.most)) return fmt::format("at least {:.6g}", e.least);
  if (std::isinf(e.least)) return fmt::format("at most {:.6g}", e.most);
  return fmt::format("between {:.6g} and {:.6g}", e.least, e.most);
}

/// Why the answer does not pass; "" where it does.
std::string fault_of_bound(const Ends& answer, const Expected& e) {
  if (answer.low >= e.least && answer.high <= e.most) return "";
  return fmt::format("is {}, expected is {}", shown(answer), bound_text(e));
}

std::string fault_of_interval(const Ends& answer, double measured, const Tolerance& t) {
  if (!is_within(answer.low, t.interval.low, t.by) || !is_within(answer.high, t.interval.high, t.by))
    return fmt::format("is {}, expected is {} within {:.6g}", shown(answer), shown(t.interval), t.by);
  if (measured < answer.low || measured > answer.high)
    return fmt::format("{:.6g} was measured, which is not in {}", measured, shown(answer));
  return "";
}

std::string fault_of_count(const Ends& answer, double measured, double probability) {
  const double low = poisson_quantile(answer.low, (1 - probability) / 2);
  const double high = poisson_quantile(answer.high, (1 + probability) / 2);
  if (low <= measured && measured <= high) return "";
  return fmt::format("{:.6g} was measured, {} expected: chance explains {:.6g} to {:.6g}", measured,
                     shown(answer), low, high);
}

/// All of an interval is asked for, not its middle.
std::string fault_of_figure(const Ends& answer, double measured, const Tolerance& t) {
  const bool near = t.form == Tolerance::Form::relative
                        ? is_within(answer.low, measured, t.by) && is_within(answer.high, measured, t.by)
                        : std::max(std::abs(answer.low - measured), std::abs(answer.high - measured)) <= t.by;
  if (near) return "";
  return fmt::format("is {}, expected is {:.6g} within {:.6g}", shown(answer), measured, t.by);
}

/// Whether no part of the answer comes near to what was measured.
bool misses(const Ends& answer, double measured) {
  return answer.high < measured * (1 - kMiss) || answer.low > measured * (1 + kMiss);
}

std::string fault_of(const ReliabilityCase& c, const Ends& answer) {
  using Form = Tolerance::Form;
  const double measured = c.expected.value.value_or(0);
  switch (c.tolerance.form) {
    case Form::bound: return fault_of_bound(answer, c.expected);
    case Form::relative:
    case Form::absolute: return fault_of_figure(answer, measured, c.tolerance);
    case Form::interval: return fault_of_interval(answer, measured, c.tolerance);
    case Form::poisson: return fault_of_count(answer, measured, c.tolerance.by);
    case Form::expected_miss:
      return misses(answer, measured) ? "" : "comes within 20 % of what an honest answer misses";
  }
  return "";
}

void score(Row& row, const ReliabilityCase& c, const Ends& answer) {
  row.message = fault_of(c, answer);
  row.failed = !row.message.empty();
  if (row.failed) return;
  if (c.tolerance.form == Tolerance::Form::bound) row.message = "expected is " + bound_text(c.expected);
  row.known_miss = c.tolerance.form == Tolerance::Form::expected_miss;
  if (row.known_miss) row.message = "known miss: " + (c.note.empty() ? "the file does not say why" : c.note);
}

void fill(Row& row, const ReliabilityCase& c, const Ends& answer) {
  row.predicted = answer.low + (answer.high - answer.low) / 2;
  const bool ranges =
      std::ranges::any_of(c.inputs.given, [](const auto& ends) { return ends && ends->is_range(); });
  if (ranges) row.low = answer.low, row.high = answer.high;
  if (row.measured && *row.measured > 0) row.error = *row.predicted / *row.measured - 1;
}

}  // namespace

Row judge(const ReliabilityCase& c) {
  Row row{.id = c.id,
          .set = "reliability",
          .metric = c.question ? std::string(c.question->answer) : "",
          .measured = c.expected.value,
          .context = c.context,
          .failed = !c.context,
          .message = c.fault};
  if (!c.question || !c.fault.empty()) return row;
  const run::Answer answer = run::answer(c.question->value, c.inputs);
  if (!answer.value) {
    const std::string path =
        fmt::format("{}.inputs{}{}", c.where, answer.input.empty() ? "" : ".", answer.input);
    row.message = InputError(path, answer.fault).in_file(c.file).what();
    return row;
  }
  fill(row, c, *answer.value);
  if (c.context)
    row.message = "not scored" + (c.note.empty() ? "" : ": " + c.note);
  else
    score(row, c, *answer.value);
  if (c.question->value == run::Question::ettr && answer.value->low == 0)
    row.message +=
        (row.message.empty() ? "" : "; ") + std::string("nothing is ever done: failures undo it all");
  return row;
}

}  // namespace ds::cli
