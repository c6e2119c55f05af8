#include <fmt/format.h>

#include <cmath>

#include "simulator/base/error.h"
#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

using ops::Role;
using workload::Model;

// GPT-2's start values (Radford et al. 2019, section 2.3): N(0, 0.02), the projections that feed the residual stream
// divided by sqrt(2 layers).
constexpr double kDeviation = 0.02;

class Builder {
 public:
  Builder(const Model& model, const StageOptions& options) : model_(model), options_(options) {
    tokens_ = options.batch * options.sequence;
    local_tokens_ = options.sequence_parallel ? tokens_ / options.tp : tokens_;
    layer_norms_ = model.family == workload::Family::gpt;
    biases_ = layer_norms_;
  }

  Stage build() {
    TensorIndex x = kNone;
    if (options_.embedding)
      x = embed();
    else
      x = stage_.input = activation("input", {{local_tokens_, model_.hidden}, 2});
    if (options_.layers > 0) x = layers(options_.layers, x);
    if (options_.head)
      head(x);
    else
      stage_.output = x;
    return std::move(stage_);
  }

 private:
  TensorIndex tensor(std::string name, ops::Shape shape, DataType type, Role role) {
    stage_.tensors.push_back({.name = std::move(name), .shape = shape, .type = type, .role = role});
    return static_cast<TensorIndex>(stage_.tensors.size()) - 1;
  }
  std::string in_layer(std::string_view name) const {
    return layer_ == kNone ? std::string(name) : fmt::format("layers.{}", name);
  }
  TensorIndex activation(std::string_view name, ops::Shape shape) {
    return tensor(in_layer(name), shape, options_.type, Role::activation);
  }
  /// A parameter of which every rank holds the whole; it sees the rank's part of the tokens.
  TensorIndex parameter(std::string_view name, ops::Shape shape, Init init, double deviation = 0) {
    return parameter(name, shape, init, deviation, {}, options_.sequence_parallel);
  }
  TensorIndex parameter(std::string_view name, ops::Shape shape, Init init, double deviation, Cut cut,
                        bool partial_gradient = false) {
    stage_.parameters.push_back({.name = std::string(name),
                                 .shape = shape,
                                 .init = init,
                                 .deviation = deviation,
                                 .decays = shape.rank > 1,
                                 .layer = layer_,
                                 .cut = std::move(cut),
                                 .partial_gradient = partial_gradient});
    const TensorIndex t = tensor(in_layer(name), shape, options_.type, Role::weight);
    stage_.tensors.back().parameter = static_cast<ParameterIndex>(stage_.parameters.size()) - 1;
    return t;
  }

