#pragma once
// Learned positions, added in place to a shard of the tokens.

#include <algorithm>

#include "simulator/ops/operator.h"
#include "simulator/ops/sequence_halves.h"

namespace ds::ops {

/// y[t] = x[t] + table[row(t)], in place: learned positions where a rank has a part of the tokens.
/// The table may have more rows than a sequence has tokens, as in Embedding. `parts`: each so long a part of a sequence has a row
/// of its own, as the two sentences that BERT is given (token types, Devlin et al. 2019).
struct Positions {
  std::int64_t tokens{}, sequence{}, hidden{};
  std::int64_t shards{1}, first{};  // the rank's tokens are those from `first` on, a shard of the micro-batch
  std::int64_t rows{0};             // of the table; 0: `sequence`
  std::int64_t context{1}, context_rank{0};  // ranks that share a sequence out; which of them this is
  std::int64_t parts{0};                     // 0: each token has a row
  /// Row of token t of the rank's.
  std::int64_t row(std::int64_t t) const {
    const std::int64_t place = place_in_sequence(sequence, context, context_rank, (first + t) % sequence);
    return parts > 0 ? place * parts / (sequence * context) : place;
  }
  std::int64_t table_rows() const { return parts > 0 ? parts : rows > 0 ? rows : sequence; }
  bool operator==(const Positions&) const = default;

  static constexpr std::string_view kName = "positions";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::weight_gradient; }
  double flops(Pass /*pass*/) const { return real(tokens) * real(hidden); }
  Extents extents() const { return {tokens * hidden}; }
  void operands(OperandList& l) const {
    const Shape x = matrix(tokens, hidden);
    if (l.pass == Pass::forward) {
      l.add("x", Access::add, Role::activation, x);
      l.weight("table", matrix(table_rows(), hidden));
    } else {
      l.in("dx", x);
      l.gradient("dtable", matrix(table_rows(), hidden));
      l.workspace("row", vector(hidden));
    }
  }
  /// Rows behind the sequence's are left alone, but for a first gradient, which clears them.
  Bytes moved(const Operand& operand, bool add) const {
    const bool in_use = operand.name == "table" || (operand.name == "dtable" && add);
    return in_use ? Bytes{std::min(sequence, table_rows()) * hidden * size_of(operand.type)}
                  : operand.bytes();
  }
  void stand_at(const RankPosition& position) {
    first = shards > 1 ? position.tensor * tokens : 0;
    context_rank = context > 1 ? position.context : 0;
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("sequence", self.sequence), fn("hidden", self.hidden);
    fn("shards", self.shards), fn("rows", self.rows), fn("context", self.context);
    fn("part", self.parts);
  }
};

}  // namespace ds::ops
