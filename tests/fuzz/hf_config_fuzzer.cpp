// Hugging Face config.json, which nobody of us writes.
#include "simulator/workload/hf_config.h"
#include "simulator/workload/parameters.h"
#include "simulator/workload/reader.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::read_or_refuse([&] {
    std::vector<workload::Assumption> assumptions;
    const workload::Model model = workload::read_hf_config(file.path(), workload::Defaults(assumptions));
    ensure(model.layers > 0 && model.hidden > 0 && model.heads > 0 && model.vocab > 0, "a model has a shape");
  });
  return 0;
}
