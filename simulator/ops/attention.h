#pragma once
// Self-attention, causal or both ways, flash or unfused.

#include "simulator/ops/alibi.h"
#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"

namespace ds::ops {

/// Pairs of a token and one that it sees in a sequence: the lower triangle of scores with its diagonal, or of that the band
/// of a window's width.
constexpr double attended_pairs(std::int64_t sequence, std::int64_t window) {
  const std::int64_t hidden = window > 0 && window < sequence ? sequence - window : 0;  // of the last token
  return real(sequence) * real(sequence + 1) / 2 - real(hidden) * real(hidden + 1) / 2;
}

/// o = softmax(q k^T / sqrt(head_dim), causal) v (`both_ways`: not causal), per sequence and head; kv head of q head h: h / (heads / kv_heads).
/// Flash: tile by tile without the score matrix, keeps a log-sum-exp a row (Dao 2023). Unfused: keeps probabilities, also
/// those that a window masks. `sinks`: each head has a learned score that stands beside those of the tokens and leads nowhere (Xiao
/// et al. 2023; gpt-oss). With a window each token sees that many, itself included (Beltagy et al. 2020).
struct Attention {
  std::int64_t batch{}, sequence{}, heads{}, kv_heads{}, head_dim{};
  bool flash{true};
  bool both_ways{false};  // each token sees all others (Devlin et al. 2019)
  bool sinks{false};
  bool drops{false};            // unfused: probabilities are dropped; mask and what is left are kept as well
  std::int64_t window{0};       // 0: all tokens before it
  std::int64_t v_dim{0};        // of values and results; 0: head_dim
  std::int64_t alibi_heads{0};  // of the whole model, where scores lose by distance (alibi.h); 0: they do not
  std::int64_t context_heads{1};  // ranks that have the heads of one tensor-parallel rank in parts
  std::int64_t tensor_rank{0}, context_rank{0};
  std::int64_t sink_of(std::int64_t head) const { return context_rank * heads + head; }
  /// Of the rank's head.
  double slope(std::int64_t head) const {
    return alibi_heads > 0
               ? alibi_slope((tensor_rank * context_heads + context_rank) * heads + head, alibi_heads)
               : 0;
  }
  void stand_at(const RankPosition& position) {
    tensor_rank = position.tensor;
    context_rank = context_heads > 1 ? position.context : 0;
  }
  std::int64_t value_dim() const { return v_dim > 0 ? v_dim : head_dim; }
  std::int64_t tokens() const { return batch * sequence; }
  std::int64_t key_tokens() const { return tokens(); }
  /// Of a sequence and head.
  double pairs() const {
    return both_ways ? real(sequence) * real(sequence) : attended_pairs(sequence, window);
  }
  bool operator==(const Attention&) const = default;

  static constexpr std::string_view kName = "attention", kUnfusedName = "unfused attention";
  std::string_view name() const { return flash ? kName : kUnfusedName; }
  bool has_pass(Pass pass) const {
    return pass == Pass::forward || pass == Pass::input_gradient || (sinks && pass == Pass::weight_gradient);
  }
  double flops(Pass pass) const {
    if (pass == Pass::weight_gradient) return 2 * real(tokens() * heads * value_dim());
    // Forward two products, backward four, and one more where flash repeats q k^T.
    const double keys = pass == Pass::forward ? 1 : flash ? 3 : 2, values = pass == Pass::forward ? 1 : 2;
    return real(batch * heads) * pairs() *
           (2 * (keys * real(head_dim) + values * real(value_dim())) + kSoftmaxFlops);
  }
  Extents extents() const { return {batch * heads, sequence, head_dim}; }
  void operands(OperandList& l) const {
    const Shape qkv = matrix(tokens(), (heads + kv_heads) * head_dim + kv_heads * value_dim());
    const Shape o = matrix(tokens(), heads * value_dim());
    const Shape rows = {{batch, heads, sequence}, 3};
    const Shape scores = {{batch, heads, sequence, sequence}, 4};
    if (l.pass == Pass::forward) {
      l.in("qkv", qkv);
      if (sinks) l.weight("sinks", vector(heads * context_heads));
      l.result("o", o);
      l.result(flash ? "lse" : "probabilities", flash ? rows : scores);
      if (!drops) return;
      l.typed("mask", Access::write, Role::activation, DataType::fp8, scores);  // a byte each
      l.result("dropped", scores);
      return;
    }
    l.in("do", o);
    if (l.pass == Pass::weight_gradient) {  // minus the sum over rows of p_sink times the sum of do * o
      l.in("o", o);
      l.in(flash ? "lse" : "probabilities", flash ? rows : scores);
      l.weight("sinks", vector(heads * context_heads));
      l.gradient("dsinks", vector(heads * context_heads));
      return;
    }
    l.in("qkv", qkv);
    if (flash) {
      l.in("o", o);
      l.in("lse", rows);
      l.result("dqkv", qkv);
      l.workspace("delta", vector(sequence));  // row sums of do * o, one head at a time
    } else {
      l.in("probabilities", scores);
      if (drops) {
        l.typed("mask", Access::read, Role::activation, DataType::fp8, scores);
        l.in("dropped", scores);
      }
      l.result("dqkv", qkv);
      l.workspace("dscores", matrix(sequence, sequence));  // one head at a time
    }
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("batch", self.batch), fn("sequence", self.sequence), fn("heads", self.heads);
    fn("kv_heads", self.kv_heads);
    fn("head_dim", self.head_dim), fn("flash", self.flash), fn("window", self.window);
    fn("v_dim", self.v_dim), fn("drops", self.drops);
    fn("both_ways", self.both_ways), fn("sinks", self.sinks);
    fn("alibi_heads", self.alibi_heads), fn("context_heads", self.context_heads);
  }
};

}  // namespace ds::ops
