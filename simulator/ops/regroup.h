#pragma once
// Regrouping: how tensors lie over a group of ranks changes.

#include "simulator/ops/head_exchange.h"
#include "simulator/ops/operator.h"
#include "simulator/ops/row_exchange.h"

namespace ds::ops {

/// How tensors lie over a group of ranks changes: tokens from shards to whole (`gather`), from partial sums of
/// the whole to shards of the sum (`scatter`), from partial sums to sums (`sum`), or not at all, but gradients are summed
/// on the way back (`copy`). Over the ranks that share experts out, rows go to the rank of their expert, or come back
/// (`exchange`): as many as are sent are received, if experts are chosen evenly. From a part of the tokens with all heads to all
/// tokens with a part of the heads (`to_heads`), or back (`to_tokens`: Jacobs et al. 2023, arXiv 2309.14509). Lowered to
/// collectives (Narayanan et al. 2021, section 2.3; Korthikanti et al. 2022).
enum class Regrouping : std::uint8_t { gather, scatter, sum, copy, exchange, to_heads, to_tokens };
/// The ranks that share a layer's products, its experts, a sequence, each of the experts; of a grid of tensor-parallel ranks those of
/// a row, and those of a column.
enum class Sharers : std::uint8_t { tensor, experts, context, expert, row, column };
struct Regroup {
  Regrouping how{};
  std::int64_t tokens{}, width{};  // of the whole
  std::int64_t shards{1};
  Sharers over{Sharers::tensor};
  // Where tokens are exchanged for heads: sequences; how wide queries and keys are, behind which values stand.
  std::int64_t batch{0}, queries{0}, keys{0};
  RowExchange rows{};        // of rows that go to each node once
  bool fp8_gradient{false};  // what comes back in the backward is in 8 bits
  HeadExchange heads(Pass pass) const {
    if (how != Regrouping::to_heads && how != Regrouping::to_tokens) return {};
    return {.sequences = batch,
            .widths = {queries, keys, width - queries - keys},
            .to_heads = (how == Regrouping::to_heads) == (pass == Pass::forward),
            .in_order = over != Sharers::context};
  }
  bool operator==(const Regroup&) const = default;

  std::string_view name() const {
    switch (how) {
      case Regrouping::gather: return "gather tokens";
      case Regrouping::scatter: return "scatter sums";
      case Regrouping::sum: return "sum";
      case Regrouping::copy: return "copy";
      case Regrouping::exchange: return "exchange rows";
      case Regrouping::to_heads: return "exchange tokens for heads";
      case Regrouping::to_tokens: return "exchange heads for tokens";
    }
    return "?";
  }
  bool has_pass(Pass pass) const {
    return pass == Pass::forward || (pass == Pass::input_gradient && how != Regrouping::sum);
  }
  double flops(Pass /*pass*/) const { return 0; }
  Extents extents() const { return {tokens * width}; }
  void operands(OperandList& l) const {
    const Shape whole = matrix(tokens, width), shard = matrix(tokens / shards, width);
    const Shape of_heads = matrix(tokens, width / shards);
    const bool forward = l.pass == Pass::forward, gather = how == Regrouping::gather;
    switch (how) {
      case Regrouping::gather:
      case Regrouping::scatter:
        l.in(forward ? "x" : "dy", gather == forward ? shard : whole);
        l.result(forward ? "y" : "dx", gather == forward ? whole : shard);
        return;
      case Regrouping::exchange:
        l.in(forward ? "x" : "dy", whole);
        l.result(forward ? "y" : "dx", whole);
        return;
      case Regrouping::to_heads:
      case Regrouping::to_tokens: {
        const bool to_heads = (how == Regrouping::to_heads) == forward;
        l.in(forward ? "x" : "dy", to_heads ? shard : of_heads);
        l.result(forward ? "y" : "dx", to_heads ? of_heads : shard);
        return;
      }
      case Regrouping::sum: l.add("x", Access::add, Role::activation, whole); return;
      case Regrouping::copy:
        if (forward)
          l.in("x", whole);
        else
          l.add("dx", Access::add, Role::activation, whole);
        return;
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("width", self.width), fn("shards", self.shards);
    fn("batch", self.batch), fn("queries", self.queries), fn("keys", self.keys);
  }
};

}  // namespace ds::ops
