// Reads measured cases.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/validation/validation.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/spellings.h"

namespace ds::cli {
namespace {

constexpr Named<std::string_view> kTrusts[] = {{"A", "A"}, {"B", "B"}, {"C", "C"}};

/// What the run's software had fused, where that stands beside the job and not in it. Passes that we have no word for are notes.
std::string with_fusions(const Cursor& job, const std::optional<Cursor>& fusions) {
  const std::optional<Cursor> plan = job.find("plan");
  if (!fusions || !fusions->is_list() || (plan && (!plan->is_object() || plan->find("fusion"))))
    return job.dump();
  nlohmann::json known = nlohmann::json::array();
  for (const Cursor& pass : fusions->list())
    if (pass.is_text() && std::ranges::find(workload::kFusions, pass.text()) != std::end(workload::kFusions))
      known.push_back(pass.text());
  nlohmann::json text = job.value();
  text["plan"]["fusion"] = known;
  return text.dump();
}

/// Of the flags that a run was launched with, where these stand beside the job and not in it: whether it was deterministic, and what
/// of it CUDA graphs replayed. Others are notes.
std::string with_flags(const std::string& job, const std::optional<Cursor>& flags) {
  if (!flags || !flags->is_list()) return job;
  nlohmann::json text = nlohmann::json::parse(job);
  if (!text.contains("software") || !text["software"].is_string()) return job;
  if (!text.contains("plan") || !text["plan"].is_object()) return job;
  bool deterministic = false;
  std::string graphs = "none";
  for (const Cursor& flag : flags->list()) {
    if (!flag.is_text()) continue;
    deterministic = deterministic || flag.text() == "deterministic-mode";
    if (flag.text().starts_with("CUDA graphs of"))
      graphs = "partial";
    else if (flag.text().starts_with("CUDA graphs"))
      graphs = "full";
  }
  text["software"] = {{"base", text["software"]}, {"deterministic", deterministic}};
  if (!text["plan"].contains("cuda_graphs")) text["plan"]["cuda_graphs"] = graphs;
  return text.dump();
}

Case read_case(const Cursor& at) {
  // Whatever else stands beside is a note.
  Case result{.id = at.member("id").text(),
              .set = at.member("set").text(),
              .trust = std::string(at.member("trust").one_of(kTrusts)),
              .source = at.member("source").text()};
  const Cursor job = at.member("job");
  job.expect_object();
  result.job = with_flags(with_fusions(job, at.find("fusions")), at.find("flags"));
  if (const auto stage = at.find("stage")) result.stage = stage->count(0, workload::kMaxDegree);
  const Cursor measured = at.member("measured");
  measured.only({"step_time_s", "tflops_per_gpu", "mfu", "tokens_per_s_per_gpu", "peak_memory_gb", "fits"});
  for (const auto& [metric, value] : measured.members())
    result.measured[metric] = metric == "fits" ? (value.boolean() ? 1 : 0) : value.within(kMeasured);
  return result;
}

}  // namespace

std::vector<Case> read_cases(const Document& document) {
  const Cursor root = document.root();
  if (root.is_object() && (root.find("collectives") || root.find("cases")))
    root.fail("collectives, fair sharing and reliability are not validated yet",
              "a list of training steps is");
  std::vector<Case> cases;
  for (const Cursor& at : root.list(1)) cases.push_back(read_case(at));
  return cases;
}

}  // namespace ds::cli
