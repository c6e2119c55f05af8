#pragma once
// Builds the forward graph of a stage, operator by operator. Private to this folder.
//
//   build_stage.cpp     tensors, parameters, products that are cut; embedding and head
//   build_layer.cpp     attention, MLP, and how a layer puts them together
//   build_mtp.cpp       further tokens, predicted behind the head
//   build_experts.cpp   a mixture of experts in the place of the MLP
//   build_grid.cpp      products of layers over a grid of tensor-parallel ranks

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/graph/graph.h"
#include "simulator/graph/layer_runs.h"

namespace ds::graph {

/// Columns that a product makes, cut over tensor-parallel ranks: each so many of these in a row have the same ones.
struct Columns {
  std::int64_t all{}, copies{1};
};

class StageBuilder {
 public:
  StageBuilder(const workload::Model& model, const StageOptions& options);
  Stage build();

 private:
  TensorIndex tensor(std::string name, ops::Shape shape, DataType type, ops::Role role);
  std::string in_layer(std::string_view name) const;
  TensorIndex activation(std::string_view name, ops::Shape shape);
  /// A parameter of which every rank holds the whole; it sees the rank's part of the tokens.
  TensorIndex parameter(std::string_view name, ops::Shape shape, Init init, double deviation = 0);
  TensorIndex parameter(std::string_view name, ops::Shape shape, Init init, double deviation, Cut cut,
                        bool partial_gradient = false);
  /// Adds a node; operands that are not in `given` (result and saved tensors) are made, and the first result returned.
  TensorIndex node(ops::What what, std::string_view name, std::vector<TensorIndex> given);

  bool cut() const { return options_.tp > 1; }
  /// Of what has a row for each token.
  Cut vocabulary_cut() const;
  Cut cut_in(std::int32_t dimension, std::span<const Columns> sizes) const;
  Cut cut_in(std::int32_t dimension, std::int64_t size) const {
    return cut_in(dimension, std::array{Columns{size}});
  }
  std::int64_t own(const Columns& columns) const { return columns.all * columns.copies / grid_columns(); }
  // Tensor-parallel ranks in a grid of rows and columns. Between products a rank has its part of the tokens and all of their width,
  // as without a grid. A product of a layer takes all tokens and, of their width, the part of its row; its weight is cut both ways,
  // so that what it makes is a part of a sum over the ranks of a column. Those scatter it by tokens.
  bool in_grid() const { return options_.tp_rows > 1; }
  std::int64_t grid_columns() const { return options_.tp / options_.tp_rows; }
  std::int64_t product_tokens() const { return tokens_ / options_.tp_rows; }
  /// Of a weight whose `dimension` is cut over the ranks of a row, and the other one, so large, over those of a column.
  Cut grid_cut(std::int32_t dimension, std::span<const Columns> sizes, std::int64_t other) const;
  /// Tokens of the rank's part of them for its part of what they hold, over the ranks of a column, or back.
  TensorIndex exchange_in_column(ops::Regrouping how, std::string_view name, TensorIndex x,
                                 std::int64_t width, std::int64_t queries, std::int64_t keys = 0);
  /// Products in a grid; the first makes so many `rows` of its weight.
  TensorIndex wide_grid_linear(std::string_view name, std::string_view result, TensorIndex x,
                               std::int64_t inputs, std::int64_t rows, std::span<const Columns> outputs);
  TensorIndex narrow_grid_linear(std::string_view name, std::string_view result, TensorIndex x,
                                 std::int64_t inputs);
  /// The same that `enter` and `leave` do without a grid.
  TensorIndex enter_grid(std::string_view name, TensorIndex x);
  TensorIndex leave_grid(std::string_view name, TensorIndex x);
  TensorIndex regroup(ops::Regrouping how, std::string_view name, TensorIndex x, std::int64_t tokens,
                      std::int64_t width);
  /// Into a tensor-parallel region: all tokens on every rank.
  TensorIndex enter(std::string_view name, TensorIndex x, std::int64_t width);
  TensorIndex enter(std::string_view name, TensorIndex x) { return enter(name, x, model_.hidden); }
  /// The same for what nothing but a product takes: in 8 bits, if products of layers are.
  TensorIndex enter_product(std::string_view name, TensorIndex x) {
    return in_grid() ? enter_grid(name, x) : enter(name, quantised(name, x));
  }
  bool in_fp8() const { return options_.fp8.on() && (layer_ != kNone || member_ > 0); }
  /// What a layer's product takes.
  /// Copies around the product that reads it: see ops::Quantise.
  struct Copies {
    std::int64_t copies{}, gradient_copies{};
  };
  TensorIndex quantised(std::string_view name, TensorIndex x) { return quantised(name, x, {}); }
  TensorIndex quantised(std::string_view name, TensorIndex x, Copies copies);
  bool is_normed(TensorIndex x) const;  // a norm has just made it
  TensorIndex quantised_weight(std::string_view name, TensorIndex weight);
  /// Of a sequence, those that the rank has.
  std::int64_t own_sequence() const { return options_.sequence / options_.cp; }
  /// Out of it: the sum of all ranks' results, of the rank's part of the tokens.
  TensorIndex leave(std::string_view name, TensorIndex x, std::int64_t width);

