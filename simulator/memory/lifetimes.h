#pragma once
// When each (buffer, slot) is alive within a step.

#include <cstdint>
#include <vector>

#include "simulator/program/program.h"

namespace ds::memory {

/// One slot of a copy of a buffer, or one whole block of slots where the buffer is a block.
struct Instance {
  program::BufferId buffer{};
  std::int32_t copy{}, slot{};
  std::int64_t bytes{};
};

/// Positions count instructions in issue order from 1; 0 is the host before the step, `end` the host after it.
struct Interval {
  std::int32_t begin{}, end{};  // both ends belong to it
};

struct Lifetimes {
  std::vector<Instance> instances;           // by birth
  std::vector<std::vector<Interval>> alive;  // by instance, in order, disjoint
  std::int32_t end{};
};

/// Buffers that are alive all the time: what runs over the seam, and what another lane than the compute lane touches, since
/// only that one is walked through in the order in which it runs; not what is allocated for each use. By buffer of the program.
std::vector<bool> alive_always(const program::Program& program, const program::RankClass& ranks);
/// Of a class that has these buffers and calls these templates.
std::vector<bool> alive_always(const program::Program& program, program::Span buffers,
                               const std::vector<program::TemplateId>& templates);

Lifetimes lifetimes(const program::Program& program, std::size_t rank_class);

}  // namespace ds::memory
