#pragma once
// How this program starts its ranks: with its own command line and environment.

#include <cstdint>

#include "cli/session/session.h"
#include "executor/supervisor/supervisor.h"

namespace ds::cli {

executor::Launch launch_of(const Common& common, const StopToken& stop, std::int32_t ranks);

}  // namespace ds::cli
