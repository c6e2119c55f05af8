#include "simulator/engine/predict.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulator/base/error.h"

namespace ds::engine {
namespace {

/// Errors of one class of operators have one cause, so they add up within the class; classes are independent.
void add_uncertainty(Prediction& prediction, const cost::OperatorModel& model) {
  const program::Program& program = prediction.program;
  std::vector<double> by_class(prediction.summary.classes.size(), 0);
  for (std::size_t c = 0; c < by_class.size(); ++c) {
    const program::ClassTime& time = prediction.summary.classes[c];
    for (const ops::Op& op : program.ops)
      if (ops::class_name(op) == time.name) {
        const cost::Estimate estimate = model.time(op);
        by_class[c] = std::max(by_class[c], estimate.sigma * time.seconds.value);
        prediction.weakest = std::max(prediction.weakest, estimate.source);
      }
  }
  double variance = 0;
  for (double sigma : by_class) variance += sigma * sigma;
  prediction.sigma = std::sqrt(variance) / prediction.summary.step_time.value;
}

}  // namespace

Durations price(const program::Program& program, const cost::OperatorModel& model) {
  Durations durations;
  durations.operators.reserve(program.ops.size());
  for (const ops::Op& op : program.ops) durations.operators.push_back(model.time(op).seconds);
  return durations;
}

Prediction predict(const workload::Job& job, const cost::OperatorModel& model, workload::Depth depth) {
  program::Program program = program::lower(job);
#ifndef NDEBUG
  if (const auto fault = program::check(program)) throw std::logic_error("lowered program: " + *fault);
#endif
  memory::Layout layout = memory::layout(program, 0);
  return predict(std::move(program), std::move(layout), model, depth);
}

Prediction predict(program::Program program, memory::Layout layout, const cost::OperatorModel& model,
                   workload::Depth depth) {
  Prediction result{.program = std::move(program), .layout = std::move(layout)};
  const Durations durations = price(result.program, model);
  switch (depth) {
    case workload::Depth::event: {
      Played played = play(result.program, durations, {.rows = Rows::all});
      result.timeline = std::move(played.timeline);
      result.summary = std::move(played.summary);
      break;
    }
    case workload::Depth::analytic: result.summary = analyse(result.program, durations); break;
  }
  add_uncertainty(result, model);
  return result;
}

}  // namespace ds::engine
