// What an operator's work on one rank follows from where the rank stands.
#include <algorithm>

#include "simulator/ops/ops.h"

namespace ds::ops {
namespace {

struct Fill {
  Place place;

  void operator()(Embedding& e) const { e.first = e.shards > 1 ? place.tensor * e.vocab : 0; }
  void operator()(Positions& p) const { p.first = p.shards > 1 ? place.tensor * p.tokens : 0; }
  void operator()(CrossEntropy& c) const { c.first = c.shards > 1 ? place.tensor * c.columns : 0; }
  void operator()(SoftmaxStatistics& s) const { s.first = s.shards > 1 ? place.tensor * s.columns : 0; }
  void operator()(AdamW& a) const { a.first = a.shards > 1 ? place.data * a.elements : 0; }
  void operator()(LossSum& s) const { s.counted = s.copies == 1 || place.tensor == 0; }
  void operator()(SquaredNorm& n) const {
    const std::int64_t first = n.shards > 1 ? place.data * n.elements : 0;
    n.counted = n.elements;
    if (n.copies > 1 && place.tensor > 0)
      n.counted = std::clamp<std::int64_t>(n.once_from - first, 0, n.elements);
    if (n.replicas > 1 && place.data > 0) n.counted = 0;
  }
  template <class Other>
  void operator()(Other&) const {}
};

}  // namespace

Op at(Op op, const Place& place) {
  std::visit(Fill{place}, op.what);
  return op;
}

}  // namespace ds::ops
