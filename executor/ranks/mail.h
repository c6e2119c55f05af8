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
struct Complaint {
  int status{};  // what it ended with: 1 an honest no, 2 unusable input, 3 the machine or a mistake of ours
  std::string message;
  bool operator==(const Complaint&) const = default;
};

struct Mail {
  RunResult result;  // of measured steps at most one
  std::optional<Complaint> complaint;
};

std::vector<std::byte> encode(const Mail& mail);
/// Throws MachineError where the bytes are no mail of this version, whole.
Mail decode(std::span<const std::byte> bytes);

}  // namespace ds::executor
