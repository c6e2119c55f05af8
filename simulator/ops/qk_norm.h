#pragma once
// Norm of queries and keys.

#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// y is qkv with q and k normalised, head by head or, with `whole`, each over all heads (Dehghani et al. 2023, section 2;
/// Qwen 3, OLMo 2). What they were before is kept: `raw` [tokens, (heads + kv_heads) head_dim]. v is passed on.
struct QkNorm {
  std::int64_t tokens{}, heads{}, kv_heads{}, head_dim{};
  std::int64_t q_gains{}, k_gains{};  // elements: of one head for all, or of every head
  bool whole{};
  std::int64_t width() const { return (heads + kv_heads) * head_dim; }
  bool operator==(const QkNorm&) const = default;

  static constexpr std::string_view kName = "q/k norm";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass != Pass::update; }
  double flops(Pass pass) const { return norm_flops(pass, tokens, width()); }
  Extents extents() const { return {tokens * width()}; }
  void operands(OperandList& l) const {
    const Shape qkv = matrix(tokens, (heads + 2 * kv_heads) * head_dim), raw = matrix(tokens, width());
    const Shape rows = matrix(tokens, whole ? 2 : heads + kv_heads);
    if (l.pass == Pass::forward) {
      l.in("qkv", qkv);
      l.weight("q_gain", vector(q_gains));
      l.weight("k_gain", vector(k_gains));
      l.result("y", qkv);
      l.result("raw", raw);
      l.result("inv_rms", rows);
      return;
    }
    l.in("dy", qkv);
    l.in("raw", raw);
    l.in("inv_rms", rows);
    if (l.pass == Pass::input_gradient) {
      l.weight("q_gain", vector(q_gains));
      l.weight("k_gain", vector(k_gains));
      l.result("dqkv", qkv);
    } else {
      l.gradient("dq_gain", vector(q_gains));
      l.gradient("dk_gain", vector(k_gains));
      l.workspace("sums", vector(q_gains + k_gains));
    }
  }
  /// v stays where it is, and so does what q and k were.
  Bytes moved(const Operand& operand, bool /*add*/) const {
    if (operand.name == "raw" && operand.access == Access::write) return {};
    const bool has_v = operand.shape.rank == 2 && operand.shape.size[1] > width();
    return has_v ? Bytes{tokens * width() * size_of(operand.type)} : operand.bytes();
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("heads", self.heads), fn("kv_heads", self.kv_heads);
    fn("head_dim", self.head_dim);
    fn("q_gains", self.q_gains), fn("k_gains", self.k_gains), fn("whole", self.whole);
  }
};

}  // namespace ds::ops
