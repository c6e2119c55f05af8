#pragma once
// How much memory is to be had: asked before a run begins, since a shortage that shows later ends ranks without a word (the
// kernel kills them) or never (a library that asks for memory again and again).

#include <filesystem>
#include <string>

#include "simulator/base/units.h"

namespace ds::executor {

/// Memory that could be had now, and what bounds it: "of this machine", "of the control group".
struct AvailableMemory {
  Bytes bytes;
  std::string of;
};

/// The least of what the machine has left (MemAvailable and free swap) and what each control group of this process, version 1
/// or 2, leaves below its limit, its cached files not counted. `root` is for tests.
AvailableMemory available_memory(const std::filesystem::path& root = "/");

/// Throws MachineError where fewer bytes are to be had. `what` is the subject of the message: "the arenas of 2 ranks".
void check_available(const std::string& what, Bytes need, const AvailableMemory& available);

/// Throws MachineError where the address space of this process, as `ulimit -v` bounds it, has no room for the work memory of a
/// BLAS. OpenBLAS 0.3.21 takes it at the first product, and keeps it; where it is refused, it asks again for ever. So it is called
/// when all that the products work on is there, and right before them; once it was found, it is not asked for again.
void check_room_for_blas();

}  // namespace ds::executor
