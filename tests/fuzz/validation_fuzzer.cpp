// Files of measured training steps, and of collectives and flows. Cases are not predicted: their jobs are what the fuzzer of jobs is
// for, and links take their time.
#include "cli/validation/links.h"
#include "cli/validation/validation.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  fuzz::read_or_refuse([&] {
    const Document document = parse_document(fuzz::text_of(data, size), "validation.json");
    if (cli::has_link_cases(document)) {
      for (const cli::LinkCase& one : cli::read_link_cases(document))
        ensure(!one.fault.empty() || !one.expected.empty(), "a case has something that is expected");
      return;
    }
    for (const cli::Case& one : cli::read_cases(document))
      ensure(!one.fault.empty() || !one.measured.empty(), "a case has something that was measured");
  });
  return 0;
}
