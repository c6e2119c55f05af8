// The job reader: single keys first, then defaults, then the rules between keys, then the split.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/workload/aliases.h"
#include "simulator/workload/other_files.h"
#include "simulator/workload/read_software.h"
#include "simulator/workload/reader.h"
#include "simulator/workload/workload.h"

namespace ds::workload {
namespace {

std::string split_text(const Plan& plan) {
  std::vector<std::string> stages;
  for (const auto& chunks : plan.stage_layers)
    stages.push_back(chunks.size() == 1 ? fmt::format("{}", chunks[0])
                                        : fmt::format("[{}]", fmt::join(chunks, ", ")));
  return fmt::format("[{}]", fmt::join(stages, ", "));
}

/// The stack that is assumed: ds-exec on CPUs, megatron-te elsewhere.
void read_stack(const Cursor& root, Job& job, const Defaults& defaults) {
  const std::string arch = job.cluster.cpu() ? "" : job.cluster.groups.front().node.accelerator.arch;
  if (const std::optional<Cursor> asked = root.find("software")) {
    job.habits = read_software(*asked, arch);
    if (asked->is_object()) job.software_changes = asked->dump();
  } else {
    const std::string name = job.cluster.cpu() ? "ds-exec" : "megatron-te";
    defaults.assume("software", name, job.cluster.cpu() ? "default on CPUs" : "default");
    job.habits = software_preset(name, root, arch);
  }
  job.software = job.habits.name;
}

Job read_parts(const Document& document, const std::filesystem::path& folder) {
  const Cursor root = document.root();
  refuse_other_files(root);
  if (!root.is_object()) root.fail(fmt::format("the job is {}, must be an object", pretty(root.value())));
  root.only(
      {"model", "cluster", "train", "plan", "software", "seed", "simulate", "prices", "execute", "tune"});
  Job job;
  job.file = document.file();
  const Defaults defaults(job.assumptions);
  job.model = read_model(root.member("model"), folder, defaults);
  job.cluster = read_cluster(root.member("cluster"), folder, defaults);
  job.train = read_train(root.member("train"), defaults);
  read_stack(root, job, defaults);
  job.plan = read_plan(root.find("plan"), job, defaults);
  if (!job.plan.fusion || !job.plan.fusion_passes.empty()) job.habits.fusions = job.plan.fusion_passes;
  if (const auto seed = root.find("seed"))
    job.seed = static_cast<std::uint64_t>(seed->count(0));
  else
    defaults.assume("seed", "0", "default");
  if (const auto at = root.find("simulate"))
    job.simulate = read_simulate(*at, defaults);
  else
    defaults.assume("simulate.depth", "event", "default");
  if (const auto at = root.find("prices")) job.prices = read_prices(*at);
  if (const auto at = root.find("execute")) job.execute = read_execute(*at, folder);
  if (const auto at = root.find("tune")) job.tune = read_tune(*at, defaults);
  return job;
}

/// Of a key that is not known where it stands, what another program's name for it, or its own in another place, would be here.
[[noreturn]] void throw_with_alias(const InputError& error) {
  const std::string& path = error.path();
  const std::string meant = path_meant_by(path);
  if (error.wrong() != kUnknownKey || meant.empty() || meant == path) throw error;
  const InputError better(path, error.wrong(), fmt::format("did you mean {}?", meant));
  throw error.file().empty() ? better : better.in_file(error.file());
}

}  // namespace

Job read_job_parts(const Document& document, const std::filesystem::path& folder) {
  try {
    return read_parts(document, folder);
  } catch (const InputError& error) {
    throw_with_alias(error);
  }
}

Job read_job_document(const Document& document, const std::filesystem::path& folder) {
  Job job = read_job_parts(document, folder);
  if (const auto violation = first_violation(job)) {
    const InputError error = as_error(*violation, job);
    throw job.file.empty() ? error : error.in_file(job.file);
  }
  settle(job);
  const Defaults defaults(job.assumptions);
  if (const Node& node = job.cluster.groups.front().node; node.cpu)
    defaults.assume("cluster.memory", fmt::format("{:.0f} bytes per rank", node.memory_bytes_per_gpu),
                    fmt::format("the machine's memory / {} ranks", node.gpus_per_node));
  if (!job.plan.stage_layers_given)
    defaults.assume("plan.stage_layers", split_text(job.plan), "layers per stage, short stages at the ends");
  return job;
}

namespace {

Job with_overrides(Document document, std::span<const std::string_view> overrides,
                   const std::filesystem::path& folder) {
  for (const std::string_view assignment : overrides) apply_override(document, assignment);
  return read_job_document(document, folder);
}

}  // namespace

Job read_job_text(std::string_view text, const std::string& name, std::span<const std::string_view> overrides,
                  const std::filesystem::path& folder) {
  return with_overrides(parse_document(text, name), overrides, folder);
}

Document read_job_file(const std::filesystem::path& file) {
  try {
    return read_document_argument(file);
  } catch (const InputError& error) {
    const std::string hint = launch_hint(file);
    if (hint.empty() || !error.hint().empty() || error.wrong().find("not JSON") == std::string::npos) throw;
    throw InputError(error.path(), error.wrong(), hint).in_file(error.file());
  }
}

Job read_job(const std::filesystem::path& file, std::span<const std::string_view> overrides) {
  return with_overrides(read_job_file(file), overrides, file.parent_path());
}

std::string job_schema() { return read_file(profiles_directory() / "schemas" / "job.json"); }

}  // namespace ds::workload
