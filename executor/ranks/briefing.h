#pragma once
// What the process that was started tells its ranks before they begin: the files as it has read them, so that all train by
// one job on one text, whatever is written into or over those files meanwhile.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "simulator/base/file.h"

namespace ds::executor {

struct Briefing {
  FilesRead files;            // job, models, profiles: for remember_reads
  std::uint64_t text_hash{};  // Text::hash: the text itself is read by every rank
  bool operator==(const Briefing&) const = default;
};

std::vector<std::byte> encode(const Briefing& briefing);
/// Throws MachineError where the bytes are no briefing.
Briefing decode_briefing(std::span<const std::byte> bytes);

}  // namespace ds::executor