  TensorIndex norm(std::string_view name, TensorIndex x) { return norm(name, x, model_.hidden); }
  TensorIndex norm(std::string_view name, TensorIndex x, std::int64_t width);
  TensorIndex dropped(std::string_view name, TensorIndex x);
  /// Outputs are cut, block by block: each rank computes its part of each block for all tokens.
  TensorIndex wide_linear(std::string_view name, std::string_view result, TensorIndex x, std::int64_t inputs,
                          std::span<const Columns> outputs, bool bias);
  /// The same, of one product or of one for each block, as the software does it.
  TensorIndex products(std::string_view name, std::string_view result, TensorIndex x,
                       std::initializer_list<std::pair<const char*, Columns>> outputs, bool bias);
  /// Inputs are cut: each rank has a part of the sum, so the bias is added behind it, by `leave_branch`.
  TensorIndex narrow_linear(std::string_view name, std::string_view result, TensorIndex x,
                            std::int64_t inputs, bool bias);
  /// Every rank holds the whole weight, and computes its part of the tokens.
  TensorIndex whole_linear(std::string_view name, std::string_view result, TensorIndex x, std::int64_t inputs,
                           std::int64_t outputs);

  TensorIndex embed();
  /// Rows of a table for tokens, of the rank's part of them. `given`: ids, the table, and perhaps that of positions.
  TensorIndex rows_of(std::vector<TensorIndex> given, std::string_view name, std::int64_t width,
                      std::int64_t position_rows = 0);
  TensorIndex position_table();
  TensorIndex masked_language_head(TensorIndex x);
  TensorIndex head_weight();
  void head(TensorIndex x);
  /// Of normed tokens, with the head's weight.
  void loss(TensorIndex x, TensorIndex targets);
  TensorIndex token_ids(std::string name);
  /// A module that predicts one token further, of the tokens that led to the one before; the same of the next module.
  TensorIndex predict_further(TensorIndex x);

