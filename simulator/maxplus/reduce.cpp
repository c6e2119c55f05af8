// Eliminates local items: longest paths between the points that are left.
#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/maxplus/sync_graph.h"
#include "simulator/maxplus/window.h"

namespace ds::maxplus {
namespace {

using NodeIndex = std::int32_t;  // items in the order of the window
constexpr NodeIndex kBegin = kNone;

class Reducer {
 public:
  Reducer(const Outline& outline, std::int32_t cut)
      : outline_(outline), window_(outline, cut), nodes_(outline.items.size()) {
    edges_.reserve(outline.items.size() + outline.waits.size() + 1);
    count_beats();
    for (NodeIndex v = 0; v < std::ssize(nodes_); ++v) set_up(v);
    if (window_.cut != kNone) join_at_cut();
    for (bool any = true; any;) {
      count_successors();
      any = fold_into_successors();
      any = fold_into_predecessors() || any;
    }
  }

  SyncGraph take() {
    SyncGraph graph{.points = {}, .edges = {}, .last = {}, .cut = window_.cut != kNone, .formulas = {}};
    std::vector<std::int32_t> points(nodes_.size(), kNone);
    for (std::size_t v = 0; v < nodes_.size(); ++v) {
      if (nodes_[v].gone) continue;
      points[v] = static_cast<std::int32_t>(graph.points.size());
      const Item& item = item_of(static_cast<NodeIndex>(v));
      graph.points.push_back({.item = window_.item(static_cast<NodeIndex>(v)),
                              .lane = item.lane,
                              .channel = item.channel,
                              .seconds = weights_.number(nodes_[v].own),
                              .beats = nodes_[v].beats});
    }
    for (SyncPoint& point : graph.points) {
      point.first_edge = static_cast<std::int32_t>(graph.edges.size());
      for (std::int32_t e = node(window_.node(point.item)).first; e != kNone; e = edge(e).next) {
        const Edge& one = edge(e);
        const std::int32_t from = one.from == kBegin ? kNone : points[static_cast<std::size_t>(one.from)];
        graph.edges.push_back({from, weights_.number(one.term), one.step_before, one.beats});
      }
      point.edges = static_cast<std::int32_t>(graph.edges.size()) - point.first_edge;
      std::sort(graph.edges.begin() + point.first_edge, graph.edges.end(),
                [](const SyncEdge& a, const SyncEdge& b) {
                  return std::pair(a.step_before, a.from) < std::pair(b.step_before, b.from);
                });
    }
    if (!graph.cut)
      for (const NodeIndex v : window_.last_of_lanes(outline_))
        graph.last.push_back(points[static_cast<std::size_t>(v)]);
    graph.formulas = terms_.formulas(weights_.terms());
    return graph;
  }

 private:
  static constexpr std::int32_t kSeveral = -2;  // calls

  /// From the end of a node to the begin of another, by way of items that are gone.
  struct Edge {
    NodeIndex from{};
    std::int32_t term{WeightTerms::kZero};
    bool step_before{};
    std::int32_t beats{0};
    std::int32_t call{kNone};  // whose items it goes by
    std::int32_t next{kNone};
  };
  struct NodeState {
    std::int32_t first{kNone};  // of the edges that lead here
    std::int32_t edges{0};
    std::int32_t successors{0};
    NodeIndex some_successor{0};  // exclusive or of all: the one, where there is one
    std::int32_t own{WeightTerms::kZero};
    std::int32_t beats{0};
    bool kept{}, gone{};
  };

  const Item& item_of(NodeIndex v) const { return outline_.items[static_cast<std::size_t>(window_.item(v))]; }
  NodeState& node(NodeIndex v) { return nodes_[static_cast<std::size_t>(v)]; }
  Edge& edge(std::int32_t e) { return edges_[static_cast<std::size_t>(e)]; }
  bool same_call(NodeIndex u, NodeIndex v) const { return item_of(u).call == item_of(v).call; }
  static bool stays(const Edge& one) { return one.from != kBegin && !one.step_before; }  // within the step

  /// Local items of a call share its beats, lane by lane.
  void count_beats() {
    std::vector<std::int32_t> all(static_cast<std::size_t>(outline_.lanes), 0), now(all);
    const std::vector<Item>& items = outline_.items;
    for (std::size_t first = 0, last = 0; first < items.size(); first = last) {
      for (last = first; last < items.size() && items[last].call == items[first].call; ++last)
        if (items[last].channel == kNone) ++all[static_cast<std::size_t>(items[last].lane)];
      for (std::size_t i = first; i < last; ++i) {
        if (items[i].channel != kNone) continue;
        const auto lane = static_cast<std::size_t>(items[i].lane);
        const std::int32_t before = kBeatsOfCall * now[lane] / all[lane];
        node(window_.node(static_cast<std::int32_t>(i))).beats =
            kBeatsOfCall * ++now[lane] / all[lane] - before;
      }
      for (std::size_t i = first; i < last; ++i) {
        const auto lane = static_cast<std::size_t>(items[i].lane);
        all[lane] = now[lane] = 0;
      }
    }
  }

  void set_up(NodeIndex v) {
    node(v).own = terms_.duration(item_of(v).duration);
    if (item_of(v).channel != kNone) node(v).kept = true;
    for (const Predecessor& one : window_.predecessors(v)) {
      const NodeIndex from = window_.node(one.item);
      if (window_.cut == kNone) {
        if (one.step_before) node(from).kept = true;
        add(v, {.from = from, .step_before = one.step_before});
      } else {
        const Window::From place = window_.place(v, one);
        if (place != Window::From::outside) add(v, {.from = place == Window::From::begin ? kBegin : from});
      }
    }
    if (node(v).first == kNone) add(v, {.from = kBegin});
  }

