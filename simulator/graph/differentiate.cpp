#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

using ops::Access;
using ops::Operand;
using ops::Pass;
using ops::Role;

class Differentiator {
 public:
  explicit Differentiator(Stage& stage) : stage_(stage), gradient_(stage.tensors.size(), kNone) {}

  void run() {
    count_uses();
    for (const Node& node : stage_.forward)
      if (is_copy(node)) copied_.insert(node.operands[0]);
    if (stage_.output != kNone) stage_.output_gradient = gradient(stage_.output) = received_gradient();
    for (std::size_t i = stage_.forward.size(); i-- > 0;) backward_of(stage_.forward[i], use_of_[i]);
    if (stage_.input != kNone) stage_.input_gradient = gradient(stage_.input);
    for (Layers& layers : stage_.layers) {
      layers.output_gradient = gradient(layers.output);
      layers.input_gradient = gradient(layers.input);
    }
  }

 private:
  /// Which use of its parameter a node is, in forward order: the head is the second use of a tied embedding.
  void count_uses() {
    std::map<ParameterIndex, std::int32_t> uses;
    for (const Node& node : stage_.forward) {
      std::int32_t use = 0;
      for (TensorIndex t : node.operands)
        if (const ParameterIndex p = tensor(t).parameter; p != kNone) {
          // What reads a weight more often than it has uses adds to the gradient of the last one.
          const std::int32_t last = stage_.parameters[static_cast<std::size_t>(p)].uses - 1;
          use = std::max(use, std::min(uses[p]++, last));
        }
      use_of_.push_back(use);
    }
  }

  /// The gradient that the next stage sends.
  TensorIndex received_gradient() {
    const Tensor& output = tensor(stage_.output);
    stage_.tensors.push_back(
        {.name = "d.output", .shape = output.shape, .type = output.type, .role = Role::activation});
    gradient_.push_back(kNone);
    return static_cast<TensorIndex>(stage_.tensors.size()) - 1;
  }

  const Tensor& tensor(TensorIndex t) const { return stage_.tensors[static_cast<std::size_t>(t)]; }
  TensorIndex& gradient(TensorIndex t) { return gradient_[static_cast<std::size_t>(t)]; }

  void backward_of(const Node& node, std::int32_t use) {
    if (std::holds_alternative<ops::CrossEntropy>(node.op.what)) {
      gradient(node.operands[0]) = node.operands[0];  // the logits have become their own gradient
      return;
    }
    if (std::holds_alternative<ops::Quantise>(node.op.what)) {
      remember(node, node.operands[0], gradient(node.operands[1]), false);
      return;
    }
    if (std::holds_alternative<ops::Add>(node.op.what)) {
      for (int i = 0; i < 2; ++i) pass_through(node.operands[static_cast<std::size_t>(i)], node.operands[2]);
      return;
    }
    // Statistics of the softmax have no gradient of their own: the loss has written that of the logits.
    const bool statistics =
        std::holds_alternative<ops::Regroup>(node.op.what) && gradient(node.operands.back()) == kNone;
    if (statistics) return;
    quantise_gradient(node);
    for (Pass pass : {Pass::input_gradient, Pass::weight_gradient})
      if (ops::has_pass(node.op.what, pass)) emit(node, pass, use);
  }

  /// Of what a product in 8 bits has made: its gradient is a factor of two products. Where it is gathered first, or sent to
  /// experts, that is done in 8 bits as well.
  void quantise_gradient(const Node& node) {
    const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
    const bool gathered = regroup != nullptr && regroup->how == ops::Regrouping::scatter;
    const bool sent = regroup != nullptr && regroup->fp8_gradient;
    const Node* product = product_in_fp8(gathered || sent ? node.operands[0] : node.operands.back());
    if (product == nullptr && sent) product = product_in_fp8(scattered_from(node.operands[0]));
    if (product == nullptr || (!gathered && !sent && product != &node)) return;
    const TensorIndex of_result = gradient(node.operands.back());
    if (of_result == kNone || tensor(of_result).type == DataType::fp8) return;
    const ops::Quantise like = quantisation_of(product->operands[0]);
    const Tensor given = tensor(of_result);
    const ops::Quantise what{given.shape.size[0], given.shape.size[1], like.forms, like.reads,
                             like.gradient_copies};
    stage_.tensors.push_back({.name = fmt::format("{}.fp8", given.name),
                              .shape = given.shape,
                              .type = DataType::fp8,
                              .role = Role::activation});
    gradient_.push_back(kNone);
    const auto narrow = static_cast<TensorIndex>(stage_.tensors.size()) - 1;
    stage_.backward.push_back(
        {.op = {.what = what, .type = given.type, .gradient_type = node.op.gradient_type},
         .operands = {of_result, narrow},
         .layer = node.layer,
         .member = node.member,
         .part = node.part});
    gradient(node.operands.back()) = narrow;
  }

