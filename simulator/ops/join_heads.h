#pragma once
// Queries, keys and values of latent attention, put together.

#include "simulator/ops/operator.h"
#include "simulator/ops/sequence_halves.h"

namespace ds::ops {

/// qkv [tokens, heads (2 (nope + rope) + v)] of what was projected up: q [tokens, heads (nope + rope)], its last part rotated;
/// keys and values kv [tokens, heads (nope + v)], with a rotated part k_rope [tokens, rope] that all heads have in common
/// (DeepSeek-V2, arXiv 2405.04434, section 2.1.3). Angles are made on the way; `sequence`: tokens of one that the rank has.
struct JoinHeads {
  std::int64_t tokens{}, heads{}, nope{}, rope{}, v{};
  bool rotates{true};
  std::int64_t sequence{1}, context{1}, context_rank{0};
  std::int64_t place(std::int64_t token) const {
    return place_in_sequence(sequence, context, context_rank, token % sequence);
  }
  void stand_at(const RankPosition& position) { context_rank = context > 1 ? position.context : 0; }
  bool operator==(const JoinHeads&) const = default;

  static constexpr std::string_view kName = "join heads";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::input_gradient; }
  double flops(Pass /*pass*/) const { return 3 * real(tokens) * real((heads + 1) * rope); }
  Extents extents() const { return {tokens * heads, nope + rope, v}; }
  void operands(OperandList& l) const {
    const Shape q = matrix(tokens, heads * (nope + rope)), kv = matrix(tokens, heads * (nope + v)),
                shared = matrix(tokens, rope), all = matrix(tokens, heads * (2 * (nope + rope) + v));
    if (l.pass == Pass::forward) {
      l.in("q", q);
      l.in("kv", kv);
      l.in("k_rope", shared);
      l.result("qkv", all);
    } else {
      l.in("dqkv", all);
      l.result("dq", q);
      l.result("dkv", kv);
      l.result("dk_rope", shared);
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("heads", self.heads), fn("nope", self.nope), fn("rope", self.rope);
    fn("v", self.v), fn("rotates", self.rotates), fn("sequence", self.sequence);
    fn("context", self.context);
  }
};

}  // namespace ds::ops
