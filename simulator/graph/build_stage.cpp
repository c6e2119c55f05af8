#include <fmt/format.h>

#include <cmath>

#include "simulator/base/error.h"
#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

using ops::Pass;
using ops::Role;
using workload::Model;

// GPT-2's start values (Radford et al. 2019, section 2.3): N(0, 0.02), the projections that feed the residual stream
// divided by sqrt(2 layers).
constexpr double kDeviation = 0.02;

class Builder {
 public:
  Builder(const Model& model, const StageOptions& options) : model_(model), options_(options) {
    tokens_ = options.batch * options.sequence;
    layer_norms_ = model.family == workload::Family::gpt;
    biases_ = layer_norms_;
  }

  Stage build() {
    TensorIndex x = options_.embedding ? embed() : activation("input", {{tokens_, model_.hidden}, 2});
    for (std::int32_t l = 0; l < options_.layers; ++l) x = layer(options_.first_layer + l, x);
    if (options_.head) head(x);
    return std::move(stage_);
  }

 private:
  TensorIndex tensor(std::string name, ops::Shape shape, DataType type, Role role) {
    stage_.tensors.push_back({.name = std::move(name), .shape = shape, .type = type, .role = role});
    return static_cast<TensorIndex>(stage_.tensors.size()) - 1;
  }
  std::string in_layer(std::string_view name) const {
    return layer_ == kNone ? std::string(name) : fmt::format("layers.{}.{}", layer_, name);
  }
  TensorIndex activation(std::string_view name, ops::Shape shape) {
    return tensor(in_layer(name), shape, options_.type, Role::activation);
  }
  TensorIndex parameter(std::string_view name, ops::Shape shape, Init init, double deviation = 0) {
    stage_.parameters.push_back({.name = in_layer(name),
                                 .shape = shape,
                                 .init = init,
                                 .deviation = deviation,
                                 .decays = shape.rank > 1,
                                 .layer = layer_});
    const TensorIndex t = tensor(in_layer(name), shape, options_.type, Role::weight);
    stage_.tensors.back().parameter = static_cast<ParameterIndex>(stage_.parameters.size()) - 1;
    return t;
  }

  /// Adds a node; operands that are not in `given` (result and saved tensors) are made, and the first result returned.
  TensorIndex node(ops::What what, std::string_view name, std::vector<TensorIndex> given) {
    const ops::Op op{what, Pass::forward, options_.type};
    const ops::Operands operands = ops::operands(op);
    const std::size_t first_result = given.size();
    for (int i = static_cast<int>(first_result); i < operands.size(); ++i) {
      const ops::Operand& operand = operands[i];
      const std::string full =
          i == static_cast<int>(first_result) ? std::string(name) : fmt::format("{}.{}", name, operand.name);
      given.push_back(tensor(in_layer(full), operand.shape, operand.type, operand.role));
    }
    const TensorIndex result = given[first_result < given.size() ? first_result : 0];
    stage_.forward.push_back({.op = op, .operands = std::move(given), .layer = layer_});
    return result;
  }

  TensorIndex embed() {
    const TensorIndex ids = tensor("ids", {{tokens_}, 1}, DataType::int32, Role::tokens);
    table_ =
        parameter("embedding.tokens", {{options_.padded_vocab, model_.hidden}, 2}, Init::normal, kDeviation);
    const bool learned = model_.position == workload::Position::learned;
    std::vector<TensorIndex> given{ids, table_};
    if (learned)
      given.push_back(parameter("embedding.positions", {{options_.sequence, model_.hidden}, 2}, Init::normal,
                                kDeviation));
    return node(ops::Embedding{tokens_, options_.sequence, model_.hidden, options_.padded_vocab, learned},
                "embedded", std::move(given));
  }

  TensorIndex norm(std::string_view name, TensorIndex x) {
    const TensorIndex gain = parameter(fmt::format("{}.gain", name), {{model_.hidden}, 1}, Init::one);
    const std::string result = fmt::format("{}.y", name);
    if (!layer_norms_) return node(ops::RmsNorm{tokens_, model_.hidden}, result, {x, gain});
    const TensorIndex bias = parameter(fmt::format("{}.bias", name), {{model_.hidden}, 1}, Init::zero);
    return node(ops::LayerNorm{tokens_, model_.hidden}, result, {x, gain, bias});
  }

