#pragma once
// The sizes and switches of every operator by name, for hashing, files and dumps: for_each_field(what, fn(name, field)).

#include <string_view>
#include <type_traits>

#include "simulator/ops/ops.h"

namespace ds::ops {

template <class What, class Fn>
void for_each_field(What& what, Fn&& fn) {
  std::remove_const_t<What>::fields(what, fn);
}

/// Whether a field is one of the sizes and switches of measured operators. The others say how ranks share the work, or what
/// no CPU kernel does (windows, heads that are rotated in part, norms without gain or bias): profiles leave them out.
constexpr bool is_of_shape(std::string_view field) {
  constexpr std::string_view kNotMeasured[] = {"window",        "rotary",   "gains",         "shifts",
                                               "rows",          "part",     "context",       "of_experts",
                                               "capacity",      "sources",  "step",          "alibi_heads",
                                               "context_heads", "weighted", "narrow_moments"};
  for (const std::string_view one : kNotMeasured)
    if (field == one) return false;
  return field != "shards" && field != "once_from" && field != "copies" && field != "replicas" &&
         field != "copies_down" && field != "fp8" && field != "unfused" && field != "v_dim";
}

}  // namespace ds::ops
