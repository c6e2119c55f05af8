#pragma once
// What operators move that a framework makes of elementary ones, each a kernel that reads and writes its tensors whole.

#include <optional>
#include <string_view>
#include <variant>

#include "simulator/ops/ops.h"

namespace ds::cost {

/// An operator of several: the pass of a software that would make one kernel of it, and the bytes that its kernels move for each
/// element of its rows in 16 bits. Counted kernel by kernel in PyTorch 2.6's composite rms_norm (to fp32, square, mean, scale, back,
/// gain), in silu and product apart, and in rotations by complex products in fp32 as LLaMA's reference code has them.
struct Composite {
  std::string_view fused_by;
  double forward_bytes{}, input_gradient_bytes{};
  std::int64_t elements{};
};
inline std::optional<Composite> composite_of(const ops::What& what) {
  if (const auto* norm = std::get_if<ops::RmsNorm>(&what))
    return Composite{"rms_norm", 36, 66, norm->tokens * norm->hidden};
  if (const auto* gate = std::get_if<ops::SwiGlu>(&what))
    return Composite{"bias_swiglu", 10, 18, gate->tokens * gate->width};
  if (const auto* rope = std::get_if<ops::Rope>(&what))
    return Composite{"rope", 20, 20, rope->tokens * (rope->heads + rope->kv_heads) * rope->width()};
  return std::nullopt;
}

}  // namespace ds::cost
