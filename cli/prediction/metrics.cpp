// The table of figures, and the parts of a step and of memory by name.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "cli/prediction/prediction.h"
#include "cli/terminal/terminal.h"
#include "simulator/base/error.h"
#include "simulator/base/nearest.h"
#include "simulator/run/power.h"

namespace ds::cli {
namespace {

using Value = std::optional<double>;

std::string count(double value) { return terminal::exact(std::llround(value)); }
std::string three_digits_of_flops(double tflops) { return terminal::rate(FlopsPerSecond{tflops * 1e12}); }

constexpr double kSecondsPerDay = run::kSecondsPerDay;

/// A figure of the run's length, where it has one.
template <class Of>
Value of_length(const Figures& f, Of of) {
  return f.whole_run && f.whole_run->length ? Value(of(*f.whole_run->length)) : Value();
}

constexpr Metric kMetrics[] = {
    {.name = "step_time_s",
     .title = "step time",
     .of = [](const Figures& f) { return Value(f.step_time.value); },
     .shown = [](double v) { return terminal::duration({v}); }},
    {.name = "tokens_per_s",
     .title = "tokens/s",
     .of = [](const Figures& f) { return Value(f.rates.tokens_per_s); },
     .shown = count,
     .more_is_better = true},
    {.name = "tokens_per_s_per_gpu",
     .title = "tokens/s/GPU",
     .of = [](const Figures& f) { return Value(f.rates.tokens_per_s_per_gpu); },
     .shown = count,
     .more_is_better = true},
    {.name = "tflops_per_gpu",
     .title = "FLOP/s a GPU",
     .of = [](const Figures& f) { return Value(f.rates.tflops_per_gpu); },
     .shown = three_digits_of_flops,
     .more_is_better = true},
    {.name = "mfu",
     .title = "of peak",
     .of = [](const Figures& f) { return Value(f.rates.mfu); },
     .shown = terminal::percent,
     .more_is_better = true},
    {.name = "peak_bytes",
     .title = "memory",
     .of = [](const Figures& f) { return Value(static_cast<double>(f.peak.value)); },
     .shown = [](double v) { return terminal::bytes({std::llround(v)}); }},
    {.name = "goodput",
     .title = "goodput",
     .of =
         [](const Figures& f) {
           return f.whole_run && f.whole_run->stops ? Value(f.whole_run->goodput.typical) : Value();
         },
     .shown = terminal::percent,
     .more_is_better = true,
     .needs = Needs::failures},
    {.name = "days",
     .title = "whole run",
     .of =
         [](const Figures& f) {
           return of_length(f, [](const run::Length& l) { return l.wall.value / kSecondsPerDay; });
         },
     .shown = [](double v) { return terminal::duration({v * kSecondsPerDay}); },
     .needs = Needs::tokens},
    {.name = "gpu_hours",
     .title = "GPU-hours",
     .of = [](const Figures& f) { return of_length(f, [](const run::Length& l) { return l.gpu_hours; }); },
     .shown = count,
     .needs = Needs::tokens},
    {.name = "energy_kwh",
     .title = "energy",
     .of = [](const Figures& f) { return of_length(f, [](const run::Length& l) { return l.energy_kwh; }); },
     .shown = terminal::energy,
     .needs = Needs::power},
    {.name = "cost_usd",
     .title = "cost",
     .of = [](const Figures& f) { return of_length(f, [](const run::Length& l) { return l.cost_usd; }); },
     .shown = terminal::money,
     .needs = Needs::price},
};

}  // namespace

std::span<const Metric> metrics() { return kMetrics; }

const Metric& metric_named(std::string_view name, std::string_view option) {
  std::vector<std::string_view> names;
  for (const Metric& metric : kMetrics) {
    if (metric.name == name) return metric;
    names.push_back(metric.name);
  }
  const std::string near = nearest(name, names);
  throw InputError(std::string(option), "is " + std::string(name),
                   near.empty() ? listed(names) + " are possible" : "did you mean " + near + "?");
}

std::string_view lacking(Needs needs) {
  switch (needs) {
    case Needs::step: break;
    case Needs::failures: return "simulate.failures";
    case Needs::tokens: return "train.tokens";
    case Needs::power: return "train.tokens and GPUs whose tdp_w is known";
    case Needs::price: return "train.tokens and prices.gpu_hour_usd or prices.kwh_usd";
  }
  return "";
}

bool is_known_of(const Metric& metric, const workload::Job& job) {
  switch (metric.needs) {
    case Needs::step: return true;
    case Needs::tokens: return job.train.tokens.has_value();
    case Needs::failures: return job.simulate.failures.has_value();
    case Needs::power:
      return job.train.tokens.has_value() && run::power_of(job.cluster.groups.front().node).has_value();
    case Needs::price:
      return job.train.tokens.has_value() &&
             (job.prices.gpu_hour_usd.has_value() || job.prices.kwh_usd.has_value());
  }
  return false;
}

std::array<TimePart, 10> parts_of(const program::TimeParts& t) {
  return {{{"compute", "compute", t.compute},
           {"tp", "tp_comm", t.tp_comm},
           {"cp", "cp_comm", t.cp_comm},
           {"ep", "ep_comm", t.ep_comm},
           {"pp", "pp_comm", t.pp_comm},
           {"bubble", "pp_bubble", t.pp_bubble},
           {"dp", "dp_comm", t.dp_comm},
           {"optimizer", "optimizer", t.optimizer},
           {"host", "host", t.host},
           {"other", "other", t.other}}};
}

std::array<MemoryPart, 6> parts_of(const memory::Parts& m) {
  return {{{"weights", m.weights},
           {"gradients", m.gradients},
           {"optimizer", m.optimizer},
           {"activations", m.activations},
           {"buffers", m.buffers},
           {"other", m.other}}};
}

}  // namespace ds::cli
