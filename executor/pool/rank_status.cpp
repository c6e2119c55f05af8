// A rank's status packed into one word that others can read at any moment, and in words.
#include "executor/pool/rank_status.h"

#include <fmt/format.h>

#include <cstring>

namespace ds::executor {
namespace {

constexpr int kStepBits = 28, kCallBits = 16, kInstructionBits = 16;

std::uint64_t low(std::int64_t value, int bits) {
  return static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1);
}

}  // namespace

std::uint64_t pack(const RankStatus& status) {
  auto word = static_cast<std::uint64_t>(status.phase);
  word = word << kStepBits | low(status.step, kStepBits);
  word = word << kCallBits | low(status.call, kCallBits);
  return word << kInstructionBits | low(status.instruction, kInstructionBits);
}

RankStatus unpack(std::uint64_t word) {
  RankStatus status;
  status.instruction = static_cast<std::int32_t>(low(static_cast<std::int64_t>(word), kInstructionBits));
  word >>= kInstructionBits;
  status.call = static_cast<std::int32_t>(low(static_cast<std::int64_t>(word), kCallBits));
  word >>= kCallBits;
  status.step = static_cast<std::int64_t>(low(static_cast<std::int64_t>(word), kStepBits));
  status.phase = static_cast<RankPhase>(word >> kStepBits);
  return status;
}

std::string tell(const RankStatus& status) {
  switch (status.phase) {
    case RankPhase::starting: return "while starting";
    case RankPhase::training:
      return fmt::format("in step {}, call {}, instruction {}", status.step, status.call, status.instruction);
    case RankPhase::judging: return fmt::format("while judging after step {}", status.step);
    case RankPhase::saving: return fmt::format("while saving step {}", status.step);
    case RankPhase::finished: return "after its last step";
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
