// Reads measured cases.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/validation/read_part.h"
#include "cli/validation/validation.h"
#include "simulator/base/nearest.h"
#include "simulator/workload/limits.h"
#include "simulator/workload/spellings.h"

namespace ds::cli {
namespace {

constexpr Named<std::string_view> kTrusts[] = {{"A", "A"}, {"B", "B"}, {"C", "C"}};

/// What the run's software had fused, where that stands beside the job and not in it. Passes that we have no word for are notes.
void add_fusions(nlohmann::json& job, const Cursor& fusions) {
  if (!fusions.is_list() ||
      (job.contains("plan") && (!job["plan"].is_object() || job["plan"].contains("fusion"))))
    return;
  nlohmann::json known = nlohmann::json::array();
  for (const Cursor& pass : fusions.list())
    if (pass.is_text() && std::ranges::find(workload::kFusions, pass.text()) != std::end(workload::kFusions))
      known.push_back(pass.text());
  job["plan"]["fusion"] = known;
}

/// Of the flags that a run was launched with, where these stand beside the job and not in it: whether it was deterministic, and what
/// of it CUDA graphs replayed. Others are notes.
void add_flags(nlohmann::json& job, const Cursor& flags) {
  if (!flags.is_list() || !job.contains("software") || !job["software"].is_string()) return;
  if (!job.contains("plan") || !job["plan"].is_object()) return;
  bool deterministic = false;
  std::string graphs = "none";
  for (const Cursor& flag : flags.list()) {
    if (!flag.is_text()) continue;
    deterministic = deterministic || flag.text() == "deterministic-mode";
    if (flag.text().starts_with("CUDA graphs of"))
      graphs = "partial";
    else if (flag.text().starts_with("CUDA graphs"))
      graphs = "full";
  }
  job["software"] = {{"base", job["software"]}, {"deterministic", deterministic}};
  if (!job["plan"].contains("cuda_graphs")) job["plan"]["cuda_graphs"] = graphs;
}

constexpr std::string_view kMetrics[] = {"step_time_s",          "tflops_per_gpu", "mfu",
                                         "tokens_per_s_per_gpu", "peak_memory_gb", "fits"};

Measured read_measured(const std::string& metric, const Cursor& value) {
  return read_figure([&]() -> double {
    if (std::ranges::find(kMetrics, metric) == std::end(kMetrics))
      value.fail(std::string(kUnknownKey), fmt::format("known are {}", listed(kMetrics)));
    return metric == "fits" ? (value.boolean() ? 1 : 0) : value.within(kMeasured);
  });
}

/// Whatever else stands beside is a note.
Case read_case(const Cursor& at) {
  Case result{.id = at.path()};
  const auto attempt = [&](auto&& read) { read_part(result.fault, read); };
  attempt([&] { result.id = at.member("id").text(); });
  if (!at.is_object()) return result;
  attempt([&] { result.set = at.member("set").text(); });
  attempt([&] { result.trust = at.member("trust").one_of(kTrusts); });
  attempt([&] { result.source = at.member("source").text(); });
  attempt([&] {
    const Cursor job = at.member("job");
    job.expect_object();
    const std::optional<Cursor> fusions = at.find("fusions"), flags = at.find("flags");
    nlohmann::json text = job.value();
    if (fusions) add_fusions(text, *fusions);
    if (flags) add_flags(text, *flags);
    result.job = text.dump();
  });
  attempt([&] {
    if (const auto stage = at.find("stage")) result.stage = stage->count(0, workload::kMaxDegree);
  });
  attempt([&] {
    if (const auto noise = at.find("noise")) {
      result.noise = noise->real(0);
      if (*result.noise >= 1) noise->fail_value("a fraction below 1");
    }
  });
  attempt([&] {
    const Cursor measured = at.member("measured");
    for (const auto& [metric, value] : measured.members())
      result.measured[metric] = read_measured(metric, value);
    if (result.measured.empty())
      measured.fail("is empty", "a case has at least one figure that was measured");
  });
  return result;
}

}  // namespace

std::vector<Case> read_cases(const Document& document) {
  const Cursor root = document.root();
  const std::vector<Cursor> list = root.list(1);
  if (std::ranges::none_of(list, &Cursor::is_object)) list.front().expect_object();
  std::vector<Case> cases;
  for (const Cursor& at : list) cases.push_back(read_case(at));
  return cases;
}

}  // namespace ds::cli
