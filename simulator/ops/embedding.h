#pragma once
// Token embedding: the rows of a table.

#include "simulator/ops/operator.h"
#include "simulator/ops/sequence_halves.h"

namespace ds::ops {

/// y[t] = table[ids[t]] (+ positions[t mod sequence]). Where the table is cut into `shards` of equal rows, a rank has rows
/// [first, first + vocab) and gives zero for ids of other shards; the sum over the shards is y. Positions may have more rows
/// than a sequence has tokens: the last ones are never read, and their gradient is zero.
struct Embedding {
  std::int64_t tokens{}, sequence{}, hidden{}, vocab{};  // vocab: rows of the rank's table, padding included
  bool positions{};                                      // a learned table is added
  std::int64_t shards{1}, first{};
  std::int64_t rows{0};                      // of positions; 0: `sequence`
  std::int64_t context{1}, context_rank{0};  // ranks that share a sequence out; which of them this is
  /// Row of positions of token t.
  std::int64_t position_row(std::int64_t t) const {
    return place_in_sequence(sequence, context, context_rank, t % sequence);
  }
  std::int64_t position_rows() const { return rows > 0 ? rows : sequence; }
  bool operator==(const Embedding&) const = default;

  static constexpr std::string_view kName = "embedding";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward || pass == Pass::weight_gradient; }
  double flops(Pass /*pass*/) const { return real(tokens) * real(hidden) * (positions ? 2 : 1); }
  Extents extents() const { return {tokens, hidden}; }
  void operands(OperandList& l) const {
    l.ids("ids", tokens);
    if (l.pass == Pass::forward) {
      l.weight("table", matrix(vocab, hidden));
      if (positions) l.weight("positions", matrix(position_rows(), hidden));
      l.result("y", matrix(tokens, hidden));
      return;
    }
    l.in("dy", matrix(tokens, hidden));
    l.gradient("dtable", matrix(vocab, hidden));
    if (positions) l.gradient("dpositions", matrix(position_rows(), hidden));
    // Token positions sorted by id, so that a row's gradients are summed before they are added; then one row of sums.
    l.typed("order", Access::write, Role::workspace, DataType::int32, vector(tokens));
    l.workspace("row", vector(hidden));
  }
  void stand_at(const RankPosition& position) {
    first = shards > 1 ? position.tensor * vocab : 0;
    context_rank = context > 1 ? position.context : 0;
  }
  /// Of the table only the rows that occur are read. A first weight gradient writes the whole table (zero where no token
  /// was), a later one adds to rows.
  Bytes moved(const Operand& operand, bool add) const {
    const bool by_token = operand.name == "table" || (operand.name == "dtable" && add);
    if (by_token) return {tokens * hidden * size_of(operand.type)};
    const bool in_use = operand.name == "positions" || (operand.name == "dpositions" && add);
    return in_use ? Bytes{sequence * hidden * size_of(operand.type)} : operand.bytes();
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("tokens", self.tokens), fn("sequence", self.sequence), fn("hidden", self.hidden);
    fn("vocab", self.vocab);
    fn("positions", self.positions), fn("shards", self.shards), fn("rows", self.rows);
    fn("context", self.context);
  }
};

}  // namespace ds::ops
