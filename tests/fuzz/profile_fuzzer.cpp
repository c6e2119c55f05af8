// Calibrated profiles: what is accepted answers for any operator with a finite time.
#include <cmath>

#include "simulator/cost/machine.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  const fuzz::MemoryFile file(fuzz::text_of(data, size));
  fuzz::read_or_refuse([&] {
    const cost::Profile profile = cost::read_profile(file.path());
    const cost::OperatorModel operators(profile);
    const cost::HostCommunication communication(profile);
    for (const auto pass : {ops::Pass::forward, ops::Pass::input_gradient, ops::Pass::weight_gradient})
      for (const DataType type : {DataType::fp32, DataType::fp64}) {
        const ops::Op product{
            .what = ops::Linear{.tokens = 128, .inputs = 256, .outputs = 512}, .pass = pass, .type = type};
        const cost::Estimate estimate = operators.time(product);
        ensure(std::isfinite(estimate.seconds.value) && estimate.seconds.value > 0, "an operator takes time");
      }
    const cost::Estimate message = communication.time(true, collective::Collective::shift, 2, Bytes{4096});
    ensure(std::isfinite(message.seconds.value) && message.seconds.value >= 0, "so does a message");
  });
  return 0;
}
