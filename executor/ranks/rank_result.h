#pragma once
// What a rank leaves in its mailbox: how its run went, or why it could not go on. Rank and supervisor are one program, so
// the encoding is that of this build's own memory, with a version for what was left half-done.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "executor/train.h"

namespace ds::executor {

/// Why a rank ended before its last step, in its own words.
struct RankError {
  int status{};  // what it ended with: 1 an honest no, 2 unusable input, 3 the machine or a mistake of ours
  std::string message;
  bool operator==(const RankError&) const = default;
};

struct RankResult {
  RunResult result;  // of measured steps at most one
  std::optional<RankError> error;
};

std::vector<std::byte> encode(const RankResult& result);
/// Throws MachineError where the bytes are no result of this version, whole.
RankResult decode(std::span<const std::byte> bytes);

}  // namespace ds::executor