  TensorIndex linear(std::string_view name, std::string_view result, TensorIndex x, std::int64_t inputs,
                     std::int64_t outputs, double deviation) {
    std::vector<TensorIndex> given{
        x, parameter(fmt::format("{}.weight", name), {{outputs, inputs}, 2}, Init::normal, deviation)};
    if (biases_) given.push_back(parameter(fmt::format("{}.bias", name), {{outputs}, 1}, Init::zero));
    return node(ops::Linear{tokens_, inputs, outputs, biases_}, result, std::move(given));
  }

  /// One table for all layers of the stage.
  TensorIndex rope_table() {
    if (rope_table_ == kNone)
      rope_table_ =
          tensor("rope.table", {{options_.sequence, model_.head_dim}, 2}, options_.type, Role::table);
    return rope_table_;
  }

  TensorIndex attention(TensorIndex x) {
    const std::int64_t q = model_.heads * model_.head_dim, kv = model_.kv_heads * model_.head_dim;
    const TensorIndex qkv =
        linear("attention.qkv", "attention.qkv", x, model_.hidden, q + 2 * kv, kDeviation);
    if (model_.position == workload::Position::rope)
      node(ops::Rope{tokens_, options_.sequence, model_.heads, model_.kv_heads, model_.head_dim}, "rope",
           {qkv, rope_table()});
    const TensorIndex o = node(ops::Attention{options_.batch, options_.sequence, model_.heads,
                                              model_.kv_heads, model_.head_dim, options_.flash},
                               "attention.o", {qkv});
    return linear("attention.projection", "attention.projected", o, q, model_.hidden, residual_deviation());
  }

  TensorIndex mlp(TensorIndex x) {
    const std::int64_t ffn = model_.ffn_hidden;
    const TensorIndex h =
        linear("mlp.up", "mlp.h", x, model_.hidden, model_.gated_mlp ? 2 * ffn : ffn, kDeviation);
    const TensorIndex g = model_.gated_mlp ? node(ops::SwiGlu{tokens_, ffn}, "mlp.activated", {h})
                                           : node(ops::Gelu{tokens_, ffn}, "mlp.activated", {h});
    return linear("mlp.down", "mlp.projected", g, ffn, model_.hidden, residual_deviation());
  }

  TensorIndex layer(std::int32_t index, TensorIndex x) {
    layer_ = index;
    const ops::Add add{tokens_, model_.hidden};
    const TensorIndex middle = node(add, "middle", {x, attention(norm("attention.norm", x))});
    const TensorIndex y = node(add, "output", {middle, mlp(norm("mlp.norm", middle))});
    layer_ = kNone;
    return y;
  }

  void head(TensorIndex x) {
    const TensorIndex normed = norm("final_norm", x);
    TensorIndex weight = kNone;
    if (model_.tied_embeddings && options_.embedding) {
      weight = table_;
      stage_.parameters[static_cast<std::size_t>(stage_.tensors[static_cast<std::size_t>(table_)].parameter)]
          .uses = 2;
    } else {
      weight =
          parameter("head.weight", {{options_.padded_vocab, model_.hidden}, 2}, Init::normal, kDeviation);
    }
    const TensorIndex logits =
        node(ops::Linear{tokens_, model_.hidden, options_.padded_vocab, false}, "logits", {normed, weight});
    const TensorIndex targets = tensor("targets", {{tokens_}, 1}, DataType::int32, Role::tokens);
    node(ops::CrossEntropy{tokens_, model_.vocab, options_.padded_vocab, options_.loss_scale}, "loss",
         {logits, targets});
  }

  double residual_deviation() const {
    return kDeviation / std::sqrt(2.0 * static_cast<double>(model_.layers));
  }

  const Model& model_;
  const StageOptions& options_;
  Stage stage_;
  std::int64_t tokens_{};
  std::int32_t layer_{kNone};
  TensorIndex table_{kNone}, rope_table_{kNone};
  bool layer_norms_{}, biases_{};
};

}  // namespace

Stage build_stage(const workload::Model& model, const StageOptions& options) {
  ensure(options.layers >= 0 && options.batch > 0 && options.sequence > 0, "a stage has layers and tokens");
  return Builder(model, options).build();
}

}  // namespace ds::graph
