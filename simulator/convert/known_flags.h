#pragma once
// Every flag of a launch is accounted for: it sets a key of the job, or it is known to change nothing that is predicted, or it is
// left to the software preset, or it is refused by name.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/convert/convert.h"
#include "simulator/convert/flags.h"
#include "simulator/workload/names.h"

namespace ds::convert {

enum class Use : std::uint8_t {
  ignored,  // changes neither time nor memory of a step
  habit,    // which kernels and streams a stack uses: the software preset has its own word on it
  lacking   // changes what is predicted, and cannot be said yet
};

/// Names apart by blanks; `*` at the end of one stands for any ending.
struct OtherFlags {
  Use use{};
  std::string_view names;
  std::string_view what;      // that is lacking: "CUDA graphs"
  std::string_view harmless;  // values apart by blanks with which it changes nothing
};

struct Catalogue {
  std::string_view stack;  // Megatron-LM
  std::span<const workload::Name> keys;
  std::span<const OtherFlags> others;
};

/// The flags that set keys, each once. What else there is goes into `notes`, a line for each use. Throws InputError for unknown
/// flags, and for lacking ones unless asked.lenient.
std::vector<Flag> sort_out(std::span<const Flag> flags, const Catalogue& catalogue, const Asked& asked,
                           std::vector<std::string>& notes);

}  // namespace ds::convert
