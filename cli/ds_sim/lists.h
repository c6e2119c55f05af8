#pragma once
// Lists as files of their own.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/session/session.h"

namespace ds::cli {

/// Writes the report, by the schema profiles/schemas/<name>.json.
void write_list(const Common& common, const std::string& name, nlohmann::ordered_json list);

}  // namespace ds::cli
