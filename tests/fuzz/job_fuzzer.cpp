// Jobs as text; behind a line "--set" one assignment a line, as on the command line. What is accepted keeps every rule and has
// durations and memory that can be counted.
#include <vector>

#include "simulator/workload/workload.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  std::string_view text = fuzz::text_of(data, size);
  std::vector<std::string_view> assignments;
  constexpr std::string_view kMark = "\n--set\n";
  if (const std::size_t at = text.find(kMark); at != std::string_view::npos) {
    std::string_view rest = text.substr(at + kMark.size());
    text = text.substr(0, at);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      assignments.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  fuzz::read_or_refuse([&] {
    const workload::Job job = workload::read_job_text(text, "job.json", assignments);
    ensure(!workload::first_violation(job), "a job that is read keeps the rules");
    ensure(workload::parameters(job.model, job.train.sequence_length) > 0, "parameters can be counted");
    workload::check_supported(job);
  });
  return 0;
}