  /// The node whose result that is, if it multiplies in 8 bits.
  const Node* product_in_fp8(TensorIndex result) const {
    for (const Node& node : stage_.forward)
      if (ops::multiplies_in_fp8(node.op.what) && node.operands.back() == result) return &node;
    return nullptr;
  }
  /// What was scattered into that tensor, if something was.
  TensorIndex scattered_from(TensorIndex t) const {
    for (const Node& node : stage_.forward) {
      const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
      if (regroup != nullptr && regroup->how == ops::Regrouping::scatter && node.operands.back() == t)
        return node.operands.front();
    }
    return kNone;
  }
  /// How a factor was quantised, before it was gathered or sent where it was: in two steps perhaps, a form each.
  ops::Quantise quantisation_of(TensorIndex factor) const {
    for (std::size_t n = stage_.forward.size(); n-- > 0;) {
      const Node& node = stage_.forward[n];
      const bool in_place = node.operands.front() == factor;
      if (node.operands.back() != factor || in_place) continue;
      if (const auto* quantise = std::get_if<ops::Quantise>(&node.op.what)) {
        if (node.op.type != DataType::fp8) return *quantise;
        ops::Quantise both = quantisation_of(node.operands.front());
        both.forms += quantise->forms;
        return both;
      }
      if (std::holds_alternative<ops::Regroup>(node.op.what)) return quantisation_of(node.operands.front());
      if (std::holds_alternative<ops::Dispatch>(node.op.what)) return quantisation_of(node.operands.front());
    }
    ensure(false, "factors in 8 bits have been quantised");
    return {};
  }

  /// Both inputs of a residual connection have its output's gradient. What flows past the branch is added where the
  /// branch ends, by its norm (`residual`) or, where it begins without one, by an addition; so neither may have one already.
  void pass_through(TensorIndex input, TensorIndex output) {
    ensure(gradient(input) == kNone, "a residual input gets its other gradient later");
    gradient(input) = gradient(output);
    past_.insert(input);
  }

  static bool is_copy(const Node& node) {
    const auto* regroup = std::get_if<ops::Regroup>(&node.op.what);
    return regroup != nullptr && regroup->how == ops::Regrouping::copy;
  }

  /// Of `t`, which several operators read: the gradients that they give are added.
  void add_gradient(const Node& reader, TensorIndex t, TensorIndex other) {
    // Gradients may be wider than what they are the gradients of.
    const Tensor sum{.name = fmt::format("d.{}.sum", tensor(t).name),
                     .shape = tensor(other).shape,
                     .type = tensor(other).type,
                     .role = Role::activation};
    stage_.tensors.push_back(sum);
    gradient_.push_back(kNone);
    const auto index = static_cast<TensorIndex>(stage_.tensors.size()) - 1;
    const ops::Add add{.tokens = sum.shape.size[0], .width = sum.shape.size[1]};
    stage_.backward.push_back(
        {.op = {.what = add, .type = reader.op.type, .gradient_type = reader.op.gradient_type},
         .operands = {gradient(t), other, index},
         .layer = reader.layer,
         .member = reader.member,
         .part = reader.part});
    gradient(t) = index;
  }

  void emit(const Node& node, Pass pass, std::int32_t use) {
    ops::Op op = node.op;
    op.pass = pass;
    const bool moves =
        std::holds_alternative<ops::Regroup>(op.what) || std::holds_alternative<ops::Dispatch>(op.what);
    if (moves && gradient(node.operands.back()) != kNone)
      op.type = tensor(gradient(node.operands.back())).type;
    const ops::Operands forward = ops::operands(node.op);
    if (pass == Pass::input_gradient) set_residual(op, gradient(node.operands[0]) != kNone);
    Node result{.op = op, .operands = {}, .layer = node.layer, .member = node.member, .part = node.part};
    for (const Operand& operand : ops::operands(op)) {
      const std::size_t known = parameter_gradients_.size();
      result.operands.push_back(resolve(node, forward, operand, use));
      const bool is_known = operand.role == Role::gradient && parameter_gradients_.size() == known;
      result.op.accumulate = result.op.accumulate || is_known;
    }
    stage_.backward.push_back(result);
    if (pass == Pass::input_gradient) remember_input_gradient(node, forward, result);
  }

  static void set_residual(ops::Op& op, bool residual) {
    if (auto* norm = std::get_if<ops::LayerNorm>(&op.what)) norm->residual = residual;
    if (auto* norm = std::get_if<ops::RmsNorm>(&op.what)) norm->residual = residual;
  }