  /// Adds a node; operands that are not in `given` (result and saved tensors) are made, and the first result returned.
  TensorIndex node(ops::What what, std::string_view name, std::vector<TensorIndex> given) {
    ops::Op op{.what = what, .type = options_.type, .gradient_type = options_.gradient_type};
    // Statistics of softmax are as wide as their sums.
    if (!given.empty() && std::holds_alternative<ops::Regroup>(what))
      op.type = stage_.tensors[static_cast<std::size_t>(given[0])].type;
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

  bool cut() const { return options_.tp > 1; }
  /// Of what has a row for each token.
  Cut vocabulary_cut() const {
    Cut rows = cut_in(0, {options_.padded_vocab});
    rows.padding_rows = options_.padded_vocab - model_.vocab;
    return rows;
  }
  Cut cut_in(std::int32_t dimension, std::initializer_list<std::int64_t> sizes) const {
    if (!cut()) return {};
    Cut result{dimension, {}};
    for (const std::int64_t size : sizes) result.blocks.push_back({size, options_.tp});
    return result;
  }
  bool in_fp8() const { return options_.fp8.on() && layer_ != kNone; }
  /// What a layer's product takes.
  TensorIndex quantised(std::string_view name, TensorIndex x) {
    if (!in_fp8()) return x;
    const ops::Shape shape = stage_.tensors[static_cast<std::size_t>(x)].shape;
    return node(ops::Quantise{shape.size[0], shape.size[1], options_.fp8.forms, options_.fp8.reads},
                fmt::format("{}.fp8", name), {x});
  }
  TensorIndex quantised_weight(std::string_view name, TensorIndex weight) {
    if (!in_fp8()) return weight;
    const Tensor given = stage_.tensors[static_cast<std::size_t>(weight)];
    stage_.parameters[static_cast<std::size_t>(given.parameter)].fp8 = true;
    const TensorIndex narrow =
        tensor(in_layer(fmt::format("{}.fp8", name)), given.shape, DataType::fp8, Role::weight);
    stage_.tensors.back().parameter = given.parameter;
    return narrow;
  }
  TensorIndex regroup(ops::Regrouping how, std::string_view name, TensorIndex x, std::int64_t tokens,
                      std::int64_t width) {
    return node(ops::Regroup{how, tokens, width, options_.tp}, name, {x});
  }
  /// Into a tensor-parallel region: all tokens on every rank.
  TensorIndex enter(std::string_view name, TensorIndex x) {
    if (!cut()) return x;
    if (!options_.sequence_parallel) return regroup(ops::Regrouping::copy, name, x, tokens_, model_.hidden);
    return regroup(ops::Regrouping::gather, fmt::format("{}.gathered", name), x, tokens_, model_.hidden);
  }
  /// Out of it: the sum of all ranks' results, of the rank's part of the tokens.
  TensorIndex leave(std::string_view name, TensorIndex x) {
    if (!cut()) return x;
    if (!options_.sequence_parallel) return regroup(ops::Regrouping::sum, name, x, tokens_, model_.hidden);
    return regroup(ops::Regrouping::scatter, fmt::format("{}.scattered", name), x, tokens_, model_.hidden);
  }

  TensorIndex embed() {
    const TensorIndex ids = tensor("ids", {{tokens_}, 1}, DataType::int32, Role::tokens);
    const std::int64_t rows = options_.padded_vocab / options_.tp, hidden = model_.hidden;
    table_ = parameter("embedding.tokens", {{rows, hidden}, 2}, Init::normal, kDeviation, vocabulary_cut());
    stage_.parameters.back().token_table = true;
    const bool learned = model_.position == workload::Position::learned;
    std::vector<TensorIndex> given{ids, table_};
    if (learned && !cut()) given.push_back(positions());
    TensorIndex x = node(ops::Embedding{.tokens = tokens_,
                                        .sequence = options_.sequence,
                                        .hidden = hidden,
                                        .vocab = rows,
                                        .positions = learned && !cut(),
                                        .shards = options_.tp},
                         "embedded", std::move(given));
    x = leave("embedded", x);
    if (learned && cut())
      node(ops::Positions{.tokens = local_tokens_,
                          .sequence = options_.sequence,
                          .hidden = hidden,
                          .shards = options_.sequence_parallel ? options_.tp : 1},
           "positions", {x, positions()});
    return dropped("embedded", x);
  }
  TensorIndex positions() {
    return parameter("embedding.positions", {{options_.sequence, model_.hidden}, 2}, Init::normal,
                     kDeviation);
  }
  TensorIndex dropped(std::string_view name, TensorIndex x) {
    if (options_.dropout > 0) node(ops::Dropout{local_tokens_, model_.hidden}, name, {x});
    return x;
  }

  TensorIndex norm(std::string_view name, TensorIndex x) {
    const TensorIndex gain = parameter(fmt::format("{}.gain", name), {{model_.hidden}, 1}, Init::one);
    const std::string result = fmt::format("{}.y", name);
    if (!layer_norms_) return node(ops::RmsNorm{local_tokens_, model_.hidden}, result, {x, gain});
    const TensorIndex bias = parameter(fmt::format("{}.bias", name), {{model_.hidden}, 1}, Init::zero);
    return node(ops::LayerNorm{local_tokens_, model_.hidden}, result, {x, gain, bias});
  }

  /// Outputs are cut, block by block: each rank computes its part of each block for all tokens.
  TensorIndex wide_linear(std::string_view name, std::string_view result, TensorIndex x, std::int64_t inputs,
                          std::initializer_list<std::int64_t> outputs, double deviation) {
    std::int64_t sum = 0;
    for (const std::int64_t block : outputs) sum += block;
    const std::int64_t rows = sum / options_.tp;
    const TensorIndex weight = parameter(fmt::format("{}.weight", name), {{rows, inputs}, 2}, Init::normal,
                                         deviation, cut_in(0, outputs));
    std::vector<TensorIndex> given{x, quantised_weight(fmt::format("{}.weight", name), weight)};
    if (biases_)
      given.push_back(
          parameter(fmt::format("{}.bias", name), {{rows}, 1}, Init::zero, 0, cut_in(0, outputs)));
    return node(ops::Linear{tokens_, inputs, rows, biases_, in_fp8()}, result, std::move(given));
  }

  /// Inputs are cut: each rank has a part of the sum, so the bias is added after it.
  TensorIndex narrow_linear(std::string_view name, std::string_view result, TensorIndex x,
                            std::int64_t inputs) {
    const std::int64_t outputs = model_.hidden, columns = inputs / options_.tp;
    const TensorIndex weight = parameter(fmt::format("{}.weight", name), {{outputs, columns}, 2},
                                         Init::normal, residual_deviation(), cut_in(1, {inputs}));
    std::vector<TensorIndex> given{quantised(fmt::format("{}.x", name), x),
                                   quantised_weight(fmt::format("{}.weight", name), weight)};
    const auto bias = [&] { return parameter(fmt::format("{}.bias", name), {{outputs}, 1}, Init::zero); };
    const bool inside = biases_ && !cut();
    if (inside) given.push_back(bias());
    TensorIndex y = leave(
        result, node(ops::Linear{tokens_, columns, outputs, inside, in_fp8()}, result, std::move(given)));
    if (biases_ && !inside) y = node(ops::Bias{local_tokens_, outputs}, result, {y, bias()});
    return dropped(result, y);
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
    const std::int64_t heads = model_.heads / options_.tp, kv_heads = model_.kv_heads / options_.tp;
    const TensorIndex qkv = wide_linear("attention.qkv", "attention.qkv",
                                        enter("attention.norm.y", quantised("attention.norm.y", x)),
                                        model_.hidden, {q, kv, kv}, kDeviation);
    if (model_.position == workload::Position::rope)
      node(ops::Rope{tokens_, options_.sequence, heads, kv_heads, model_.head_dim}, "rope",
           {qkv, rope_table()});
    const TensorIndex o = node(
        ops::Attention{options_.batch, options_.sequence, heads, kv_heads, model_.head_dim, options_.flash},
        "attention.o", {qkv});
    return narrow_linear("attention.projection", "attention.projected", o, q);
  }

  TensorIndex mlp(TensorIndex x) {
    const std::int64_t ffn = model_.ffn_hidden, local = ffn / options_.tp;
    x = enter("mlp.norm.y", quantised("mlp.norm.y", x));
    if (model_.gated_mlp) {
      const TensorIndex h = wide_linear("mlp.up", "mlp.h", x, model_.hidden, {ffn, ffn}, kDeviation);
      return narrow_linear("mlp.down", "mlp.projected",
                           node(ops::SwiGlu{tokens_, local}, "mlp.activated", {h}), ffn);
    }
    const TensorIndex h = wide_linear("mlp.up", "mlp.h", x, model_.hidden, {ffn}, kDeviation);
    return narrow_linear("mlp.down", "mlp.projected", node(ops::Gelu{tokens_, local}, "mlp.activated", {h}),
                         ffn);
  }

  TensorIndex layers(std::int32_t count, TensorIndex x) {
    layer_ = static_cast<std::int32_t>(stage_.layers.size());
    const ops::Add add{local_tokens_, model_.hidden};
    const TensorIndex middle = node(add, "middle", {x, attention(norm("attention.norm", x))});
    const TensorIndex y = node(add, "output", {middle, mlp(norm("mlp.norm", middle))});
    stage_.layers.push_back({.count = count, .input = x, .output = y});
    layer_ = kNone;
    return y;
  }

  TensorIndex head_weight() {
    if (model_.tied_embeddings && options_.embedding) {
      stage_.parameters[static_cast<std::size_t>(stage_.tensors[static_cast<std::size_t>(table_)].parameter)]
          .uses = 2;
      return table_;
    }
    // A tied table that another stage holds as well has the same name there.
    const TensorIndex weight = parameter(model_.tied_embeddings ? "embedding.tokens" : "head.weight",
                                         {{options_.padded_vocab / options_.tp, model_.hidden}, 2},
                                         Init::normal, kDeviation, vocabulary_cut());
    stage_.parameters.back().token_table = model_.tied_embeddings;
    return weight;
  }

  void head(TensorIndex x) {
    const TensorIndex normed = enter("final_norm.y", norm("final_norm", x));
    const std::int64_t columns = options_.padded_vocab / options_.tp;
    const TensorIndex logits =
        node(ops::Linear{tokens_, model_.hidden, columns, false}, "logits", {normed, head_weight()});
    const TensorIndex targets = tensor("targets", {{tokens_}, 1}, DataType::int32, Role::tokens);
    std::vector<TensorIndex> given{logits, targets};
    if (cut()) {
      const TensorIndex mine = node(
          ops::SoftmaxStatistics{
              .tokens = tokens_, .vocab = model_.vocab, .columns = columns, .shards = options_.tp},
          "softmax.statistics", {logits, targets});
      given.push_back(
          regroup(ops::Regrouping::gather, "softmax.statistics.of_all", mine, tokens_ * options_.tp, 3));
    }
    node(ops::CrossEntropy{.tokens = tokens_,
                           .vocab = model_.vocab,
                           .columns = columns,
                           .scale = options_.loss_scale,
                           .shards = options_.tp,
                           .unfused = options_.unfused_loss},
         "loss", std::move(given));
  }

  double residual_deviation() const {
    return kDeviation / std::sqrt(2.0 * static_cast<double>(model_.layers));
  }

  const Model& model_;
  const StageOptions& options_;
  Stage stage_;
  std::int64_t tokens_{}, local_tokens_{};  // of the micro-batch; of the rank between tensor-parallel regions
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
