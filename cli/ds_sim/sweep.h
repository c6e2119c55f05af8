#pragma once
// One job at every combination of some values: the points of `ds-sim sweep`, and what is made of them.
//
//   Sweep sweep{.axes = {axis_of("plan.micro_batch=1,2,4")}};
//   read_points(sweep, document, folder);          // a point that breaks a rule has a fault, the others a job
//   predict_all(sweep.outcomes, {...});

#include <filesystem>
#include <string>
#include <vector>

#include "cli/prediction/prediction.h"
#include "cli/terminal/terminal.h"
#include "simulator/base/json.h"

namespace ds::cli {

/// Each is a prediction, and all are kept.
inline constexpr std::size_t kMostPoints = 10'000;

struct Axis {
  std::string path;
  std::vector<std::string> values;  // as typed
  std::vector<std::string> json;    // the same as JSON
};
/// Of "plan.micro_batch=1,2,4"; commas within brackets, braces and quotes belong to a value. Throws InputError.
Axis axis_of(const std::string& over);

/// Points are numbered with the last axis fastest.
struct Sweep {
  std::vector<Axis> axes;
  std::vector<Outcome> outcomes;

  /// Which value of an axis a point has.
  std::size_t place(std::size_t point, std::size_t axis) const;
  const std::string& value(std::size_t point, std::size_t axis) const {
    return axes[axis].values[place(point, axis)];
  }
  /// Whether there is an answer: a stop leaves points without.
  bool reached(std::size_t point) const {
    return outcomes[point].figures.has_value() || !outcomes[point].fault.empty();
  }
  std::size_t count_reached() const;
  bool complete() const { return count_reached() == outcomes.size(); }
};

/// Fills `outcomes` with the job at each point. Throws InputError where there are too many points, where an axis is there twice,
/// and where all points have the same fault: then it is the job's. Points behind a stop have neither job nor fault.
void read_points(Sweep& sweep, const Document& job, const std::filesystem::path& folder,
                 const StopToken& stop);

/// By metric, among points that fit; nothing where none does.
std::optional<std::size_t> best_of(const Sweep& sweep, const Metric& metric);

/// The largest value of the metric, 1 where there is none.
double largest_of(const Sweep& sweep, const Metric& metric);

std::string sweep_table(const Sweep& sweep, const Metric& metric, const terminal::Screen& screen);
/// Points that could not be predicted, a line for each, with the reason.
std::string sweep_faults(const Sweep& sweep);
std::string sweep_csv(const Sweep& sweep);
/// The metric over the first axis, a line for each combination of the others.
std::string sweep_svg(const Sweep& sweep, const Metric& metric, const std::string& title);
/// By profiles/schemas/sweep.json.
std::string sweep_report(const Sweep& sweep, const report::Provenance& origin);

}  // namespace ds::cli
