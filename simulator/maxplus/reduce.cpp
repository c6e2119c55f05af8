// Eliminates local items: longest paths between the points that are left.
#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/maxplus/sync_graph.h"
#include "simulator/maxplus/window.h"

namespace ds::maxplus {
namespace {

using Node = std::int32_t;  // items in the order of the window
constexpr Node kBegin = kNone;

class Reducer {
 public:
  Reducer(const Outline& outline, std::int32_t cut)
      : outline_(outline), window_(outline, cut), nodes_(outline.items.size()) {
    edges_.reserve(outline.items.size() + outline.waits.size() + 1);
    for (Node v = 0; v < std::ssize(nodes_); ++v) set_up(v);
    if (window_.cut != kNone) join_at_cut();
    count_successors();
    while (fold_into_successors() | fold_into_predecessors()) count_successors();
  }

  SyncGraph take() {
    SyncGraph graph{.points = {}, .edges = {}, .last = {}, .cut = window_.cut != kNone, .formulas = {}};
    std::vector<std::int32_t> points(nodes_.size(), kNone);
    for (std::size_t v = 0; v < nodes_.size(); ++v) {
      if (nodes_[v].gone) continue;
      points[v] = static_cast<std::int32_t>(graph.points.size());
      const Item& item = item_of(static_cast<Node>(v));
      graph.points.push_back(
          {.item = window_.item(static_cast<Node>(v)), .lane = item.lane, .channel = item.channel});
    }
    for (SyncPoint& point : graph.points) {
      const Node v = window_.node(point.item);
      const std::int32_t own = terms_.duration(item_of(v).duration);
      const bool local = point.channel == kNone;
      if (!local) point.seconds = weight(own);
      point.first_edge = static_cast<std::int32_t>(graph.edges.size());
      for (std::int32_t e = node(v).first; e != kNone; e = edge(e).next) {
        const Edge& one = edge(e);
        const std::int32_t from =
            one.from == kBegin
                ? kNone
                : points[static_cast<std::size_t>(one.step_before ? window_.node(one.from) : one.from)];
        graph.edges.push_back({from, weight(local ? terms_.plus(one.term, own) : one.term), one.step_before});
      }
      point.edges = static_cast<std::int32_t>(graph.edges.size()) - point.first_edge;
      const auto begin = graph.edges.begin() + point.first_edge;
      std::sort(begin, graph.edges.end(), [](const SyncEdge& a, const SyncEdge& b) {
        return std::pair(a.step_before, a.from) < std::pair(b.step_before, b.from);
      });
    }
    if (!graph.cut)
      for (const Node v : window_.last_of_lanes(outline_))
        graph.last.push_back(points[static_cast<std::size_t>(v)]);
    graph.formulas = terms_.formulas(weights_);
    return graph;
  }

 private:
  struct Edge {
    Node from{};
    std::int32_t term{};
    bool step_before{};
    std::int32_t next{kNone};
  };
  struct NodeState {
    std::int32_t first{kNone};  // of the edges that lead here
    std::int32_t edges{0};
    std::int32_t successors{0};
    Node some_successor{0};  // exclusive or of all: the one, where there is one
    bool kept{}, gone{};
  };

  const Item& item_of(Node v) const { return outline_.items[static_cast<std::size_t>(window_.item(v))]; }
  NodeState& node(Node v) { return nodes_[static_cast<std::size_t>(v)]; }
  Edge& edge(std::int32_t e) { return edges_[static_cast<std::size_t>(e)]; }
  bool same_call(Node u, Node v) const { return item_of(u).call == item_of(v).call; }
  static bool stays(const Edge& one) { return one.from != kBegin && !one.step_before; }  // within the step

  void set_up(Node v) {
    if (item_of(v).channel != kNone) node(v).kept = true;
    for (const Predecessor& one : window_.predecessors(v)) {
      const Node from = window_.node(one.item);
      if (window_.cut == kNone) {
        if (one.step_before) node(from).kept = true;
        add(v, {.from = from, .term = WeightTerms::kZero, .step_before = one.step_before});
      } else {
        const Window::From place = window_.place(v, one);
        if (place != Window::From::outside)
          add(v, {.from = place == Window::From::begin ? kBegin : from, .term = WeightTerms::kZero});
      }
    }
    if (node(v).first == kNone) add(v, {.from = kBegin, .term = WeightTerms::kZero});
  }

  /// In a step with fewer waits nothing else may follow the last items; all of them end before the cut begins.
  void join_at_cut() {
    const auto last = static_cast<Node>(nodes_.size()) - 1;
    node(last).kept = true;
    count_successors();
    for (Node v = 0; v < last; ++v)
      if (node(v).successors == 0) add(last, {.from = v, .term = WeightTerms::kZero});
  }

