#pragma once
// Bytes alive at once, without placing anything: what a program needs where nobody binds its buffers at offsets. The same
// lives as those of lifetimes.h, so the peak is that of `layout` to the byte.
//
// A step is many calls of few templates. What a template touches is read off once; a micro-batch's way through a chunk is a
// chain of templates, and chains are few; so a call adds a number that is known, and only the first and last ones of a step
// are looked at more closely.

#include <vector>

#include "simulator/memory/memory.h"

namespace ds::memory {

struct LiveBytes {
  Bytes peak;
  Parts parts;  // what lives at that instruction
};

/// By rank class.
std::vector<LiveBytes> live_bytes(const program::Program& program);

/// The most bytes alive at once in each call of a class's step, in the order of issue.
std::vector<Bytes> live_bytes_of_calls(const program::Program& program, std::size_t rank_class);

/// What a rank of the class keeps in the memory of the host.
Bytes host_bytes(const program::Program& program, const program::RankClass& ranks);
/// Of the class that keeps most.
Bytes most_host_bytes(const program::Program& program);

}  // namespace ds::memory