  TensorIndex resolve(const Node& node, const ops::Operands& forward, const Operand& operand,
                      std::int32_t use) {
    if (operand.role == Role::workspace) return make(node, operand);
    if (operand.name == "residual") return gradient(node.operands[0]);
    if (const int same = forward.find(operand.name); same >= 0)
      return node.operands[static_cast<std::size_t>(same)];
    ensure(operand.name.front() == 'd', "a backward operand is a forward operand, a gradient or workspace");
    const int of = forward.find(operand.name.substr(1));
    ensure(of >= 0, "a gradient is that of a forward operand");
    const TensorIndex primal = node.operands[static_cast<std::size_t>(of)];
    if (operand.role == Role::gradient) return parameter_gradient(primal, use, operand.type);
    const bool in_place_or_read = operand.access != Access::write;
    if (in_place_or_read) {
      ensure(gradient(primal) != kNone, "a gradient exists before it is read");
      return gradient(primal);
    }
    return make(node, operand, primal);
  }

  /// After the node has read the old gradient of its input (residual), the new one takes its place; else both are added.
  void remember_input_gradient(const Node& node, const ops::Operands& forward, const Node& result) {
    const ops::Operands operands = ops::operands(result.op);
    const bool adds = operands.find("residual") >= 0;
    for (int i = 0; i < operands.size(); ++i)
      if (operands[i].role == Role::activation && operands[i].access == Access::write) {
        const int of = forward.find(operands[i].name.substr(1));
        remember(node, node.operands[static_cast<std::size_t>(of)],
                 result.operands[static_cast<std::size_t>(i)], adds);
      }
    if (!is_copy(node)) return;
    const auto waits = waiting_.find(node.operands[0]);
    if (waits == waiting_.end()) return;
    add_gradient(node, waits->first, waits->second);
    waiting_.erase(waits);
  }

  /// What tensor-parallel ranks have of a tensor's gradient are parts until they are summed, where the tensor was handed to all
  /// of them; what flows past them is whole, and waits for the sum.
  void remember(const Node& node, TensorIndex t, TensorIndex its, bool has_added) {
    const TensorIndex before = std::exchange(gradient(t), its);
    const bool past = past_.erase(t) > 0;
    if (before == kNone || has_added) return;
    if (past && copied_.contains(t))
      waiting_[t] = before;
    else
      add_gradient(node, t, before);
  }

  TensorIndex make(const Node& node, const Operand& operand, TensorIndex primal = kNone) {
    const std::string base = primal != kNone
                                 ? fmt::format("d.{}", tensor(primal).name)
                                 : fmt::format("{}.{}", tensor(node.operands.back()).name, operand.name);
    stage_.tensors.push_back(
        {.name = base, .shape = operand.shape, .type = operand.type, .role = operand.role});
    gradient_.push_back(kNone);
    return static_cast<TensorIndex>(stage_.tensors.size()) - 1;
  }

  TensorIndex parameter_gradient(TensorIndex weight, std::int32_t use, DataType type) {
    const ParameterIndex p = tensor(weight).parameter;
    // A bias beside a tied table has one use.
    use = std::min(use, stage_.parameters[static_cast<std::size_t>(p)].uses - 1);
    const auto key = std::make_pair(p, use);
    if (const auto found = parameter_gradients_.find(key); found != parameter_gradients_.end())
      return found->second;
    Tensor t{.name = fmt::format("d.{}{}", tensor(weight).name, use > 0 ? ".tied" : ""),
             .shape = tensor(weight).shape,
             .type = type,
             .role = Role::gradient,
             .parameter = p,
             .use = use};
    stage_.tensors.push_back(std::move(t));
    gradient_.push_back(kNone);
    return parameter_gradients_[key] = static_cast<TensorIndex>(stage_.tensors.size()) - 1;
  }

  Stage& stage_;
  std::vector<TensorIndex> gradient_;           // by tensor; kNone: none yet
  std::vector<std::int32_t> use_of_;            // by forward node
  std::set<TensorIndex> copied_;                // handed to all tensor-parallel ranks as they are
  std::set<TensorIndex> past_;                  // with the gradient that flows past a branch
  std::map<TensorIndex, TensorIndex> waiting_;  // gradients, by tensor, until those of a branch are summed
  std::map<std::pair<ParameterIndex, std::int32_t>, TensorIndex> parameter_gradients_;
};

}  // namespace

void differentiate(Stage& stage) {
  ensure(stage.backward.empty(), "a stage is differentiated once");
  Differentiator(stage).run();
}

}  // namespace ds::graph
