#pragma once
// Attention of a rank's part of a sequence to the whole sequence (context parallelism).

#include "simulator/ops/attention.h"
#include "simulator/ops/element_flops.h"
#include "simulator/ops/operator.h"
#include "simulator/ops/sequence_halves.h"

namespace ds::ops {

/// Keys and values that a rank's queries meet: those of all ranks, gathered; those of all ranks, one after the other around a
/// ring, as the graph says it; of this ring the first part, which are the rank's own, or a later one, whose result is added to
/// what is there, both scaled to the larger maximum (Liu et al. 2023, arXiv 2310.01889).
enum class Keys : std::uint8_t { gathered, ring, first, later };

/// Ranks have two halves each of a sequence (sequence_halves.h). Gathered keys lie rank after rank. Flash: tile by tile, with a log-sum-exp a row. q [tokens, heads
/// head_dim], kv [tokens of those keys, kv_heads (head_dim + v_dim)].
struct ContextAttention {
  std::int64_t batch{}, sequence{};  // tokens of a sequence that a rank has
  std::int64_t ranks{1};
  std::int64_t heads{}, kv_heads{}, head_dim{};
  Keys keys{Keys::gathered};
  std::int64_t window{0};  // of gathered keys; 0: all tokens before it
  std::int64_t v_dim{0};   // of values and results; 0: head_dim
  std::int64_t step{0};    // of a ring: these keys come from the rank so many places before this one
  std::int64_t rank{0};    // which of the ranks this one is
  bool sinks{false};       // as of Attention; in a ring the first part has them
  std::int64_t alibi_heads{0}, tensor_rank{0};  // as of Attention
  double slope(std::int64_t head) const {
    return alibi_heads > 0 ? alibi_slope(tensor_rank * heads + head, alibi_heads) : 0;
  }
  bool reads_sinks() const { return sinks && keys != Keys::later; }
  bool operator==(const ContextAttention&) const = default;
  std::int64_t value_dim() const { return v_dim > 0 ? v_dim : head_dim; }
  std::int64_t key_tokens() const { return batch * sequence * (keys == Keys::gathered ? ranks : 1); }
  /// Place in the sequence of the rank's token `i`; whether the `j`-th of the keys of so many ranks is seen from there.
  std::int64_t place(std::int64_t of_rank, std::int64_t i) const {
    return place_in_sequence(sequence, ranks, of_rank, i);
  }
  bool sees(std::int64_t query, std::int64_t key) const {
    return key <= query && (window == 0 || query - key < window);
  }
  void stand_at(const RankPosition& position) {
    rank = position.context;
    tensor_rank = position.tensor;
  }
  /// Of a sequence and head: as many as a rank has on average; later parts have no diagonal.
  double pairs() const {
    switch (keys) {
      case Keys::gathered:
      case Keys::ring: return attended_pairs(sequence * ranks, window) / real(ranks);
      case Keys::first: return attended_pairs(sequence, 0);
      case Keys::later: return real(sequence) * real(sequence) / 2;
    }
    return 0;
  }

  constexpr std::string_view name() const {
    switch (keys) {
      case Keys::gathered: return "attention to gathered keys";
      case Keys::ring: return "ring attention";
      case Keys::first: return "attention to own keys";
      case Keys::later: return "attention to keys of others";
    }
    return "?";
  }
  bool has_pass(Pass pass) const {
    return pass == Pass::forward || pass == Pass::input_gradient || (sinks && pass == Pass::weight_gradient);
  }
  double flops(Pass pass) const {
    if (pass == Pass::weight_gradient) return 2 * real(batch * sequence * heads * value_dim());
    const double products = pass == Pass::forward ? 1 : 3, values = pass == Pass::forward ? 1 : 2;
    return real(batch * heads) * pairs() *
           (2 * (products * real(head_dim) + values * real(value_dim())) + kSoftmaxFlops);
  }
  Extents extents() const { return {batch * heads, sequence, head_dim}; }
  void operands(OperandList& l) const {
    const std::int64_t tokens = batch * sequence;
    const Shape q = matrix(tokens, heads * head_dim), o = matrix(tokens, heads * value_dim());
    const Shape kv = matrix(key_tokens(), kv_heads * (head_dim + value_dim()));
    const Shape rows = {{batch, heads, sequence}, 3};
    const Access sum = keys == Keys::later ? Access::add : Access::write;
    const bool forward = l.pass == Pass::forward;
    if (!forward) l.in("do", o);
    if (l.pass == Pass::weight_gradient) {
      l.in("o", o);
      l.typed("lse", Access::read, Role::activation, l.wide(), rows);
      l.weight("sinks", vector(heads));
      l.gradient("dsinks", vector(heads));
      return;
    }
    l.in("q", q);
    l.in("kv", kv);
    if (forward && reads_sinks()) l.weight("sinks", vector(heads));
    if (forward) {
      l.add("o", sum, Role::activation, o);
      l.typed("lse", sum, Role::activation, l.wide(), rows);
    } else {
      l.in("o", o);
      l.typed("lse", Access::read, Role::activation, l.wide(), rows);
      l.add("dq", sum, Role::activation, q);
      l.result("dkv", kv);
      l.workspace("delta", vector(sequence));  // row sums of do * o, one head at a time
    }
    if (keys != Keys::ring) return;
    for (const char* const received : {"kv.near", "kv.far"}) l.workspace(received, kv);
    if (!forward)
      for (const char* const passed : {"dkv.own", "dkv.near", "dkv.far"}) l.workspace(passed, kv);
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("batch", self.batch), fn("sequence", self.sequence), fn("ranks", self.ranks);
    fn("heads", self.heads), fn("kv_heads", self.kv_heads), fn("head_dim", self.head_dim);
    fn("window", self.window), fn("v_dim", self.v_dim);
    auto part = static_cast<std::int64_t>(self.keys);  // for hashes; no profile has it
    fn("part", part), fn("step", self.step);
    fn("sinks", self.sinks), fn("alibi_heads", self.alibi_heads);
  }
};

}  // namespace ds::ops
