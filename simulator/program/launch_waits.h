#pragma once
// Where a block of a pass waits for the host that launches its work.

#include <vector>

#include "simulator/program/program.h"

namespace ds::program {

/// Puts Kind::launches before the last work of the compute lane, so that whoever needs what that makes waits for the host as well; and
/// so before each place where another lane comes in, since behind it nothing says how long was waited there. A body that has
/// them already stays as it is.
void wait_for_launches(std::vector<Instruction>& body);

}  // namespace ds::program
