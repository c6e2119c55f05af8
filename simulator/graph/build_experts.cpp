// A mixture of experts in the place of the MLP.
#include <algorithm>
#include <cmath>

#include "simulator/graph/stage_builder.h"

namespace ds::graph {

/// Where experts are cut as other layers are, every rank routes all tokens of the tensor-parallel group alike, and has its part of
/// each expert's width; so the gradient of the router is a part of the sum. Where ranks share experts out (`ep`), each routes
/// its own tokens, and rows go to the rank that has their expert and back (Lepikhin et al. 2021, section 3.2); where these experts
/// are cut as well (`etp`), each rank of an expert takes the rows of all of them, and has a part of the sum.
TensorIndex StageBuilder::experts(TensorIndex x, const workload::Moe& moe) {
  const InPart part_of_layer(*this, Part::moe);
  const bool shared_out = shares_experts_out();
  const std::int64_t hidden = model_.hidden, width = moe.expert_ffn;
  const std::int64_t local = width / (shared_out ? options_.etp : options_.tp),
                     here = moe.experts / options_.ep;
  const std::int64_t tokens = shared_out ? local_tokens_ : tokens_;
  const std::int64_t up = model_.gated_mlp ? 2 : 1, capacity = capacity_of(tokens, moe);
  const std::int64_t routed = ops::ExpertRows{tokens, moe.top_k, moe.experts, capacity}.count();
  const std::int64_t rows = routed * (shared_out ? options_.etp : 1);
  const std::int64_t sources = shared_out ? options_.ep * options_.etp : 1;
  const bool partial = shared_out ? options_.sequence_parallel : cut();
  const TensorIndex router =
      parameter("moe.router.weight", {{moe.experts, hidden}, 2}, Init::normal, kDeviation, {}, partial);
  std::vector<TensorIndex> scored{x, router};
  if (moe.router_bias)
    scored.push_back(parameter("moe.router.bias", {{moe.experts}, 1}, Init::zero, 0, {}, partial));
  const TensorIndex logits =
      node(ops::Linear{tokens, hidden, moe.experts, moe.router_bias}, "moe.logits", std::move(scored));
  const TensorIndex probs = node(ops::Route{tokens, moe.experts, moe.top_k}, "moe.probs", {logits});
  const TensorIndex chosen = stage_.forward.back().operands.back();
  const TensorIndex factors =
      options_.probabilities_at_experts
          ? by_row(node(ops::SpreadProbabilities{tokens, moe.top_k, moe.experts, capacity}, "moe.factors",
                        {probs, chosen}),
                   routed, rows)
          : kNone;
  const TensorIndex outgoing = narrow_for_dispatch(x);
  const TensorIndex received = exchanged(
      "moe.received",
      node(ops::Dispatch{tokens, hidden, moe.top_k, moe.experts, capacity}, "moe.rows", {outgoing, chosen}),
      routed);
  const TensorIndex sent = by_columns(over_parts(ops::Regrouping::gather, "moe.gathered", received, rows));

  const auto shares = [&](std::int32_t dimension, std::vector<Block> blocks) {
    Cut cut{.dimension = 0, .blocks = {{moe.experts, options_.ep}}, .over_experts = true};
    if (options_.etp > 1) cut.second = dimension, cut.second_blocks = std::move(blocks);
    return cut;
  };
  const Block part{width, options_.etp};
  const Cut columns =
      model_.gated_mlp ? cut_in(1, std::array{Columns{width}, Columns{width}}) : cut_in(1, width);
  const Cut rows_of_up =
      shared_out ? shares(1, std::vector<Block>(static_cast<std::size_t>(up), part)) : columns;
  const TensorIndex first =
      expert_parameter("moe.up.weight", {{here, up * local, hidden}, 3}, kDeviation, rows_of_up);
  const bool bias = model_.mlp_bias;
  // Tokens of an expert and its results are copied in the forward, the gradients of these in the backward.
  const std::int64_t copies = options_.pads_expert_rows ? 2 : 0;
  std::vector<TensorIndex> given{quantised("moe.up.x", sent, {.copies = copies}),
                                 quantised_weight("moe.up.weight", first)};
  if (bias) given.push_back(expert_parameter("moe.up.bias", {{here, up * local}, 2}, 0, rows_of_up));
  const TensorIndex h = node(ops::GroupedLinear{rows, here, hidden, up * local, in_fp8(), sources, bias},
                             "moe.h", std::move(given));
  const auto taken_by_second = [&] {
    const InPart of_experts(*this, Part::expert_activation);
    return quantised("moe.down.x", activated("moe.activated", h, rows, local, factors),
                     {.gradient_copies = copies});
  };
  const TensorIndex a = taken_by_second();
  const TensorIndex second =
      expert_parameter("moe.down.weight", {{here, hidden, local}, 3}, residual_deviation(),
                       shared_out ? shares(2, {part}) : cut_in(2, width));
  given = {a, quantised_weight("moe.down.weight", second)};
  if (bias) {
    const Cut experts_alone{.dimension = 0, .blocks = {{moe.experts, options_.ep}}, .over_experts = true};
    given.push_back(
        expert_parameter("moe.down.bias", {{here, hidden}, 2}, 0, shared_out ? experts_alone : Cut{}));
  }
  const TensorIndex o = node(ops::GroupedLinear{rows, here, local, hidden, in_fp8(), sources, bias,
                                                shared_out ? options_.etp : options_.tp},
                             "moe.o", std::move(given));
  const bool has_shared = moe.shared_experts > 0, beside = has_shared && options_.exchanges_early;
  const TensorIndex early = beside ? shared_experts(x, moe) : kNone;
  const TensorIndex back =
      exchanged("moe.returned", over_parts(ops::Regrouping::scatter, "moe.scattered", o, rows), routed);
  const bool weighted = factors == kNone;
  const TensorIndex sum =
      node(ops::Combine{tokens, hidden, moe.top_k, moe.experts, capacity, weighted}, "moe.combined",
           weighted ? std::vector{back, probs, chosen} : std::vector{back, chosen});
  if (!has_shared) return sum;
  return node(ops::Add{tokens, hidden}, "moe.sum", {sum, beside ? early : shared_experts(x, moe)});
}

/// Rows of an expert that each dispatch has; 0: as many as if all experts were chosen evenly. Where nothing is dropped and one expert
/// is busier than the others, all ranks are taken to be the one that has it, since the others wait for that.
std::int64_t StageBuilder::capacity_of(std::int64_t tokens, const workload::Moe& moe) const {
  const double here = ops::real(moe.experts / options_.ep);
  const bool skewed = options_.ep > 1 && moe.skew > 1;
  if (!moe.capacity_factor && !skewed) return 0;
  const double factor = moe.capacity_factor ? *moe.capacity_factor : (moe.skew + here - 1) / here;
  const double rows = std::ceil(factor * ops::real(tokens * moe.top_k) / ops::real(moe.experts));
  return static_cast<std::int64_t>(std::min(rows, ops::real(tokens)));  // none has a token twice
}

/// Shared experts are one that is as wide as all of them (Dai et al. 2024, section 3.2), cut as other layers are.
TensorIndex StageBuilder::shared_experts(TensorIndex x, const workload::Moe& moe) {
  const std::int64_t width = moe.shared_experts * moe.expert_ffn;
  const InPart part(*this, Part::shared_experts);
  const bool shared_out = shares_experts_out();
  TensorIndex made = dense_mlp("moe.shared", shared_out ? enter_product("moe.shared.x", x) : x, width);
  if (shared_out) made = leave_product("moe.shared.projected", made, {last_product()});
  if (!moe.shared_gate) return made;
  return node(ops::Gate{shared_out ? local_tokens_ : tokens_, model_.hidden}, "moe.shared.gated",
              {made, gate_logits(x)});
}

/// Of the tokens that the rank routes. All ranks hold the weight, as that of the router; where experts are cut, each multiplies its part
/// of a sum by the gate, so that the gradient of the weight is a part as well.
TensorIndex StageBuilder::gate_logits(TensorIndex x) {
  const bool shared_out = shares_experts_out(), partial = shared_out ? options_.sequence_parallel : cut();
  const TensorIndex weight =
      parameter("moe.shared_gate.weight", {{1, model_.hidden}, 2}, Init::normal, kDeviation, {}, partial);
  return node(ops::Linear{shared_out ? local_tokens_ : tokens_, model_.hidden, 1, false},
              "moe.shared_gate.logits", {x, weight});
}

ops::Regroup StageBuilder::exchange_of(std::int64_t count, std::int64_t width) const {
  ops::Regroup exchange{ops::Regrouping::exchange, count, width, options_.ep, ops::Sharers::experts};
  const workload::Moe& moe = *model_.moe;
  if (options_.dispatch != workload::Dispatch::all_to_all)
    exchange.rows = {.top_k = moe.top_k,
                     .experts = moe.experts,
                     .groups = moe.groups,
                     .groups_per_token = moe.groups_per_token,
                     .hybrid = options_.dispatch == workload::Dispatch::hybrid};
  return exchange;
}

TensorIndex StageBuilder::exchanged(std::string_view name, TensorIndex rows, std::int64_t count) {
  if (!shares_experts_out()) return rows;
  ops::Regroup exchange = exchange_of(count, model_.hidden);
  // Gradients of results go the way that tokens go.
  const bool to_experts = stage_.tensors[static_cast<std::size_t>(rows)].type == DataType::fp8;
  exchange.fp8_gradient = options_.dispatch_in_fp8 && !to_experts;
  return node(exchange, name, {rows});
}

/// Probabilities, one a row, where experts multiply by them: they travel as rows do. DeepEP has them in the messages that rows are
/// in, Megatron-Core sends them by themselves (token_dispatcher.py).
TensorIndex StageBuilder::by_row(TensorIndex factors, std::int64_t routed, std::int64_t rows) {
  if (!shares_experts_out()) return factors;
  ops::Regroup exchange = exchange_of(routed, 1);
  exchange.rows.rides = true;
  const TensorIndex received = node(exchange, "moe.factors.received", {factors});
  if (options_.etp == 1) return received;
  return node(ops::Regroup{ops::Regrouping::gather, rows, 1, options_.etp, ops::Sharers::expert},
              "moe.factors.gathered", {received});
}

/// Tokens are quantised before they travel; along columns, where weight gradients want that, their rows are once they are there
/// (DeepSeek-V3, arXiv 2412.19437, section 3.3.2).
TensorIndex StageBuilder::narrow_for_dispatch(TensorIndex x) {
  if (!options_.dispatch_in_fp8) return x;
  const ops::Shape shape = stage_.tensors[static_cast<std::size_t>(x)].shape;
  return node(ops::Quantise{shape.size[0], shape.size[1], 1, options_.fp8.reads}, "moe.x.fp8", {x});
}
TensorIndex StageBuilder::by_columns(TensorIndex rows) {
  const Tensor& given = stage_.tensors[static_cast<std::size_t>(rows)];
  if (given.type != DataType::fp8 || options_.fp8.forms == 1) return rows;
  const ops::Shape shape = given.shape;
  return node(ops::Quantise{shape.size[0], shape.size[1], 1, 1}, "moe.up.x.fp8", {rows});
}

TensorIndex StageBuilder::over_parts(ops::Regrouping how, std::string_view name, TensorIndex x,
                                     std::int64_t count) {
  if (!shares_experts_out() || options_.etp == 1) return x;
  return node(ops::Regroup{how, count, model_.hidden, options_.etp, ops::Sharers::expert}, name, {x});
}

TensorIndex StageBuilder::expert_parameter(std::string_view name, ops::Shape shape, double deviation,
                                           Cut cut) {
  const TensorIndex t =
      parameter(name, shape, deviation > 0 ? Init::normal : Init::zero, deviation, std::move(cut));
  stage_.parameters.back().expert = shares_experts_out();
  return t;
}

}  // namespace ds::graph
