// Spaces of `ds-tune search --space`, on one GPU machine: of what is accepted every combination is a plan or is rejected.
#include "simulator/workload/workload.h"
#include "tests/fuzz/fuzz.h"
#include "tuner/space/space.h"

namespace {

const ds::workload::Job& base() {
  static const ds::workload::Job job = ds::workload::read_job_parts(ds::parse_document(
      R"({"model": "llama3-8b", "cluster": {"node": "dgx-h100", "nodes": 2},
          "train": {"sequence_length": 2048, "global_batch": 32}})",
      "job.json"));
  return job;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::read_or_refuse([&] {
    const tuner::Space space = tuner::read_space(base(), {.file = file.path(), .pins = {}, .forbids = {}});
    ensure(space.size() > 0, "a space has combinations");
    for (const tuner::Index index : {tuner::Index{0}, space.size() / 2, space.size() - 1}) {
      ensure(space.index(space.candidate(index)) == index, "combinations are numbered");
      static_cast<void>(space.decode(index));
    }
  });
  return 0;
}
