// Reads the job and the text of a training run.
#include "cli/ds_exec/request.h"

#include <fmt/format.h>

#include <utility>

#include "simulator/base/error.h"
#include "simulator/base/file.h"

namespace ds::cli {

Request read_request(const Common& common, const ExecOptions& options) {
  if (options.device == "cuda") throw InputError("--device", "cuda is not supported yet", "cpu is");
  if (options.device != "cpu" && options.device != "auto")
    throw InputError("--device", fmt::format("is {}", options.device), "auto, cpu and cuda are possible");
  workload::Job job = read_job(options.job, common);
  if (!job.cluster.cpu())
    throw InputError("cluster.node", "training on GPUs is not supported yet", "localhost or a CPU profile is")
        .in_file(options.job);
  const std::string data = options.data.empty() ? job.execute.data : options.data;
  if (data.empty())
    throw InputError("execute.data", "no text to train on", "--data FILE or execute.data names one");
  const std::int64_t steps = options.steps >= 0 ? options.steps : job.execute.steps.value_or(-1);
  if (steps < 0) throw InputError("execute.steps", "not given", "--steps N or execute.steps says how many");
  if (!job.execute.checkpoint_directory.empty())
    throw InputError("execute.checkpoint", "checkpoints are not supported yet", "leave it out");
  executor::Text text = executor::read_text(data, job);
  return {std::move(job), std::move(text), steps};
}

executor::Briefing briefing_of(const Request& request) {
  return {.files = remembered_reads(), .text_hash = request.text.hash()};
}

}  // namespace ds::cli
