#pragma once
// What `ds-sim run --explain` begins with: what bounds the plan, and what one change of it would gain or lose.

#include <string>
#include <vector>

#include "cli/prediction/prediction.h"
#include "cli/terminal/terminal.h"
#include "simulator/base/json.h"
#include "simulator/engine/free_work.h"

namespace ds::cli {

/// Sentences on where the step's time goes that does not compute, and on what would be gained if a kind of work took none.
std::string bounds_text(const engine::Prediction& p, const std::vector<engine::Freed>& freed);

/// Each plan that differs from the job's by one step of one key of the default search space, legal ones only. `document`
/// is what the job was read from, overrides applied: all else that it says stays, all that it leaves out follows. Names are
/// what `--set` takes: "plan.tp=4", with plan.dp where the document gives that.
std::vector<Outcome> one_step_changes(const workload::Job& job, const Document& document,
                                      const std::string& folder);

/// The changes that gain most time, and those that save most memory; where the plan does not fit, those that make it fit.
/// `now`: this plan, predicted as they were.
std::string changes_text(const std::vector<Outcome>& outcomes, const Figures& now,
                         const terminal::Screen& screen);

}  // namespace ds::cli
