#pragma once
// From the seconds of a plan's stages to the weights of its form's tape.

#include <cstdint>
#include <vector>

#include "simulator/engine/local_lanes.h"
#include "simulator/engine/plan_stages.h"
#include "simulator/engine/step_form.h"

namespace ds::engine {

/// Keeps its memory from one plan to the next.
class StepWeights {
 public:
  /// Calls put(number of the weight, seconds) for all weights of the tape.
  template <class Put>
  void of(const PlanStages& plan, const StepForm& form, Put&& put) {
    count_ = 0;
    messages_.clear();
    local_of_ = -1;
    for (std::size_t c = 0; c < plan.stages.size(); ++c) {
      const Known& known = of_class(plan, form, plan.stages[c], form.classes[c]);
      const auto first = static_cast<std::size_t>(form.tape.first_weight[c]);
      for (std::size_t w = 0; w < known.weights.size(); ++w) put(first + w, known.weights[w]);
    }
  }

 private:
  /// Classes that are alike have the same weights.
  struct Known {
    PlanStages::Stage stage;
    std::int32_t durations{};
    std::vector<double> weights;
  };
  struct Message {
    std::int32_t link{};
    Bytes bytes;
    double seconds{};
  };

  const Known& of_class(const PlanStages& plan, const StepForm& form, const PlanStages::Stage& stage,
                        std::int32_t durations);
  double seconds(const PlanStages& plan, const PlanStages::Stage& stage, const DurationPart& part);
  double message(const PlanStages& plan, std::int32_t link, Bytes bytes);

  std::vector<Known> known_;  // the first `count_` of this plan
  std::size_t count_{0};
  std::vector<Message> messages_;
  LocalLanes local_;
  std::int32_t local_of_{-1};  // kind
};

}  // namespace ds::engine