  /// In a step with fewer waits nothing else may follow the last items; all of them end before the cut begins.
  void join_at_cut() {
    const auto last = static_cast<NodeIndex>(nodes_.size()) - 1;
    node(last).kept = true;
    count_successors();
    for (NodeIndex v = 0; v < last; ++v)
      if (node(v).successors == 0) add(last, {.from = v});
  }

  static std::int32_t call_of(std::int32_t a, std::int32_t b) {
    return a == kNone || a == b ? b : b == kNone ? a : kSeveral;
  }

  /// From where `before` comes, through v, to where `after` leads.
  Edge joined(const Edge& before, NodeIndex v, const Edge& after) {
    const NodeState& own = node(v);
    return {.from = before.from,
            .term = terms_.plus(terms_.plus(before.term, own.own), after.term),
            .step_before = before.step_before,
            .beats = before.beats + own.beats + after.beats,
            .call = call_of(call_of(before.call, item_of(v).call), after.call)};
  }

  /// Adds an edge to v, or makes the one that is there the longer of both. Returns whether it is a new one.
  bool add(NodeIndex v, Edge one) {
    for (std::int32_t e = node(v).first; e != kNone; e = edge(e).next) {
      Edge& known = edge(e);
      if (known.from != one.from || known.step_before != one.step_before) continue;
      known.term = terms_.longest(known.term, one.term);
      known.beats = std::max(known.beats, one.beats);
      known.call = call_of(known.call, one.call);
      return false;
    }
    one.next = node(v).first;
    node(v).first = static_cast<std::int32_t>(edges_.size());
    edges_.push_back(one);
    ++node(v).edges;
    return true;
  }

  Edge remove(NodeIndex v, NodeIndex from) {
    std::int32_t* at = &node(v).first;
    while (edge(*at).from != from || edge(*at).step_before) at = &edge(*at).next;
    const Edge one = edge(*at);
    *at = one.next;
    --node(v).edges;
    return one;
  }

  void count_successors() {
    for (NodeState& one : nodes_) one.successors = one.some_successor = 0;
    for (NodeIndex v = 0; v < std::ssize(nodes_); ++v)
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
    for (NodeIndex v = static_cast<NodeIndex>(nodes_.size()) - 1; v >= 0; --v) {
      NodeState& own = node(v);
      if (own.kept || own.gone || own.successors != 1) continue;
      const NodeIndex to = own.some_successor;
      if (own.edges != 1 && !same_call(v, to)) continue;
      const Edge after = remove(to, v);
      for (std::int32_t e = own.first; e != kNone; e = edge(e).next) {
        const Edge moved = joined(edge(e), v, after);
        const bool is_new = add(to, moved);
        if (!stays(moved)) continue;
        node(moved.from).some_successor ^= is_new ? v ^ to : v;
        if (!is_new) --node(moved.from).successors;
      }
      own.gone = any = true;
    }
    return any;
  }

  /// What follows the item follows what leads to it instead.
  bool may_go(NodeIndex v) {
    const NodeState& own = node(v);
    if (own.kept || own.successors == 0 || own.edges * own.successors > own.edges + own.successors)
      return false;
    const Edge& only = edge(own.first);
    if (own.edges == 1 && (own.successors == 1 || (stays(only) && same_call(only.from, v)))) return true;
    for (std::int32_t e = own.first; e != kNone; e = edge(e).next) {
      const Edge& one = edge(e);
      if (one.from == kBegin || item_of(one.from).channel == kNone) return false;
      if (one.call != kNone && one.call != item_of(v).call) return false;
    }
    return true;
  }

  bool fold_into_predecessors() {
    bool any = false;
    std::vector<bool> folded(nodes_.size(), false);
    for (NodeIndex v = 0; v < std::ssize(nodes_); ++v) {
      if (node(v).gone) continue;
      bool touched = false;
      for (std::int32_t e = node(v).first; e != kNone && !touched; e = edge(e).next)
        touched = stays(edge(e)) && folded[static_cast<std::size_t>(edge(e).from)];
      if (touched) lead_past(v, folded);
      if (may_go(v)) folded[static_cast<std::size_t>(v)] = any = true;
    }
    for (std::size_t v = 0; v < nodes_.size(); ++v) nodes_[v].gone = nodes_[v].gone || folded[v];
    return any;
  }

  void lead_past(NodeIndex v, const std::vector<bool>& folded) {
    std::int32_t e = std::exchange(node(v).first, kNone);
    node(v).edges = 0;
    while (e != kNone) {
      const Edge one = edge(e);
      e = one.next;
      if (!stays(one) || !folded[static_cast<std::size_t>(one.from)]) {
        add(v, one);
        continue;
      }
      for (std::int32_t before = node(one.from).first; before != kNone; before = edge(before).next)
        add(v, joined(edge(before), one.from, one));
    }
  }

  const Outline& outline_;
  Window window_;
  std::vector<NodeState> nodes_;
  std::vector<Edge> edges_;
  WeightTerms terms_;
  WeightNumbers weights_;
};

}  // namespace

SyncGraph reduce(const Outline& outline, std::int32_t cut) { return Reducer(outline, cut).take(); }

}  // namespace ds::maxplus
