#pragma once
// A training run as the command line sees it: started, watched, written down. Shared by `run` and `compare`.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/ds_exec/commands.h"
#include "executor/text.h"
#include "executor/train.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"

namespace ds::cli {

struct Training {
  workload::Job job;
  program::Program program;
  memory::Layout layout;
  executor::Text text;
  std::int64_t steps{};
};

/// Reads the job and the text. Throws InputError where either cannot be used.
Training prepare(const Common& common, const ExecOptions& options);

/// Trains with a progress line and, where asked, a metrics file (JSON Lines, kept even when the run fails).
executor::RunResult train(const Common& common, const ExecOptions& options, const Training& training,
                          const StopToken& stop);

/// What a run leaves behind, as the report's `steps` and `measured`.
nlohmann::ordered_json steps_json(const executor::RunResult& result);
nlohmann::ordered_json measured_json(const Training& training, const executor::RunResult& result);

/// The measured step of median processor time, summed up; nothing where no step was measured.
struct Measured {
  program::StepSummary cpu, wall;
};
std::optional<Measured> measured_summary(const Training& training, const executor::RunResult& result);

/// "5.55 ▇▅▄▃▂▂▁▁ 2.31 nats/byte" and what letters alone would give, as lines for people.
std::string learning_text(const Training& training, const executor::RunResult& result);

}  // namespace ds::cli
