// What a rank leaves in its mailbox, half-written or not at all.
#include <span>

#include "executor/ranks/rank_result.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  try {
    static_cast<void>(executor::decode(std::as_bytes(std::span(data, size))));
  } catch (const MachineError&) {}
  return 0;
}
