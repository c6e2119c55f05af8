#pragma once
// Which cores this process has.

#include <vector>

namespace ds::executor {

/// The cores that this process may run on, by rising number; empty where the system does not say.
std::vector<int> allowed_cores();

}  // namespace ds::executor
