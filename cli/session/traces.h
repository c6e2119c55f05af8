#pragma once
// What the name of a trace's file says of its format, and which ranks are asked for.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/report/report.h"

namespace ds::cli {

/// name.pftrace and name.pftrace.gz are Perfetto's own, every other name JSON.
report::TraceFormat trace_format(std::string_view target);

/// "0,64-67" as 0, 64, 65, 66, 67, each once and in order; nothing for "". Throws InputError for what is no list of ranks below
/// `ranks`, and for more than a viewer bears.
std::vector<std::int32_t> trace_ranks(std::string_view list, std::int32_t ranks);

}  // namespace ds::cli
