// Exchanges with experts on a lane of their own: what they do not wait for comes behind them.
#include <algorithm>
#include <vector>

#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

bool is_exchange(const Node& node) {
  const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
  return regroup != nullptr && regroup->how == ops::Regrouping::exchange;
}

/// Whether the later of two nodes has to stay behind the other: both touch a tensor, and not only to read it.
bool depends(const Node& later, const Node& earlier) {
  const ops::Operands own = ops::operands(later.op), other = ops::operands(earlier.op);
  for (std::size_t i = 0; i < later.operands.size(); ++i)
    for (std::size_t k = 0; k < earlier.operands.size(); ++k)
      if (later.operands[i] == earlier.operands[k] &&
          (own[static_cast<int>(i)].access != ops::Access::read ||
           other[static_cast<int>(k)].access != ops::Access::read))
        return true;
  return false;
}

bool same_place(const Node& a, const Node& b) { return a.layer == b.layer && a.member == b.member; }

void put_exchanges_first(std::vector<Node>& nodes) {
  std::size_t begin = 0;
  for (std::size_t e = 0; e < nodes.size(); ++e) {
    if (e > 0 && !same_place(nodes[e], nodes[e - 1])) begin = e;
    if (!is_exchange(nodes[e])) continue;
    std::vector<std::size_t> needed{e};
    for (std::size_t n = e; n-- > begin;)
      if (std::ranges::any_of(needed, [&](std::size_t later) { return depends(nodes[later], nodes[n]); }))
        needed.push_back(n);
    const auto first = nodes.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<Node> ordered, behind;
    for (std::size_t n = begin; n <= e; ++n)
      (std::ranges::find(needed, n) != needed.end() ? ordered : behind).push_back(nodes[n]);
    begin += ordered.size();
    ordered.insert(ordered.end(), behind.begin(), behind.end());
    std::ranges::copy(ordered, first);
  }
}

}  // namespace

void exchange_early(Stage& stage) {
  put_exchanges_first(stage.forward);
  put_exchanges_first(stage.backward);
}

}  // namespace ds::graph
