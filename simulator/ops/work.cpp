// FLOPs, bytes and names of operators.
#include <fmt/format.h>

#include <algorithm>

#include "simulator/ops/fields.h"
#include "simulator/ops/ops.h"

namespace ds::ops {
namespace {

// Arithmetic per element of the element-wise and reducing operators. They are memory-bound everywhere, so these
// counts only feed FLOP totals, never a duration on their own; exp, tanh, sqrt and division count as one.
constexpr double kNormForward = 8, kNormInputGradient = 11, kNormWeightGradient = 5;
constexpr double kGeluForward = 9, kGeluBackward = 18, kSwiGluForward = 5, kSwiGluBackward = 10;
constexpr double kSoftmax = 5, kAdamW = 15;

double real(std::int64_t n) { return static_cast<double>(n); }

double norm(Pass pass, std::int64_t tokens, std::int64_t hidden) {
  const double per_element = pass == Pass::forward          ? kNormForward
                             : pass == Pass::input_gradient ? kNormInputGradient
                                                            : kNormWeightGradient;
  return per_element * real(tokens) * real(hidden);
}

struct Count {
  Pass pass;
  double operator()(const Embedding& e) const {
    return real(e.tokens) * real(e.hidden) * (e.positions ? 2 : 1);
  }
  double operator()(const LayerNorm& n) const { return norm(pass, n.tokens, n.hidden); }
  double operator()(const RmsNorm& n) const { return norm(pass, n.tokens, n.hidden); }
  double operator()(const Linear& n) const {
    const double bias = n.bias && pass != Pass::input_gradient ? real(n.tokens) * real(n.outputs) : 0;
    return 2 * real(n.tokens) * real(n.inputs) * real(n.outputs) + bias;
  }
  double operator()(const Rope& r) const {
    return 3 * real(r.tokens) * real((r.heads + r.kv_heads) * r.head_dim);
  }
  double operator()(const Attention& a) const {
    // Lower triangle with its diagonal; forward two products, backward four, and one more where flash repeats q k^T.
    const double pairs = real(a.batch * a.heads) * real(a.sequence) * real(a.sequence + 1) / 2;
    const double products = pass == Pass::forward ? 2 : a.flash ? 5 : 4;
    return pairs * (2 * products * real(a.head_dim) + kSoftmax);
  }
  double operator()(const Gelu& g) const {
    return (pass == Pass::forward ? kGeluForward : kGeluBackward) * real(g.tokens) * real(g.width);
  }
  double operator()(const SwiGlu& g) const {
    return (pass == Pass::forward ? kSwiGluForward : kSwiGluBackward) * real(g.tokens) * real(g.width);
  }
  double operator()(const Add& a) const { return real(a.tokens) * real(a.width); }
  double operator()(const CrossEntropy& c) const { return kSoftmax * real(c.tokens) * real(c.columns); }
  double operator()(const SquaredNorm& n) const { return 2 * real(n.elements); }
  double operator()(const ClipFactor&) const { return 4; }
  double operator()(const AdamW& a) const { return kAdamW * real(a.elements); }
  double operator()(const Accumulate& a) const { return real(a.elements); }
  double operator()(const Positions& p) const { return real(p.tokens) * real(p.hidden); }
  double operator()(const Bias& b) const { return real(b.tokens) * real(b.width); }
  double operator()(const SoftmaxStatistics& s) const { return 3 * real(s.tokens) * real(s.columns); }
  double operator()(const Regroup&) const { return 0; }
  double operator()(const LossSum& s) const { return real(s.micro_batches); }
  double operator()(const Zero&) const { return 0; }
  double operator()(const Dropout& d) const { return 2 * real(d.tokens) * real(d.width); }
};

struct Kind {
  std::string_view operator()(const Embedding&) const { return "embedding"; }
  std::string_view operator()(const LayerNorm&) const { return "layer norm"; }
  std::string_view operator()(const RmsNorm&) const { return "rms norm"; }
  std::string_view operator()(const Linear&) const { return "linear"; }
  std::string_view operator()(const Rope&) const { return "rope"; }
  std::string_view operator()(const Attention& a) const {
    return a.flash ? "attention" : "unfused attention";
  }
  std::string_view operator()(const Gelu&) const { return "gelu"; }
  std::string_view operator()(const SwiGlu&) const { return "swiglu"; }
  std::string_view operator()(const Add&) const { return "residual add"; }
  std::string_view operator()(const CrossEntropy&) const { return "cross entropy"; }
  std::string_view operator()(const SquaredNorm&) const { return "squared norm"; }
  std::string_view operator()(const ClipFactor&) const { return "clip factor"; }
  std::string_view operator()(const AdamW&) const { return "adamw"; }
  std::string_view operator()(const Accumulate&) const { return "accumulate"; }
  std::string_view operator()(const Positions&) const { return "positions"; }
  std::string_view operator()(const Bias&) const { return "bias"; }
  std::string_view operator()(const SoftmaxStatistics&) const { return "softmax statistics"; }
  std::string_view operator()(const Regroup& r) const {
    switch (r.how) {
      case Regrouping::gather: return "gather tokens";
      case Regrouping::scatter: return "scatter sums";
      case Regrouping::sum: return "sum";
      case Regrouping::copy: return "copy";
    }
    return "?";
  }
  std::string_view operator()(const LossSum&) const { return "loss sum"; }
  std::string_view operator()(const Zero&) const { return "zero"; }
  std::string_view operator()(const Dropout&) const { return "dropout"; }
};

struct HasPass {
  Pass pass;
  bool any(std::initializer_list<Pass> passes) const {
    return std::ranges::find(passes, pass) != passes.end();
  }
  bool operator()(const Embedding&) const { return any({Pass::forward, Pass::weight_gradient}); }
  bool operator()(const LayerNorm&) const { return pass != Pass::update; }
  bool operator()(const RmsNorm&) const { return pass != Pass::update; }
  bool operator()(const Linear&) const { return pass != Pass::update; }
  bool operator()(const Rope&) const { return any({Pass::forward, Pass::input_gradient}); }
  bool operator()(const Attention&) const { return any({Pass::forward, Pass::input_gradient}); }
  bool operator()(const Gelu&) const { return any({Pass::forward, Pass::input_gradient}); }
  bool operator()(const SwiGlu&) const { return any({Pass::forward, Pass::input_gradient}); }
  bool operator()(const Add&) const { return pass == Pass::forward; }
  bool operator()(const CrossEntropy&) const { return pass == Pass::forward; }
  bool operator()(const SquaredNorm&) const { return pass == Pass::update; }
  bool operator()(const ClipFactor&) const { return pass == Pass::update; }
  bool operator()(const AdamW&) const { return pass == Pass::update; }
  bool operator()(const Accumulate&) const { return pass == Pass::update; }
  bool operator()(const Positions&) const { return any({Pass::forward, Pass::weight_gradient}); }
  bool operator()(const Bias&) const { return any({Pass::forward, Pass::weight_gradient}); }
  bool operator()(const SoftmaxStatistics&) const { return pass == Pass::forward; }
  bool operator()(const Regroup& r) const {
    return pass == Pass::forward || (pass == Pass::input_gradient && r.how != Regrouping::sum);
  }
  bool operator()(const LossSum&) const { return pass == Pass::update; }
  bool operator()(const Zero&) const { return pass == Pass::update; }
  bool operator()(const Dropout&) const { return any({Pass::forward, Pass::input_gradient}); }
};

/// Bytes of an operand that really move: of a table only the rows that occur are read and written.
Bytes moved(const Op& op, const Operand& operand) {
  const auto* embedding = std::get_if<Embedding>(&op.what);
  if (embedding != nullptr && operand.name == "table")
    return {embedding->tokens * embedding->hidden * size_of(operand.type)};
  // A first weight gradient writes the whole table (zero where no token was), a later one adds to rows.
  if (embedding != nullptr && operand.name == "dtable" && op.accumulate)
    return {embedding->tokens * embedding->hidden * size_of(operand.type)};
  return operand.bytes();
}

}  // namespace

bool has_pass(const What& what, Pass pass) { return std::visit(HasPass{pass}, what); }

Flops flops(const Op& op) { return {std::visit(Count{op.pass}, op.what)}; }

Bytes traffic(const Op& op) {
  Bytes sum{};
  for (const Operand& operand : operands(op))
    if (operand.role != Role::workspace) sum += moved(op, operand) * (operand.access == Access::add ? 2 : 1);
  return sum;
}

std::string_view kind_name(const What& what) { return std::visit(Kind{}, what); }

std::string_view name_of(Pass pass) {
  switch (pass) {
    case Pass::forward: return "forward";
    case Pass::input_gradient: return "input gradient";
    case Pass::weight_gradient: return "weight gradient";
    case Pass::update: return "update";
  }
  return "?";
}

std::string class_name(const Op& op) {
  if (op.pass == Pass::update) return std::string(kind_name(op.what));
  return fmt::format("{} {}", kind_name(op.what), name_of(op.pass));
}

const std::array<What, std::variant_size_v<What>>& catalogue() {
  static const std::array<What, std::variant_size_v<What>> all{
      Embedding{}, LayerNorm{}, RmsNorm{},           Linear{},      Rope{},       Attention{}, Gelu{},
      SwiGlu{},    Add{},       CrossEntropy{},      SquaredNorm{}, ClipFactor{}, AdamW{},     Accumulate{},
      Positions{}, Bias{},      SoftmaxStatistics{}, Regroup{},     LossSum{},    Zero{},      Dropout{}};
  return all;
}

}  // namespace ds::ops
