#include "simulator/base/error.h"
#include "simulator/ops/ops.h"

namespace ds::ops {
namespace {

constexpr DataType kScalarType = DataType::fp64;

Shape vector(std::int64_t n) { return {{n}, 1}; }
Shape matrix(std::int64_t rows, std::int64_t columns) { return {{rows, columns}, 2}; }

/// Collects the operands of one operator; every line below reads as in the operator's formula.
struct List {
  const Op& op;
  Operands out;

  Access gradient_access() const { return op.accumulate ? Access::add : Access::write; }
  void add(std::string_view name, Access access, Role role, Shape shape) {
    out.push_back({name, access, role, op.type, shape});
  }
  void in(std::string_view name, Shape shape) { add(name, Access::read, Role::activation, shape); }
  void result(std::string_view name, Shape shape) { add(name, Access::write, Role::activation, shape); }
  void weight(std::string_view name, Shape shape) { add(name, Access::read, Role::weight, shape); }
  void gradient(std::string_view name, Shape shape) {
    typed(name, gradient_access(), Role::gradient, gradient_type(op), shape);
  }
  void workspace(std::string_view name, Shape shape) { add(name, Access::write, Role::workspace, shape); }
  void typed(std::string_view name, Access access, Role role, DataType type, Shape shape) {
    out.push_back({name, access, role, type, shape});
  }
};

[[noreturn]] void no_such_pass() {
  fail_ensure("has_pass", "the operator has this pass", __FILE__, __LINE__);
}

void list(List& l, const Embedding& e) {
  l.typed("ids", Access::read, Role::tokens, DataType::int32, vector(e.tokens));
  if (l.op.pass == Pass::forward) {
    l.weight("table", matrix(e.vocab, e.hidden));
    if (e.positions) l.weight("positions", matrix(e.sequence, e.hidden));
    l.result("y", matrix(e.tokens, e.hidden));
    return;
  }
  l.in("dy", matrix(e.tokens, e.hidden));
  l.gradient("dtable", matrix(e.vocab, e.hidden));
  if (e.positions) l.gradient("dpositions", matrix(e.sequence, e.hidden));
  // Token positions sorted by id, so that a row's gradients are summed before they are added; then one row of sums.
  l.typed("order", Access::write, Role::workspace, DataType::int32, vector(e.tokens));
  l.workspace("row", vector(e.hidden));
}

void list(List& l, const LayerNorm& n) {
  const Shape x = matrix(n.tokens, n.hidden);
  if (l.op.pass == Pass::forward) {
    l.in("x", x);
    l.weight("gain", vector(n.hidden));
    l.weight("bias", vector(n.hidden));
    l.result("y", x);
    l.result("mean", vector(n.tokens));
    l.result("inv_std", vector(n.tokens));
    return;
  }
  l.in("dy", x);
  l.in("x", x);
  l.in("mean", vector(n.tokens));
  l.in("inv_std", vector(n.tokens));
  if (l.op.pass == Pass::input_gradient) {
    l.weight("gain", vector(n.hidden));
    if (n.residual) l.in("residual", x);
    l.result("dx", x);
  } else {
    l.gradient("dgain", vector(n.hidden));
    l.gradient("dbias", vector(n.hidden));
    l.workspace("sums", matrix(2, n.hidden));
  }
}

void list(List& l, const RmsNorm& n) {
  const Shape x = matrix(n.tokens, n.hidden);
  if (l.op.pass == Pass::forward) {
    l.in("x", x);
    l.weight("gain", vector(n.hidden));
    l.result("y", x);
    l.result("inv_rms", vector(n.tokens));
    return;
  }
  l.in("dy", x);
  l.in("x", x);
  l.in("inv_rms", vector(n.tokens));
  if (l.op.pass == Pass::input_gradient) {
    l.weight("gain", vector(n.hidden));
    if (n.residual) l.in("residual", x);
    l.result("dx", x);
  } else {
    l.gradient("dgain", vector(n.hidden));
    l.workspace("sums", vector(n.hidden));
  }
}

void list(List& l, const Linear& n) {
  const Shape weight = matrix(n.outputs, n.inputs), x = matrix(n.tokens, n.inputs),
              y = matrix(n.tokens, n.outputs);
  switch (l.op.pass) {
    case Pass::forward:
      l.in("x", x);
      l.weight("weight", weight);
      if (n.bias) l.weight("bias", vector(n.outputs));
      l.result("y", y);
      return;
    case Pass::input_gradient:
      l.in("dy", y);
      l.weight("weight", weight);
      l.result("dx", x);
      return;
    case Pass::weight_gradient:
      l.in("dy", y);
      l.in("x", x);
      l.gradient("dweight", weight);
      if (n.bias) {
        l.gradient("dbias", vector(n.outputs));
        l.workspace("sums", vector(n.outputs));
      }
      return;
    case Pass::update: break;
  }
  no_such_pass();
}

void list(List& l, const Rope& r) {
  const Shape qkv = matrix(r.tokens, (r.heads + 2 * r.kv_heads) * r.head_dim);
  l.add(l.op.pass == Pass::forward ? "qkv" : "dqkv", Access::add, Role::activation, qkv);
  l.add("table", Access::read, Role::table, matrix(r.sequence, r.head_dim));
}

void list(List& l, const Attention& a) {
  const Shape qkv = matrix(a.tokens(), (a.heads + 2 * a.kv_heads) * a.head_dim);
  const Shape o = matrix(a.tokens(), a.heads * a.head_dim);
  const Shape rows = {{a.batch, a.heads, a.sequence}, 3};
  const Shape scores = {{a.batch, a.heads, a.sequence, a.sequence}, 4};
  if (l.op.pass == Pass::forward) {
    l.in("qkv", qkv);
    l.result("o", o);
    l.result(a.flash ? "lse" : "probabilities", a.flash ? rows : scores);
    return;
  }
  l.in("do", o);
  l.in("qkv", qkv);
  if (a.flash) {
    l.in("o", o);
    l.in("lse", rows);
    l.result("dqkv", qkv);
    l.workspace("delta", vector(a.sequence));  // row sums of do * o, one head at a time
  } else {
    l.in("probabilities", scores);
    l.result("dqkv", qkv);
    l.workspace("dscores", matrix(a.sequence, a.sequence));  // one head at a time
  }
}

void list(List& l, const Gelu& g) {
  const Shape x = matrix(g.tokens, g.width);
  if (l.op.pass != Pass::forward) l.in("dy", x);
  l.in("x", x);
  l.result(l.op.pass == Pass::forward ? "y" : "dx", x);
}

void list(List& l, const SwiGlu& g) {
  const Shape x = matrix(g.tokens, 2 * g.width), y = matrix(g.tokens, g.width);
  if (l.op.pass != Pass::forward) l.in("dy", y);
  l.in("x", x);
  if (l.op.pass == Pass::forward)
    l.result("y", y);
  else
    l.result("dx", x);
}

void list(List& l, const Add& a) {
  const Shape x = matrix(a.tokens, a.width);
  l.in("a", x);
  l.in("b", x);
  l.result("y", x);
}

/// Of statistics and sums of softmax: at least fp32.
DataType wide(DataType type) { return type == DataType::fp64 ? DataType::fp64 : DataType::fp32; }

void list(List& l, const SoftmaxStatistics& s) {
  l.in("logits", matrix(s.tokens, s.columns));
  l.typed("targets", Access::read, Role::tokens, DataType::int32, vector(s.tokens));
  l.typed("statistics", Access::write, Role::activation, wide(l.op.type), matrix(s.tokens, 3));
}

void list(List& l, const CrossEntropy& c) {
  l.add("logits", Access::add, Role::activation, matrix(c.tokens, c.columns));
  l.typed("targets", Access::read, Role::tokens, DataType::int32, vector(c.tokens));
  if (c.shards > 1)
    l.typed("statistics", Access::read, Role::activation, wide(l.op.type), matrix(c.shards * c.tokens, 3));
  l.typed("loss", Access::write, Role::scalar, kScalarType, vector(1));
}

void list(List& l, const SquaredNorm& n) {
  l.add("gradient", Access::read, Role::gradient, vector(n.elements));
  l.typed("sums", n.first ? Access::write : Access::add, Role::scalar, kScalarType, vector(3));
}

void list(List& l, const LossSum& s) {
  l.typed("losses", Access::read, Role::scalar, kScalarType, vector(s.micro_batches));
  l.typed("sums", Access::add, Role::scalar, kScalarType, vector(3));
}

void list(List& l, const ClipFactor&) {
  l.typed("sums", Access::read, Role::scalar, kScalarType, vector(3));
  l.typed("scalars", Access::write, Role::scalar, kScalarType, vector(4));
}

void list(List& l, const Zero& z) { l.add("a", Access::write, Role::gradient, vector(z.elements)); }

/// Master weights and moments are fp32 where training is narrower; `type` is theirs.
void list(List& l, const AdamW& a) {
  const Shape flat = vector(a.elements);
  l.typed("control", Access::read, Role::scalar, kScalarType, vector(2));
  l.typed("scalars", Access::read, Role::scalar, kScalarType, vector(4));
  l.typed("gradient", Access::read, Role::gradient, a.copies_down ? l.op.gradient_type : gradient_type(l.op),
          flat);
  l.add("weight", Access::add, Role::weight, flat);
  l.add("first_moment", Access::add, Role::state, flat);
  l.add("second_moment", Access::add, Role::state, flat);
  if (a.copies_down) l.typed("working", Access::write, Role::weight, a.working_type, flat);
}

void list(List& l, const Accumulate& a) {
  l.add("a", Access::add, Role::gradient, vector(a.elements));
  l.add("b", Access::read, Role::gradient, vector(a.elements));
}

void list(List& l, const Positions& p) {
  const Shape x = matrix(p.tokens, p.hidden);
  if (l.op.pass == Pass::forward) {
    l.add("x", Access::add, Role::activation, x);
    l.weight("table", matrix(p.sequence, p.hidden));
  } else {
    l.in("dx", x);
    l.gradient("dtable", matrix(p.sequence, p.hidden));
    l.workspace("row", vector(p.hidden));
  }
}

void list(List& l, const Bias& b) {
  const Shape x = matrix(b.tokens, b.width);
  if (l.op.pass == Pass::forward) {
    l.add("x", Access::add, Role::activation, x);
    l.weight("bias", vector(b.width));
  } else {
    l.in("dx", x);
    l.gradient("dbias", vector(b.width));
    l.workspace("sums", vector(b.width));
  }
}

void list(List& l, const Dropout& d) {
  const Shape x = matrix(d.tokens, d.width);
  const bool forward = l.op.pass == Pass::forward;
  l.add(forward ? "x" : "dx", Access::add, Role::activation, x);
  // A byte per element, whatever the byte means.
  l.typed("mask", forward ? Access::write : Access::read, Role::activation, DataType::fp8, x);
}

void list(List& l, const Regroup& r) {
  const Shape whole = matrix(r.tokens, r.width), shard = matrix(r.tokens / r.shards, r.width);
  const bool forward = l.op.pass == Pass::forward, gather = r.how == Regrouping::gather;
  switch (r.how) {
    case Regrouping::gather:
    case Regrouping::scatter:
      l.in(forward ? "x" : "dy", gather == forward ? shard : whole);
      l.result(forward ? "y" : "dx", gather == forward ? whole : shard);
      return;
    case Regrouping::sum: l.add("x", Access::add, Role::activation, whole); return;
    case Regrouping::copy:
      if (forward)
        l.in("x", whole);
      else
        l.add("dx", Access::add, Role::activation, whole);
      return;
  }
}

}  // namespace

std::int64_t Shape::elements() const {
  std::int64_t n = 1;
  for (int i = 0; i < rank; ++i) n *= size[static_cast<std::size_t>(i)];
  return n;
}

void Operands::push_back(const Operand& operand) {
  ensure(count_ < kMaxOperands, "an operator has at most kMaxOperands operands");
  list_[static_cast<std::size_t>(count_++)] = operand;
}

int Operands::find(std::string_view name) const {
  for (int i = 0; i < count_; ++i)
    if (list_[static_cast<std::size_t>(i)].name == name) return i;
  return -1;
}

DataType gradient_type(const Op& op) {
  return op.type == DataType::fp64 || op.type == DataType::fp32 ? op.type : op.gradient_type;
}

Operands operands(const Op& op) {
  if (!has_pass(op.what, op.pass)) no_such_pass();
  List l{op, {}};
  std::visit([&](const auto& what) { list(l, what); }, op.what);
  return l.out;
}

}  // namespace ds::ops
