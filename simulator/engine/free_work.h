#pragma once
// What a step would gain if one kind of its work took no time: what bounds it.
//
//   for (const Freed& one : saved_if_free(program, durations, step_of)) ...   // "matrix products", 1.2 s

#include <functional>
#include <string_view>
#include <vector>

#include "simulator/engine/engine.h"

namespace ds::engine {

struct Freed {
  std::string_view what;  // for people: "tensor-parallel communication"
  Seconds saved;          // of the step
};

/// Each kind of work alone, most saved first; kinds whose time saves nothing are left out. Savings do not add up: what hides
/// behind other work saves nothing. `step_of`: the program's step with such durations, at the depth that is asked about.
std::vector<Freed> saved_if_free(const program::Program& program, const Durations& durations,
                                 const std::function<Seconds(const Durations&)>& step_of);

}  // namespace ds::engine
