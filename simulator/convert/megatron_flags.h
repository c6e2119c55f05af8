#pragma once
// The flags of Megatron-LM, all of them.

#include "simulator/convert/known_flags.h"

namespace ds::convert {

/// As of d98e8a64dd (August 2026), with some that earlier versions had.
const Catalogue& megatron_flags();

}  // namespace ds::convert
