#pragma once
// Conditions of a script that the script itself decides: [ "$A" = b ], [[ $N -gt 1 && -n $X ]].

#include <optional>
#include <vector>

#include "simulator/convert/shell_values.h"

namespace ds::convert {

/// Whether the commands of a condition hold; nothing where nobody but a shell on that machine could say (files, other commands,
/// variables that nothing sets).
std::optional<bool> test_holds(const std::vector<ShellCommand>& test, ShellValues& values);

}  // namespace ds::convert
