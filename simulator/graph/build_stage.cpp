// Tensors, parameters and products of a stage; embedding and head.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ranges>

#include "simulator/base/error.h"
#include "simulator/graph/stage_builder.h"

namespace ds::graph {

using ops::Role;
using workload::Norm;
using workload::Position;

StageBuilder::StageBuilder(const workload::Model& model, const StageOptions& options)
    : model_(model), options_(options) {
  tokens_ = options.batch * (options.sequence / options.cp);
  local_tokens_ = options.sequence_parallel ? tokens_ / options.tp : tokens_;
}

Stage StageBuilder::build() {
  TensorIndex x = kNone;
  if (options_.embedding)
    x = embed();
  else
    x = stage_.input = activation("input", {{local_tokens_, model_.hidden}, 2});
  if (!options_.kinds.empty()) {
    for (const LayerRun& run : layer_runs(options_.kinds)) x = layers(run, x);
  } else if (options_.layers > 0) {
    x = layers({{options_.kind}, options_.layers}, x);
  }
  if (options_.head)
    head(x);
  else
    stage_.output = x;
  for (std::int32_t module = 0; options_.head && module < options_.mtp; ++module) x = predict_further(x);
  return std::move(stage_);
}

TensorIndex StageBuilder::tensor(std::string name, ops::Shape shape, DataType type, Role role) {
  stage_.tensors.push_back({.name = std::move(name), .shape = shape, .type = type, .role = role});
  return static_cast<TensorIndex>(stage_.tensors.size()) - 1;
}

std::string StageBuilder::in_layer(std::string_view name) const {
  if (layer_ == kNone) return fmt::format("{}{}", prefix_, name);
  return member_ == 0 ? fmt::format("layers.{}", name) : fmt::format("layers+{}.{}", member_, name);
}

TensorIndex StageBuilder::activation(std::string_view name, ops::Shape shape) {
  return tensor(in_layer(name), shape, options_.type, Role::activation);
}

TensorIndex StageBuilder::parameter(std::string_view name, ops::Shape shape, Init init, double deviation) {
  return parameter(name, shape, init, deviation, {}, options_.sequence_parallel);
}

TensorIndex StageBuilder::parameter(std::string_view name, ops::Shape shape, Init init, double deviation,
                                    Cut cut, bool partial_gradient) {
  stage_.parameters.push_back({.name = fmt::format("{}{}", prefix_, name),
                               .shape = shape,
                               .init = init,
                               .deviation = deviation,
                               .decays = shape.rank > 1,
                               .layer = layer_,
                               .member = member_,
                               .cut = std::move(cut),
                               .partial_gradient = partial_gradient});
  const TensorIndex t = tensor(in_layer(name), shape, options_.type, Role::weight);
  stage_.tensors.back().parameter = static_cast<ParameterIndex>(stage_.parameters.size()) - 1;
  return t;
}

TensorIndex StageBuilder::node(ops::What what, std::string_view name, std::vector<TensorIndex> given) {
  ops::Op op{.what = what, .type = options_.type, .gradient_type = options_.gradient_type};
  // Statistics of softmax are as wide as their sums; tokens travel to experts as they are given.
  const bool as_given = std::holds_alternative<ops::Regroup>(what) ||
                        std::holds_alternative<ops::Dispatch>(what) ||
                        std::holds_alternative<ops::Quantise>(what);
  if (!given.empty() && as_given) op.type = stage_.tensors[static_cast<std::size_t>(given[0])].type;
  const ops::Operands operands = ops::operands(op);
  const std::size_t first_result = given.size();
  for (int i = static_cast<int>(first_result); i < operands.size(); ++i) {
    const ops::Operand& operand = operands[i];
    const std::string full =
        i == static_cast<int>(first_result) ? std::string(name) : fmt::format("{}.{}", name, operand.name);
    given.push_back(tensor(in_layer(full), operand.shape, operand.type, operand.role));
  }
  const TensorIndex result = given[first_result < given.size() ? first_result : 0];
  stage_.forward.push_back(
      {.op = op, .operands = std::move(given), .layer = layer_, .member = member_, .part = part_});
  return result;
}

Cut StageBuilder::vocabulary_cut() const {
  Cut rows = cut_in(0, options_.padded_vocab);
  rows.padding_rows = options_.padded_vocab - model_.vocab;
  return rows;
}

Cut StageBuilder::cut_in(std::int32_t dimension, std::span<const Columns> sizes) const {
  if (!cut()) return {};
  Cut result{dimension, {}};
  for (const Columns& one : sizes) result.blocks.push_back({one.all, options_.tp / one.copies, one.copies});
  return result;
}

TensorIndex StageBuilder::regroup(ops::Regrouping how, std::string_view name, TensorIndex x,
                                  std::int64_t tokens, std::int64_t width) {
  return node(ops::Regroup{how, tokens, width, options_.tp}, name, {x});
}

TensorIndex StageBuilder::enter(std::string_view name, TensorIndex x, std::int64_t width) {
  if (!cut()) return x;
  if (!options_.sequence_parallel) return regroup(ops::Regrouping::copy, name, x, tokens_, width);
  return regroup(ops::Regrouping::gather, fmt::format("{}.gathered", name), x, tokens_, width);
}

TensorIndex StageBuilder::leave(std::string_view name, TensorIndex x, std::int64_t width) {
  if (!cut()) return x;
  if (!options_.sequence_parallel) return regroup(ops::Regrouping::sum, name, x, tokens_, width);
  return regroup(ops::Regrouping::scatter, fmt::format("{}.scattered", name), x, tokens_, width);
}

TensorIndex StageBuilder::quantised(std::string_view name, TensorIndex x, Copies copies) {
  const Tensor& given = stage_.tensors[static_cast<std::size_t>(x)];
  if (!in_fp8() || given.type == DataType::fp8) return x;
  const ops::Shape shape = given.shape;
  return node(ops::Quantise{.tokens = shape.size[0],
                            .width = shape.size[1],
                            .forms = options_.fp8.forms,
                            .reads = options_.norms_quantise && is_normed(x) ? 0 : options_.fp8.reads,
                            .copies = copies.copies,
                            .gradient_copies = copies.gradient_copies},
              fmt::format("{}.fp8", name), {x});
}

bool StageBuilder::is_normed(TensorIndex x) const {
  return std::ranges::any_of(stage_.forward, [x](const Node& node) {
    const bool norm = std::holds_alternative<ops::RmsNorm>(node.op.what) ||
                      std::holds_alternative<ops::LayerNorm>(node.op.what);
    return norm && std::ranges::find(node.operands | std::views::drop(1), x) != node.operands.end();
  });
}

TensorIndex StageBuilder::quantised_weight(std::string_view name, TensorIndex weight) {
  if (!in_fp8()) return weight;
  const Tensor given = stage_.tensors[static_cast<std::size_t>(weight)];
  stage_.parameters[static_cast<std::size_t>(given.parameter)].fp8 = true;
  const TensorIndex narrow =
      tensor(in_layer(fmt::format("{}.fp8", name)), given.shape, DataType::fp8, Role::weight);
  stage_.tensors.back().parameter = given.parameter;
  return narrow;
}

TensorIndex StageBuilder::dropped(std::string_view name, TensorIndex x) {
  if (options_.dropout > 0) node(ops::Dropout{local_tokens_, model_.hidden}, name, {x});
  return x;
}

TensorIndex StageBuilder::norm(std::string_view name, TensorIndex x, std::int64_t width) {
  const Norm kind = model_.norm;
  const std::string result = fmt::format("{}.y", name);
  std::vector<TensorIndex> given{x};
  const auto vector = [&](std::string_view what, Init init) {
    given.push_back(parameter(fmt::format("{}.{}", name, what), {{width}, 1}, init));
  };
  if (kind != Norm::layer_bare) vector("gain", Init::one);
  if (kind == Norm::rms)
    return node(ops::RmsNorm{.tokens = local_tokens_, .hidden = width, .composite = options_.composite_norms},
                result, std::move(given));
  if (kind == Norm::layer) vector("bias", Init::zero);
  return node(ops::LayerNorm{.tokens = local_tokens_,
                             .hidden = width,
                             .gains = kind != Norm::layer_bare,
                             .shifts = kind == Norm::layer},
              result, std::move(given));
}

TensorIndex StageBuilder::wide_linear(std::string_view name, std::string_view result, TensorIndex x,
                                      std::int64_t inputs, std::span<const Columns> outputs, bool bias) {
  std::int64_t rows = 0;
  for (const Columns& block : outputs) rows += own(block);
  if (in_grid()) return wide_grid_linear(name, result, x, inputs, rows, outputs);
  const TensorIndex weight = parameter(fmt::format("{}.weight", name), {{rows, inputs}, 2}, Init::normal,
                                       kDeviation, cut_in(0, outputs));
  std::vector<TensorIndex> given{quantised(fmt::format("{}.x", name), x),
                                 quantised_weight(fmt::format("{}.weight", name), weight)};
  if (bias)
    given.push_back(parameter(fmt::format("{}.bias", name), {{rows}, 1}, Init::zero, 0, cut_in(0, outputs)));
  return node(ops::Linear{tokens_, inputs, rows, bias, in_fp8()}, result, std::move(given));
}

TensorIndex StageBuilder::products(std::string_view name, std::string_view result, TensorIndex x,
                                   std::initializer_list<std::pair<const char*, Columns>> outputs,
                                   bool bias) {
  std::vector<Columns> columns;
  for (const auto& [what, width] : outputs) columns.push_back(width);
  if (!options_.separate_products) return wide_linear(name, result, x, model_.hidden, columns, bias);
  std::vector<TensorIndex> parts;
  for (const auto& [what, width] : outputs)
    parts.push_back(wide_linear(what, what, x, model_.hidden, std::array{width}, bias));
  std::vector<std::int64_t> widths;
  for (const Columns& one : columns) widths.push_back(own(one));
  widths.resize(3, 0);
  return node(ops::JoinColumns{product_tokens(), widths[0], widths[1], widths[2]}, result, std::move(parts));
}

TensorIndex StageBuilder::narrow_linear(std::string_view name, std::string_view result, TensorIndex x,
                                        std::int64_t inputs, bool bias) {
  if (in_grid()) return narrow_grid_linear(name, result, x, inputs);
  const std::int64_t outputs = model_.hidden, columns = inputs / options_.tp;
  const TensorIndex weight = parameter(fmt::format("{}.weight", name), {{outputs, columns}, 2}, Init::normal,
                                       residual_deviation(), cut_in(1, inputs));
  std::vector<TensorIndex> given{quantised(fmt::format("{}.x", name), x),
                                 quantised_weight(fmt::format("{}.weight", name), weight)};
  const bool inside = bias && !cut();
  if (inside) given.push_back(parameter(fmt::format("{}.bias", name), {{outputs}, 1}, Init::zero));
  return node(ops::Linear{tokens_, columns, outputs, inside, in_fp8()}, result, std::move(given));
}

TensorIndex StageBuilder::whole_linear(std::string_view name, std::string_view result, TensorIndex x,
                                       std::int64_t inputs, std::int64_t outputs) {
  const TensorIndex weight =
      parameter(fmt::format("{}.weight", name), {{outputs, inputs}, 2}, Init::normal, kDeviation);
  return node(
      ops::Linear{local_tokens_, inputs, outputs, false, in_fp8()}, result,
      {quantised(fmt::format("{}.x", name), x), quantised_weight(fmt::format("{}.weight", name), weight)});
}

TensorIndex StageBuilder::position_table() {
  const std::int64_t rows = model_.positions > 0 ? model_.positions : options_.sequence;
  return parameter("embedding.positions", {{rows, model_.hidden}, 2}, Init::normal, kDeviation);
}

/// Positions are added with the rows of the table where a rank has these whole, and as wide as the model.
TensorIndex StageBuilder::rows_of(std::vector<TensorIndex> given, std::string_view name, std::int64_t width,
                                  std::int64_t position_rows) {
  const ops::Embedding embedding{.tokens = tokens_,
                                 .sequence = own_sequence(),
                                 .hidden = width,
                                 .vocab = options_.padded_vocab / options_.tp,
                                 .positions = given.size() > 2,
                                 .shards = options_.tp,
                                 .rows = position_rows,
                                 .context = options_.cp};
  return leave(name, node(embedding, name, std::move(given)), width);
}

TensorIndex StageBuilder::embed() {
  const TensorIndex ids = tensor("ids", {{tokens_}, 1}, DataType::int32, Role::tokens);
  const std::int64_t rows = options_.padded_vocab / options_.tp, hidden = model_.hidden;
  const std::int64_t width = model_.embedding_width > 0 ? model_.embedding_width : hidden;
  table_ = parameter("embedding.tokens", {{rows, width}, 2}, Init::normal, kDeviation, vocabulary_cut());
  stage_.parameters.back().token_table = true;
  // Gradients of a table that has another use are added to; those of positions are not.
  const bool by_head = options_.one_tied_gradient && model_.tied_embeddings && options_.head;
  const bool added = by_head || options_.mtp > 0;
  const bool learned = model_.position == Position::learned;
  const bool at_once = learned && !cut() && width == hidden && !added;
  // A rank that has a part of a sequence has its positions in a table of all of them.
  const std::int64_t table_rows =
      options_.cp > 1 && model_.positions == 0 ? options_.sequence : model_.positions;
  std::vector<TensorIndex> given{ids, table_};
  if (at_once) given.push_back(position_table());
  TensorIndex x = rows_of(std::move(given), "embedded", width, at_once ? table_rows : 0);
  if (width != hidden) x = whole_linear("embedding.projection", "embedding.projected", x, width, hidden);
  if (learned && !at_once)
    node(ops::Positions{.tokens = local_tokens_,
                        .sequence = own_sequence(),
                        .hidden = hidden,
                        .shards = options_.sequence_parallel ? options_.tp : 1,
                        .rows = table_rows,
                        .context = options_.cp},
         "positions", {x, position_table()});
  if (model_.token_types > 0)
    node(
        ops::Positions{.tokens = local_tokens_,
                       .sequence = own_sequence(),
                       .hidden = hidden,
                       .shards = options_.sequence_parallel ? options_.tp : 1,
                       .context = options_.cp,
                       .parts = model_.token_types},
        "token_types",
        {x, parameter("embedding.token_types", {{model_.token_types, hidden}, 2}, Init::normal, kDeviation)});
  if (model_.embedding_norm) x = norm("embedding.norm", x);
  return dropped("embedded", x);
}

TensorIndex StageBuilder::head_weight() {
  if (model_.tied_embeddings && options_.embedding) {
    if (!options_.one_tied_gradient)
      stage_.parameters[static_cast<std::size_t>(stage_.tensors[static_cast<std::size_t>(table_)].parameter)]
          .uses = 2;
    return table_;
  }
  // A tied table that another stage holds as well has the same name there.
  const std::int64_t width = model_.embedding_width > 0 ? model_.embedding_width : model_.hidden;
  const TensorIndex weight = parameter(model_.tied_embeddings ? "embedding.tokens" : "head.weight",
                                       {{options_.padded_vocab / options_.tp, width}, 2}, Init::normal,
                                       kDeviation, vocabulary_cut());
  stage_.parameters.back().token_table = model_.tied_embeddings;
  return weight;
}

TensorIndex StageBuilder::token_ids(std::string name) {
  return tensor(std::move(name), {{tokens_}, 1}, DataType::int32, Role::tokens);
}

void StageBuilder::head(TensorIndex x) {
  if (model_.final_norm) x = norm("final_norm", x);
  if (model_.family == workload::Family::bert) x = masked_language_head(x);
  if (model_.embedding_width > 0 && model_.embedding_width != model_.hidden)
    x = whole_linear("head.projection", "head.projected", x, model_.hidden, model_.embedding_width);
  head_ = head_weight();
  if (model_.head_bias)
    head_bias_ =
        parameter("head.bias", {{options_.padded_vocab / options_.tp}, 1}, Init::zero, 0, vocabulary_cut());
  targets_ = token_ids("targets");
  loss(x, targets_);
}

/// What BERT has between its layers and the decoder: a product, GELU, a norm (Devlin et al. 2019).
TensorIndex StageBuilder::masked_language_head(TensorIndex x) {
  const std::int64_t hidden = model_.hidden;
  const TensorIndex weight = parameter("head.dense.weight", {{hidden, hidden}, 2}, Init::normal, kDeviation);
  const TensorIndex bias = parameter("head.dense.bias", {{hidden}, 1}, Init::zero);
  const TensorIndex h =
      node(ops::Linear{local_tokens_, hidden, hidden, true}, "head.transformed", {x, weight, bias});
  return norm("head.norm", node(ops::Gelu{local_tokens_, hidden}, "head.activated", {h}));
}

void StageBuilder::loss(TensorIndex x, TensorIndex targets) {
  const std::int64_t columns = options_.padded_vocab / options_.tp;
  const std::int64_t width = model_.embedding_width > 0 ? model_.embedding_width : model_.hidden;
  std::vector<TensorIndex> given{enter("final_norm.y", x, width), head_};
  if (model_.head_bias) given.push_back(head_bias_);
  TensorIndex logits = node(ops::Linear{.tokens = tokens_,
                                        .inputs = width,
                                        .outputs = columns,
                                        .bias = model_.head_bias,
                                        .spare_gradient = options_.spare_head_gradient},
                            "logits", std::move(given));
  if (model_.logit_cap) logits = node(ops::SoftCap{tokens_, columns}, "logits.capped", {logits});
  given = {logits, targets};
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
                         .copies = options_.loss_copies},
       "loss", std::move(given));
}

double StageBuilder::residual_deviation() const {
  return kDeviation / std::sqrt(2.0 * static_cast<double>(model_.layers));
}

Stage build_stage(const workload::Model& model, const StageOptions& options) {
  ensure(options.layers >= 0 && options.batch > 0 && options.sequence > 0, "a stage has layers and tokens");
  return StageBuilder(model, options).build();
}

}  // namespace ds::graph
