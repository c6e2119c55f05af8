#pragma once
// Queries apart from keys and values, which travel between context-parallel ranks.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// Of qkv [tokens, queries + keys]: q [tokens, queries], and all keys and then all values, kv [tokens, keys].
struct SplitHeads {
  std::int64_t tokens{}, queries{}, keys{};  // widths; `keys` with the values
  bool operator==(const SplitHeads&) const = default;

  static constexpr std::string_view kName = "split heads";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {tokens, queries, keys}; }
  void operands(OperandList& l) const {
    const Shape all = matrix(tokens, queries + keys), q = matrix(tokens, queries), kv = matrix(tokens, keys);
    if (l.pass == Pass::forward) {
      l.in("qkv", all);
      l.result("q", q);
      l.result("kv", kv);
    } else {
      l.in("dq", q);
      l.in("dkv", kv);
      l.result("dqkv", all);
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("queries", self.queries), fn("keys", self.keys);
  }
};

}  // namespace ds::ops