  /// Adds an edge to v, or makes the one that is there the longer of both. Returns whether it is a new one.
  bool add(Node v, Edge one) {
    for (std::int32_t e = node(v).first; e != kNone; e = edge(e).next)
      if (edge(e).from == one.from && edge(e).step_before == one.step_before) {
        edge(e).term = terms_.longest(edge(e).term, one.term);
        return false;
      }
    one.next = node(v).first;
    node(v).first = static_cast<std::int32_t>(edges_.size());
    edges_.push_back(one);
    ++node(v).edges;
    return true;
  }

  Edge remove(Node v, Node from) {
    std::int32_t* at = &node(v).first;
    while (edge(*at).from != from || edge(*at).step_before) at = &edge(*at).next;
    const Edge one = edge(*at);
    *at = one.next;
    --node(v).edges;
    return one;
  }

  void count_successors() {
    for (NodeState& one : nodes_) one.successors = one.some_successor = 0;
    for (Node v = 0; v < std::ssize(nodes_); ++v)
      if (!node(v).gone)
        for (std::int32_t e = node(v).first; e != kNone; e = edge(e).next)
          if (stays(edge(e))) {
            ++node(edge(e).from).successors;
            node(edge(e).from).some_successor ^= v;
          }
  }

  /// Items that one other follows: what leads to them leads there instead.
  bool fold_into_successors() {
    bool any = false;
    for (Node v = static_cast<Node>(nodes_.size()) - 1; v >= 0; --v) {
      NodeState& own = node(v);
      if (own.kept || own.gone || own.successors != 1) continue;
      const Node to = own.some_successor;
      if (own.edges != 1 && !same_call(v, to)) continue;
      const std::int32_t through = terms_.plus(terms_.duration(item_of(v).duration), remove(to, v).term);
      for (std::int32_t e = own.first; e != kNone; e = edge(e).next) {
        Edge moved = edge(e);
        moved.term = terms_.plus(moved.term, through);
        const bool is_new = add(to, moved);
        if (!stays(moved)) continue;
        node(moved.from).some_successor ^= is_new ? v ^ to : v;
        if (!is_new) --node(moved.from).successors;
      }
      own.gone = any = true;
    }
    return any;
  }

  /// Items that follow one other: what follows them follows that one instead.
  bool fold_into_predecessors() {
    bool any = false;
    std::vector<bool> folded(nodes_.size(), false);
    for (Node v = 0; v < std::ssize(nodes_); ++v) {
      NodeState& own = node(v);
      if (own.gone) continue;
      bool touched = false;
      for (std::int32_t e = own.first; e != kNone && !touched; e = edge(e).next)
        touched = stays(edge(e)) && folded[static_cast<std::size_t>(edge(e).from)];
      if (touched) lead_past(v, folded);
      if (own.kept || own.edges != 1 || own.successors == 0) continue;
      const Edge& only = edge(own.first);
      if (own.successors > 1 && !(stays(only) && same_call(only.from, v))) continue;
      folded[static_cast<std::size_t>(v)] = any = true;
    }
    for (std::size_t v = 0; v < nodes_.size(); ++v) nodes_[v].gone = nodes_[v].gone || folded[v];
    return any;
  }

  void lead_past(Node v, const std::vector<bool>& folded) {
    std::int32_t e = std::exchange(node(v).first, kNone);
    node(v).edges = 0;
    while (e != kNone) {
      Edge one = edge(e);
      e = one.next;
      if (stays(one) && folded[static_cast<std::size_t>(one.from)]) {
        const Node past = one.from;
        const Edge before = edge(node(past).first);
        one.term = terms_.plus(terms_.plus(before.term, terms_.duration(item_of(past).duration)), one.term);
        one.from = before.from;
        one.step_before = before.step_before;
      }
      add(v, one);
    }
  }

  std::int32_t weight(std::int32_t term) {
    if (term == WeightTerms::kZero) return kNone;
    if (static_cast<std::size_t>(term) >= numbers_.size())
      numbers_.resize(static_cast<std::size_t>(term) + 1, kNone);
    std::int32_t& number = numbers_[static_cast<std::size_t>(term)];
    if (number == kNone) {
      number = static_cast<std::int32_t>(weights_.size());
      weights_.push_back(term);
    }
    return number;
  }

  const Outline& outline_;
  Window window_;
  std::vector<NodeState> nodes_;
  std::vector<Edge> edges_;
  WeightTerms terms_;
  std::vector<std::int32_t> numbers_;  // by term: the weight
  std::vector<std::int32_t> weights_;  // terms
};

}  // namespace

SyncGraph reduce(const Outline& outline, std::int32_t cut) { return Reducer(outline, cut).take(); }

}  // namespace ds::maxplus
