#pragma once
// What a run measured, as numbers and as JSON.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/ds_exec/training.h"

namespace ds::cli {

/// The measured step that stands for all, summed up: of the rank that the prediction tells of, or one like it.
struct Measured {
  program::StepSummary step;  // by the result's clock
  Seconds wall;               // its length by the clock on the wall
};
/// Nothing where no step was measured.
std::optional<Measured> measured_summary(const Training& training, const executor::PlanResult& result);

/// A line of the metrics file, without its end: an object of the report's `steps`.
std::string metrics_line(const executor::StepRecord& step);

/// The report of `run`, which `compare` adds to: steps, what was measured, what was predicted. Of a run that ended before
/// a step could be measured the times are left out.
nlohmann::ordered_json exec_report(const Training& training, const executor::PlanResult& result,
                                   const report::Provenance& origin);

}  // namespace ds::cli
