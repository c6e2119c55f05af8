// Goes through a body from its end, and marks the last work before each place where another lane comes in.
#include "simulator/program/launch_waits.h"

#include <cstddef>
#include <utility>

#include "simulator/program/rows.h"

namespace ds::program {

void wait_for_launches(std::vector<Instruction>& body) {
  bool waits = true;  // for what was launched before
  for (std::size_t i = body.size(); i-- > 0;) {
    const Instruction& one = body[i];
    if (is_beside_work(one)) waits = true;
    if (!is_own_work(one)) continue;
    if (one.kind == Kind::launches) return;
    if (std::exchange(waits, false))
      body.insert(body.begin() + static_cast<std::ptrdiff_t>(i), {.kind = Kind::launches, .lane = LaneId{0}});
  }
}

}  // namespace ds::program
