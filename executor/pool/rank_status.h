#pragma once
// What a rank says of itself while it runs, so that its death can be reported with what it was doing.

#include <cstdint>
#include <string>

namespace ds::executor {

enum class RankPhase : std::uint8_t { starting, training, judging, saving, finished };

/// Packed into one word, so that a reader never sees half of a change: steps below 2^28, calls below 2^16, instructions
/// of a call below 2^16; higher ones wrap, in a message only.
struct RankStatus {
  RankPhase phase{};
  std::int64_t step{};
  std::int32_t call{}, instruction{};
  bool operator==(const RankStatus&) const = default;
};

std::uint64_t pack(const RankStatus& status);
RankStatus unpack(std::uint64_t word);

/// "in step 12, call 3, instruction 40", "while starting", ...
std::string tell(const RankStatus& status);

/// How a rank ended: by a signal, with a status other than 0, or (threads) just so.
struct Death {
  std::int32_t rank{};
  std::int32_t signal{}, status{};
  bool operator==(const Death&) const = default;
};

/// "rank 2 was killed by signal 9 (Killed)", "rank 2 ended with status 3", "rank 2 has given up".
std::string tell(const Death& death);

}  // namespace ds::executor
