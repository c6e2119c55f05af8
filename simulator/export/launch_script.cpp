// Arrays of arguments, and the line that starts the processes.
#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"
#include "simulator/export/shell_quote.h"
#include "simulator/export/trainers.h"

namespace ds::exports {
namespace {

constexpr std::size_t kWidth = 110;

struct Array {
  Part part;
  std::string_view name, what;
};
constexpr Array kArrays[] = {{Part::model, "MODEL", "The model."},
                             {Part::training, "TRAINING", "Batch, length and learning rate."},
                             {Part::plan, "PLAN", "The plan."},
                             {Part::precision, "PRECISION", "Numbers."},
                             {Part::kernels, "KERNELS", "Kernels and graphs."},
                             {Part::files, "FILES", "Data and checkpoints."}};

/// A variable of the script, or text in which nothing is one.
std::string word_of(const std::string& value) {
  return value.starts_with('$') ? fmt::format("\"{}\"", value) : shell_word(value);
}

std::string array_text(const Array& array, const std::vector<Argument>& arguments) {
  std::string text = fmt::format("\n# {}\n{}=(", array.what, array.name), line;
  const std::size_t empty = text.size();
  for (const Argument& argument : arguments) {
    if (argument.part != array.part) continue;
    std::string words = shell_word(argument.name);
    for (const std::string& value : argument.values) words += " " + word_of(value);
    if (line.empty() || line.size() + words.size() + 1 > kWidth) {
      text += line + "\n";
      line = "  " + words;
    } else {
      line += " " + words;
    }
  }
  if (line.empty() && text.size() == empty) return {};
  return text + line + "\n)\n";
}

bool has_part(const std::vector<Argument>& arguments, Part part) {
  return std::ranges::find(arguments, part, &Argument::part) != arguments.end();
}

std::string variables_text(const std::vector<Variable>& variables) {
  std::string text;
  for (const Variable& variable : variables) {
    ensure((variable.what + variable.value).find_first_of("'\"`$\\{}\n") == std::string::npos,
           "what is said of a variable is plain text to a shell");
    if (variable.value.empty())
      text += fmt::format("{0}=${{{0}:?is not set: {1}}}\n", variable.name, variable.what);
    else
      text += fmt::format("{0}=${{{0}:-{1}}}  # {2}\n", variable.name, variable.value, variable.what);
  }
  return text;
}

struct Machines {
  std::int64_t nodes{}, gpus{};
};

Machines machines_of(const workload::Job& job) {
  const workload::NodeGroup& group = job.cluster.groups.front();
  return {.nodes = group.nodes, .gpus = group.node.gpus_per_node};
}

std::string slurm_header(const Machines& machines, const workload::Job& job, const Wish& wish) {
  const std::optional<std::int64_t> steps = steps_of(job, wish);
  ensure(steps && wish.step_time, "a batch script has a number of steps and their time");
  const TimeLimit limit = time_limit(*steps, *wish.step_time);
  return fmt::format(
      "#SBATCH --job-name=ds\n#SBATCH --nodes={}\n#SBATCH --ntasks-per-node=1\n#SBATCH --gpus-per-node={}\n"
      "#SBATCH --exclusive\n#SBATCH --time={}\n# The time is that of {}.\n",
      machines.nodes, machines.gpus, limit.text, limit.why);
}

/// Where the processes of several nodes meet.
std::string meeting_text(const Machines& machines, Start start) {
  if (machines.nodes == 1) return {};
  const std::string_view address = start == Start::torchrun
                                       ? "${MASTER_ADDR:?is not set: the first node, as all nodes reach it}"
                                       : R"($(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1))";
  return fmt::format("MASTER_ADDR={}\nMASTER_PORT=${{MASTER_PORT:-29500}}\n", address);
}

std::string start_text(const Launch& launch, const Machines& machines, Start start) {
  std::string text;
  if (start == Start::srun)
    text =
        fmt::format("srun --nodes={} --ntasks-per-node=1 --gpus-per-node={} ", machines.nodes, machines.gpus);
  if (start == Start::sbatch) text = "srun ";
  text += fmt::format("torchrun --nnodes {} --nproc-per-node {} ", machines.nodes, machines.gpus);
  text += machines.nodes == 1
              ? "--standalone"
              : R"(--rdzv-backend c10d --rdzv-id ds --rdzv-endpoint "$MASTER_ADDR:$MASTER_PORT")";
  text += " \\\n ";
  for (const std::string& word : launch.program) text += " " + word_of(word);
  for (const Array& array : kArrays)
    if (has_part(launch.arguments, array.part)) text += fmt::format(" \"${{{}[@]}}\"", array.name);
  return text + " \"$@\"\n";
}

}  // namespace

std::string launch_script(const Launch& launch, const workload::Job& job, const Wish& wish,
                          const std::vector<std::string>& says) {
  const Machines machines = machines_of(job);
  std::string text = "#!/usr/bin/env bash\n";
  if (wish.start == Start::sbatch) text += slurm_header(machines, job, wish);
  for (const std::string& line : says) text += fmt::format("# {}\n", one_line(line));
  if (wish.start == Start::torchrun && machines.nodes > 1) text += "# Start it on every node.\n";
  if (wish.start == Start::srun) text += "# Start it within an allocation of Slurm.\n";
  text += "# Arguments behind the script's name are handed on, and count last.\nset -euo pipefail\n\n";
  text += variables_text(launch.variables) + meeting_text(machines, wish.start);
  for (const auto& [name, value] : launch.environment)
    text += fmt::format("export {}={}\n", name, shell_word(value));
  for (const Array& array : kArrays) text += array_text(array, launch.arguments);
  if (!launch.file.content.empty())
    text += fmt::format("\ncat >\"{}\" <<'END'\n{}END\n", launch.file.name, launch.file.content);
  return text + "\n" + start_text(launch, machines, wish.start);
}

}  // namespace ds::exports