  TensorIndex layers(const LayerRun& run, TensorIndex x);
  TensorIndex serial_layer(TensorIndex x);
  TensorIndex parallel_layer(TensorIndex x);
  /// x + f(x), normalised where the model says.
  template <class Fn>
  TensorIndex branch(std::string_view name, std::string_view result, TensorIndex x, Fn&& f);
  /// Both take their input in a tensor-parallel region, and their result is the rank's part of a sum.
  TensorIndex attention(TensorIndex x);
  /// Takes the rank's part of the tokens.
  TensorIndex latent_attention(TensorIndex normed, const workload::Mla& mla);
  /// Attention itself, of qkv to o.
  TensorIndex attended(TensorIndex qkv, ops::Attention one_rank);
  /// Behind what attention takes, where heads have one: their learned scores.
  std::vector<TensorIndex> with_sinks(std::vector<TensorIndex> given, std::int64_t heads);
  /// The same where ranks share a sequence out.
  TensorIndex attended_by_heads(TensorIndex qkv, ops::Attention one_rank);
  TensorIndex attended_by_tokens(TensorIndex qkv, const ops::Attention& one_rank);
  TensorIndex mlp(TensorIndex x);
  TensorIndex experts(TensorIndex x, const workload::Moe& moe);
  std::int64_t capacity_of(std::int64_t tokens, const workload::Moe& moe) const;
  bool shares_experts_out() const { return options_.ep > 1; }
  TensorIndex shared_experts(TensorIndex x, const workload::Moe& moe);
  TensorIndex gate_logits(TensorIndex x);
  /// To the ranks that have the rows' experts, or back from them.
  ops::Regroup exchange_of(std::int64_t count, std::int64_t width) const;
  TensorIndex exchanged(std::string_view name, TensorIndex rows, std::int64_t count);
  TensorIndex by_row(TensorIndex factors, std::int64_t routed, std::int64_t rows);
  /// Tokens, or the rows that have come, in 8 bits where they travel so.
  TensorIndex narrow_for_dispatch(TensorIndex x);
  TensorIndex by_columns(TensorIndex rows);
  /// Rows of all ranks that have parts of the same experts, or sums of what these have made of them.
  TensorIndex over_parts(ops::Regrouping how, std::string_view name, TensorIndex x, std::int64_t count);
  TensorIndex expert_parameter(std::string_view name, ops::Shape shape, double deviation, Cut cut);
  /// What stands between the two products of an MLP. `factors`: each row times one of these.
  TensorIndex activated(std::string_view name, TensorIndex x, std::int64_t tokens, std::int64_t width,
                        TensorIndex factors = kNone);
  /// Up, activation and down of an MLP that is so wide; `name` stands before its parameters and results.
  TensorIndex dense_mlp(std::string_view name, TensorIndex x, std::int64_t width);
  TensorIndex normed_queries_and_keys(TensorIndex qkv, std::int64_t heads, std::int64_t kv_heads);
  /// Out of the region; biases of these products that wait for the sum are added. An empty name is none.
  TensorIndex leave_product(std::string_view result, TensorIndex x,
                            std::initializer_list<std::string_view> products);
  std::string_view last_product() const;
  /// The same at the end of a branch, where elements are dropped.
  TensorIndex leave_branch(std::string_view result, TensorIndex x,
                           std::initializer_list<std::string_view> products);
  /// Norms before an MLP are part of it; before experts they are not.
  Part norm_of_mlp() const { return model_.moe && !kind_.dense ? Part::mlp_norm : Part::mlp; }
  bool has_waiting_bias(std::string_view product) const;
  TensorIndex rope_table();
  double residual_deviation() const;

  /// Nodes that are made while it lives are of this part; the innermost counts.
  class InPart {
   public:
    InPart(StageBuilder& builder, Part part)
        : builder_(builder), before_(std::exchange(builder.part_, part)) {}
    ~InPart() { builder_.part_ = before_; }
    InPart(const InPart&) = delete;
    InPart& operator=(const InPart&) = delete;

   private:
    StageBuilder& builder_;
    Part before_;
  };

  const workload::Model& model_;
  const StageOptions& options_;
  Stage stage_;
  std::int64_t tokens_{}, local_tokens_{};  // of the micro-batch; of the rank between tensor-parallel regions
  std::int32_t layer_{kNone}, member_{0};
  workload::LayerKind kind_;  // of the layer
  Part part_{};
  TensorIndex table_{kNone}, rope_table_{kNone}, head_{kNone}, head_bias_{kNone}, targets_{kNone};
  std::string prefix_;  // of names outside of layers
};

// GPT-2's start values (Radford et al. 2019, section 2.3): N(0, 0.02), the projections that feed the residual stream
// divided by sqrt(2 layers).
inline constexpr double kDeviation = 0.02;

}  // namespace ds::graph
