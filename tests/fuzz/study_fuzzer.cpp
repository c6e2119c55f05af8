// Studies of `ds-tune search --study`: of what is accepted all can be said again, and a search goes on from it.
#include "simulator/workload/workload.h"
#include "tests/fuzz/fuzz.h"
#include "tuner/search/study.h"

namespace {

const ds::tuner::Space& space() {
  static const ds::tuner::Space one =
      ds::tuner::read_space(ds::workload::read_job_parts(ds::parse_document(
                                R"({"model": "llama3-8b", "cluster": {"node": "dgx-h100", "nodes": 1},
              "train": {"sequence_length": 2048, "global_batch": 8}})",
                                "job.json")),
                            {});
  return one;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::read_or_refuse([&] {
    tuner::Study study(file.path(), {}, space());
    for (tuner::Index index = 0; index < space().size(); index += 97) static_cast<void>(study.known(index));
    if (!study.checkpoint()) return;
    for (const tuner::Scored& one : study.checkpoint()->found.top)
      ensure(one.index < space().size(), "the best are of the space");
    const std::string line = tuner::checkpoint_line(*study.checkpoint(), study.seconds());
    tuner::StudyContent again;
    again.has_header = true;
    again.take(line, 1, "again", space());
    ensure(tuner::checkpoint_line(*again.checkpoint, again.seconds) == line,
           "what was read is written the same");
  });
  return 0;
}
