// Reads cases of reliability.
#include <fmt/format.h>

#include <array>

#include "cli/validation/read_part.h"
#include "cli/validation/reliability.h"
#include "simulator/base/range.h"

namespace ds::cli {
namespace {

using run::Ends;
using run::Input;

double positive_count(const Cursor& at) { return static_cast<double>(at.count()); }
double seconds(const Cursor& at) { return at.within(kDuration); }
double some_seconds(const Cursor& at) {
  if (at.within(kDuration) == 0) at.fail_value("above 0");
  return at.real();
}
/// As rare or as frequent as a figure may be.
double between_failures(const Cursor& at) { return at.within(kMeasured); }
double failures_a_day(const Cursor& at) { return at.within(kFailures); }

double read_input(Input input, const Cursor& at) {
  switch (input) {
    case Input::gpus:
    case Input::gpus_per_node: return positive_count(at);
    case Input::failures_per_node_day:
    case Input::job_failures_per_day: return failures_a_day(at);
    case Input::mtbf_s:
    case Input::failure_period_s: return between_failures(at);
    case Input::checkpoint_interval_s: return some_seconds(at);
    case Input::days:
    case Input::useful_days:
    case Input::checkpoint_write_s:
    case Input::detection_s:
    case Input::restart_s: return seconds(at);
  }
  return 0;
}

/// [low, high].
template <class Read>
Ends read_ends(const Cursor& at, Read&& read) {
  const std::vector<Cursor> both = at.list();
  if (both.size() != 2) at.fail_value("a range of two numbers, [low, high]");
  const Ends ends{read(both[0]), read(both[1])};
  if (ends.low > ends.high) at.fail_value("a range from the lower to the higher end");
  return ends;
}

Ends read_range(Input input, const Cursor& at) {
  const auto read = [input](const Cursor& one) { return read_input(input, one); };
  if (at.is_list()) return read_ends(at, read);
  const double value = read(at);
  return {value, value};
}

run::Inputs read_inputs(const Cursor& at) {
  std::array<std::string_view, run::kInputCount + 1> known;
  for (std::size_t i = 0; i < run::kInputCount; ++i) known[i] = run::kInputs[i].name;
  known.back() = "restart_can_fail";
  at.only(known);
  run::Inputs inputs;
  if (const auto can = at.find("restart_can_fail")) inputs.restart_can_fail = can->boolean();
  for (const Named<Input>& input : run::kInputs) {
    const auto found = at.find(input.name);
    if (!found) continue;
    if (input.value == Input::checkpoint_interval_s && found->is_text()) {
      constexpr std::string_view kWords[] = {"optimum"};
      found->choose(kWords);
      inputs.best_interval = true;
      continue;
    }
    inputs[input.value] = read_range(input.value, *found);
  }
  return inputs;
}

Expected read_expected(const Cursor& at, std::string_view key) {
  at.only({key});
  const Cursor figure = at.member(key);
  if (!figure.is_object()) return {.value = figure.real(0)};
  figure.only({"min", "max"});
  const auto least = figure.find("min"), most = figure.find("max");
  if (!least && !most) figure.fail("is empty", "min or max is a bound");
  Expected expected;
  if (least) expected.least = least->real(0);
  if (most) expected.most = most->real(0);
  return expected;
}

double probability(const Cursor& at) {
  const double p = at.real();
  if (p <= 0 || p >= 1) at.fail_value("a probability above 0 and below 1");
  return p;
}

bool true_alone(const Cursor& at) {
  if (!at.boolean()) at.fail_value("true, or left out");
  return true;
}

/// `relative` belongs to an interval where there is one; all others stand alone.
Tolerance read_tolerance(const Cursor& at, const Expected& expected) {
  using Form = Tolerance::Form;
  if (!expected.value) {
    at.only({});
    return {};
  }
  at.only({"relative", "absolute", "interval", "poisson", "expected_miss"});
  std::vector<Tolerance> said;
  if (const auto interval = at.find("interval"))
    said.push_back({.form = Form::interval,
                    .by = at.member("relative").real(0),
                    .interval = read_ends(*interval, [](const Cursor& one) { return one.real(0); })});
  else if (const auto relative = at.find("relative"))
    said.push_back({.form = Form::relative, .by = relative->real(0)});
  if (const auto absolute = at.find("absolute"))
    said.push_back({.form = Form::absolute, .by = absolute->real(0)});
  if (const auto poisson = at.find("poisson"))
    said.push_back({.form = Form::poisson, .by = probability(*poisson)});
  if (const auto miss = at.find("expected_miss"); miss && true_alone(*miss))
    said.push_back({.form = Form::expected_miss});
  if (said.size() != 1)
    at.fail(said.empty() ? "says nothing" : "says more than one thing",
            "relative, absolute, interval with relative, poisson or expected_miss is possible");
  return said.front();
}

ReliabilityCase read_case(const Cursor& at) {
  ReliabilityCase c{.id = at.path(), .where = at.path(), .file = at.file()};
  const auto attempt = [&](auto&& read) { read_part(c.fault, read); };
  attempt([&] { c.id = at.member("id").text(); });
  if (!at.is_object()) return c;
  attempt([&] {
    if (const auto context = at.find("context")) c.context = context->boolean();
  });
  attempt([&] {
    if (const auto note = at.find("note")) c.note = note->text();
  });
  attempt([&] {
    std::array<std::string_view, std::size(run::kQuestions)> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = run::kQuestions[i].name;
    c.question = run::kQuestions[at.member("question").choose(names)];
  });
  attempt([&] { c.inputs = read_inputs(at.member("inputs")); });
  if (c.question) attempt([&] { c.expected = read_expected(at.member("expected"), c.question->answer); });
  if (!c.context && c.fault.empty())
    attempt([&] {
      const auto tolerance = at.find("tolerance");
      if (tolerance || c.expected.value) c.tolerance = read_tolerance(at.member("tolerance"), c.expected);
    });
  return c;
}

}  // namespace

bool has_reliability_cases(const Document& document) {
  const Cursor root = document.root();
  return root.is_object() && root.find("cases");
}

std::vector<ReliabilityCase> read_reliability_cases(const Document& document) {
  const std::vector<Cursor> list = document.root().member("cases").list(1);
  std::vector<ReliabilityCase> cases;
  for (const Cursor& at : list) cases.push_back(read_case(at));
  return cases;
}

}  // namespace ds::cli
