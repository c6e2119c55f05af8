#pragma once
// A job becomes a launch of another program: flags of Megatron-LM or torchtitan in a script, or a configuration of DeepSpeed.
//
//   const Exported made = export_launch(job, {.trainer = Trainer::megatron, .start = Start::torchrun});
//   made.text                     // "#!/usr/bin/env bash\n# llama3-8b on 64 GPUs ...", which convert_megatron makes that job of
//   made.notes                    // lines for people
//
// What is written is read again by simulator/convert before it is given out: where model, plan or software would come back as
// another one, the launch cannot say it, and that is an InputError with the path of the key, its value, and the value that can be
// said. So nothing is dropped, whatever the writers forget.
//
// A job is complete and legal here (read_job). What only predicts (simulate, prices, tune, the skew of experts) and what only
// ds-exec does (execute) is not part of a launch.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::exports {

enum class Trainer : std::uint8_t { megatron, torchtitan, deepspeed };
/// Who starts the processes: torchrun on each node; srun within an allocation, or a batch script of Slurm, one torchrun a node.
/// none: of DeepSpeed the configuration alone.
enum class Start : std::uint8_t { none, torchrun, srun, sbatch };

struct Wish {
  Trainer trainer{};
  Start start{};
  std::optional<std::int64_t> steps;  // of the run, instead of the job's
  std::optional<Seconds> step_time;   // as predicted; Start::sbatch needs it
};

struct Exported {
  std::string text;  // with a line break at its end
  std::vector<std::string>
      notes;  // a line each: what was assumed for the job, and the trainer does in its own way
};

Exported export_launch(const workload::Job& job, const Wish& wish);
/// What of that no plan changes: machine, software, the length of the run. Throws InputError.
void check_exportable(const workload::Job& job, const Wish& wish);

/// What `--export` and `ds-sim export` may be asked for; `job` is the job itself, which is not written here.
struct Format {
  std::string_view name;           // megatron
  std::optional<Trainer> trainer;  // none: the one that the job's software is
  Start start{};
};
/// Null: unknown.
const Format* find_format(std::string_view name);
std::vector<std::string_view> format_names();
/// The trainer of the job's software. Throws InputError where it is none of them.
Trainer trainer_of(const workload::Job& job);

/// Whether that key was not asked for, and taken as the software has it: then it runs as the software has it, which is told.
bool left_to_software(const workload::Job& job, std::string_view path);

/// Steps of the run: as wished, or train.tokens, or execute.steps; none where nobody says.
std::optional<std::int64_t> steps_of(const workload::Job& job, const Wish& wish);

}  // namespace ds::exports
