// Files of measured training steps. Cases are not predicted: their jobs are what the fuzzer of jobs is for.
#include "cli/validation/validation.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  fuzz::read_or_refuse([&] {
    for (const cli::Case& one : cli::read_cases(parse_document(fuzz::text_of(data, size), "validation.json")))
      ensure(!one.measured.empty(), "a case has something that was measured");
  });
  return 0;
}
