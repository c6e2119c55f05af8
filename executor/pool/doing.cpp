#include "executor/pool/doing.h"

#include <fmt/format.h>

#include <cstring>

namespace ds::executor {
namespace {

constexpr int kStepBits = 28, kCallBits = 16, kInstructionBits = 16;

std::uint64_t low(std::int64_t value, int bits) {
  return static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1);
}

}  // namespace

std::uint64_t pack(const Doing& doing) {
  auto word = static_cast<std::uint64_t>(doing.stage);
  word = word << kStepBits | low(doing.step, kStepBits);
  word = word << kCallBits | low(doing.call, kCallBits);
  return word << kInstructionBits | low(doing.instruction, kInstructionBits);
}

Doing unpack(std::uint64_t word) {
  Doing doing;
  doing.instruction = static_cast<std::int32_t>(low(static_cast<std::int64_t>(word), kInstructionBits));
  word >>= kInstructionBits;
  doing.call = static_cast<std::int32_t>(low(static_cast<std::int64_t>(word), kCallBits));
  word >>= kCallBits;
  doing.step = static_cast<std::int64_t>(low(static_cast<std::int64_t>(word), kStepBits));
  doing.stage = static_cast<Stage>(word >> kStepBits);
  return doing;
}

std::string tell(const Doing& doing) {
  switch (doing.stage) {
    case Stage::starting: return "while starting";
    case Stage::training:
      return fmt::format("in step {}, call {}, instruction {}", doing.step, doing.call, doing.instruction);
    case Stage::judging: return fmt::format("while judging after step {}", doing.step);
    case Stage::saving: return fmt::format("while saving step {}", doing.step);
    case Stage::finished: return "after its last step";
  }
  return "?";
}

std::string tell(const Death& death) {
  if (death.signal != 0)
    return fmt::format("rank {} was killed by signal {} ({})", death.rank, death.signal,
                       ::strsignal(death.signal));
  if (death.status != 0) return fmt::format("rank {} ended with status {}", death.rank, death.status);
  return fmt::format("rank {} has given up", death.rank);
}

}  // namespace ds::executor
