#pragma once
// What a step would gain if one kind of its work took no time: what bounds it.
//
//   for (const Freed& one : saved_if_free(program, durations)) ...   // "matrix products", 1.2 s

#include <string_view>
#include <vector>

#include "simulator/engine/engine.h"

namespace ds::engine {

struct Freed {
  std::string_view what;  // for people: "tensor-parallel communication"
  Seconds saved;          // of the step, at analytic depth
};

/// Each kind of work alone, most saved first; kinds whose time saves nothing are left out. Savings do not add up: what hides
/// behind other work saves nothing.
std::vector<Freed> saved_if_free(const program::Program& program, const Durations& durations);

}  // namespace ds::engine
