// Launches of other programs. The first letter says whose it is, in capitals where what cannot be predicted is let pass: m, d, t.
#include "simulator/convert/convert.h"
#include "simulator/workload/workload.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  if (size == 0) return 0;
  const char whose = static_cast<char>(data[0] | 0x20U);
  convert::Asked asked;
  asked.node = "dgx-h100";
  asked.nodes = 4;
  asked.lenient = (data[0] & 0x20U) == 0;
  asked.sequence = whose == 'd' ? std::optional<std::int64_t>(4096) : std::nullopt;
  if (whose != 'm') asked.model = "llama3-8b";
  const auto convert = whose == 'd'   ? convert::convert_deepspeed
                       : whose == 't' ? convert::convert_torchtitan
                                      : convert::convert_megatron;
  fuzz::read_or_refuse([&] {
    const convert::Conversion made = convert(fuzz::text_of(data, size).substr(1), asked);
    const workload::Job job = workload::read_job_text(made.job, "");
    ensure(!workload::first_violation(job), "what was converted keeps the rules");
  });
  return 0;
}
