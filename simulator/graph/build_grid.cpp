// Tensor-parallel ranks in a grid: products of layers whose weights are cut both ways, and the ways in and out of them.
#include <fmt/format.h>

#include "simulator/graph/stage_builder.h"

namespace ds::graph {

Cut StageBuilder::grid_cut(std::int32_t dimension, std::span<const Columns> sizes, std::int64_t other) const {
  Cut result{.dimension = dimension, .second = 1 - dimension, .over_grid = true};
  for (const Columns& one : sizes) result.blocks.push_back({one.all, grid_columns()});
  result.second_blocks = {{other, options_.tp_rows}};
  return result;
}

TensorIndex StageBuilder::exchange_in_column(ops::Regrouping how, std::string_view name, TensorIndex x,
                                             std::int64_t width, std::int64_t queries, std::int64_t keys) {
  return node(ops::Regroup{.how = how,
                           .tokens = tokens_,
                           .width = width,
                           .shards = options_.tp_rows,
                           .over = ops::Sharers::column,
                           .batch = 1,
                           .queries = queries,
                           .keys = keys},
              name, {x});
}

/// All tokens, and of their width the part of the rank's row: those of the row are gathered, and exchanged in the column.
/// A grid of one column has rows of one rank, which gather nothing.
TensorIndex StageBuilder::enter_grid(std::string_view name, TensorIndex x) {
  const TensorIndex of_row = grid_columns() == 1
                                 ? x
                                 : node(ops::Regroup{ops::Regrouping::gather, product_tokens(), model_.hidden,
                                                     grid_columns(), ops::Sharers::row},
                                        fmt::format("{}.gathered", name), {x});
  return exchange_in_column(ops::Regrouping::to_heads, fmt::format("{}.columns", name), of_row, model_.hidden,
                            model_.hidden);
}

/// The same backwards: parts of sums over the rank's row.
TensorIndex StageBuilder::leave_grid(std::string_view name, TensorIndex x) {
  const TensorIndex of_row = exchange_in_column(ops::Regrouping::to_tokens, fmt::format("{}.rows", name), x,
                                                model_.hidden, model_.hidden);
  if (grid_columns() == 1) return of_row;
  return node(ops::Regroup{ops::Regrouping::scatter, product_tokens(), model_.hidden, grid_columns(),
                           ops::Sharers::row},
              fmt::format("{}.scattered", name), {of_row});
}

TensorIndex StageBuilder::wide_grid_linear(std::string_view name, std::string_view result, TensorIndex x,
                                           std::int64_t inputs, std::int64_t rows,
                                           std::span<const Columns> outputs) {
  const std::int64_t part = inputs / options_.tp_rows;
  const TensorIndex weight = parameter(fmt::format("{}.weight", name), {{rows, part}, 2}, Init::normal,
                                       kDeviation, grid_cut(0, outputs, inputs));
  return node(ops::Regroup{ops::Regrouping::scatter, tokens_, rows, options_.tp_rows, ops::Sharers::column},
              result, {node(ops::Linear{tokens_, part, rows}, fmt::format("{}.part", result), {x, weight})});
}

TensorIndex StageBuilder::narrow_grid_linear(std::string_view name, std::string_view result, TensorIndex x,
                                             std::int64_t inputs) {
  const std::int64_t columns = inputs / grid_columns(), part = model_.hidden / options_.tp_rows;
  const TensorIndex all =
      node(ops::Regroup{ops::Regrouping::gather, tokens_, columns, options_.tp_rows, ops::Sharers::column},
           fmt::format("{}.x.gathered", name), {x});
  const TensorIndex weight =
      parameter(fmt::format("{}.weight", name), {{part, columns}, 2}, Init::normal, residual_deviation(),
                grid_cut(1, std::array{Columns{inputs}}, model_.hidden));
  return node(ops::Linear{tokens_, columns, part}, result, {all, weight});
}

}  // namespace ds::graph
