#include <cmath>

#include "simulator/cost/cost.h"

namespace ds::cost {
namespace {

double log_of(std::int64_t n) { return std::log(static_cast<double>(n)); }

struct Sizes {
  std::vector<double> operator()(const ops::Embedding& e) const {
    return {log_of(e.tokens), log_of(e.hidden)};
  }
  std::vector<double> operator()(const ops::LayerNorm& n) const {
    return {log_of(n.tokens), log_of(n.hidden)};
  }
  std::vector<double> operator()(const ops::RmsNorm& n) const { return {log_of(n.tokens), log_of(n.hidden)}; }
  std::vector<double> operator()(const ops::Linear& n) const {
    return {log_of(n.tokens), log_of(n.inputs), log_of(n.outputs)};
  }
  std::vector<double> operator()(const ops::Rope& r) const {
    return {log_of(r.tokens * (r.heads + r.kv_heads) * r.head_dim)};
  }
  std::vector<double> operator()(const ops::Attention& a) const {
    return {log_of(a.batch * a.heads), log_of(a.sequence), log_of(a.head_dim)};
  }
  std::vector<double> operator()(const ops::Gelu& g) const { return {log_of(g.tokens * g.width)}; }
  std::vector<double> operator()(const ops::SwiGlu& g) const { return {log_of(g.tokens * g.width)}; }
  std::vector<double> operator()(const ops::Add& a) const { return {log_of(a.tokens * a.width)}; }
  std::vector<double> operator()(const ops::CrossEntropy& c) const {
    return {log_of(c.tokens), log_of(c.columns)};
  }
  std::vector<double> operator()(const ops::SquaredNorm& n) const { return {log_of(n.elements)}; }
  std::vector<double> operator()(const ops::ClipFactor&) const { return {0.0}; }
  std::vector<double> operator()(const ops::LossSum& s) const { return {log_of(s.micro_batches)}; }
  std::vector<double> operator()(const ops::Zero& z) const { return {log_of(z.elements)}; }
  std::vector<double> operator()(const ops::Positions& p) const { return {log_of(p.tokens * p.hidden)}; }
  std::vector<double> operator()(const ops::Bias& b) const { return {log_of(b.tokens * b.width)}; }
  std::vector<double> operator()(const ops::Dropout& d) const { return {log_of(d.tokens * d.width)}; }
  std::vector<double> operator()(const ops::SoftmaxStatistics& s) const {
    return {log_of(s.tokens), log_of(s.columns)};
  }
  std::vector<double> operator()(const ops::Regroup& r) const { return {log_of(r.tokens * r.width)}; }
  std::vector<double> operator()(const ops::AdamW& a) const { return {log_of(a.elements)}; }
  std::vector<double> operator()(const ops::Accumulate& a) const { return {log_of(a.elements)}; }
};

bool is_product(const ops::What& what) {
  return std::holds_alternative<ops::Linear>(what) || std::holds_alternative<ops::Attention>(what);
}

}  // namespace

Features features(const ops::Op& op) {
  const bool product = is_product(op.what);
  const double work = product ? ops::flops(op).value : static_cast<double>(ops::traffic(op).value);
  return {std::visit(Sizes{}, op.what), work, product};
}

}  // namespace ds::cost
