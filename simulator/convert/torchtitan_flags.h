#pragma once
// The flags of torchtitan, all of them.

#include "simulator/convert/known_flags.h"

namespace ds::convert {

/// As of b5bcd76c6 (August 2026), and as of e347b1e5e (February 2026), the last version with job files.
const Catalogue& torchtitan_flags();

}  // namespace ds::convert
