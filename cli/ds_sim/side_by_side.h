#pragma once
// Predictions of several jobs in one table, and their differences: what `compare` and `diff` show, and write as JSON.

#include <string>
#include <vector>

#include "cli/prediction/settings.h"
#include "cli/session/session.h"

namespace ds::cli {

/// Reads each file with what --set changes; what is wrong with one is its fault. Names are the shortest that tell them apart.
std::vector<Outcome> read_jobs(const std::vector<std::string>& files, const Common& common);

/// A line a job: what is trained, on what, how it is divided.
std::string jobs_table(const std::vector<Outcome>& outcomes, const terminal::Screen& screen);
/// A column a job; beside each but the first how far it is from the first. As many tables as the screen needs.
std::string figures_table(const std::vector<Outcome>& outcomes, const terminal::Screen& screen);
/// Of two jobs, with what changes from the first to the second.
std::string changes_table(const Outcome& from, const Outcome& to, const terminal::Screen& screen);
/// By path, a column a job, as many tables as the screen needs. A value that is the first job's is shown as "=".
std::string differences_table(const std::vector<Outcome>& outcomes,
                              const std::vector<Difference>& differences, const terminal::Screen& screen);

/// By profiles/schemas/comparison.json.
std::string comparison_report(const std::vector<Outcome>& outcomes, const std::vector<Difference>& differing,
                              const report::Provenance& origin);

/// Tells what could not be predicted on standard error, a line for each. 2 where an input was unusable, 3 where something else went wrong,
/// 1 where a plan does not fit, else 0.
int status_of(const std::vector<Outcome>& outcomes);

}  // namespace ds::cli
