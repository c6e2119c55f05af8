// Reads measured cases.
#include "cli/validation/validation.h"
#include "simulator/workload/limits.h"

namespace ds::cli {
namespace {

constexpr Named<std::string_view> kTrusts[] = {{"A", "A"}, {"B", "B"}, {"C", "C"}};

Case read_case(const Cursor& at) {
  // Whatever else stands beside is a note.
  Case result{.id = at.member("id").text(),
              .set = at.member("set").text(),
              .trust = std::string(at.member("trust").one_of(kTrusts)),
              .source = at.member("source").text()};
  const Cursor job = at.member("job");
  job.expect_object();
  result.job = job.dump();
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
