// Attention, MLP, and how a layer puts them together.
#include <fmt/format.h>

#include "simulator/graph/stage_builder.h"

namespace ds::graph {

using workload::NormPlace;
using workload::QkNorm;
using workload::Residual;

/// One table for all layers of the stage.
TensorIndex StageBuilder::rope_table() {
  const std::int64_t width = model_.rotary_dim > 0 ? model_.rotary_dim : model_.head_dim;
  if (rope_table_ == kNone)
    rope_table_ = tensor("rope.table", {{own_sequence(), width}, 2}, options_.type, ops::Role::table);
  return rope_table_;
}

/// Gains that all heads share are summed over the heads of all ranks.
TensorIndex StageBuilder::normed_queries_and_keys(TensorIndex qkv, std::int64_t heads,
                                                  std::int64_t kv_heads) {
  const bool shared = model_.qk_norm == QkNorm::shared;
  const auto gain = [&](std::string_view name, std::int64_t own, Columns all) {
    if (shared) return parameter(name, {{model_.head_dim}, 1}, Init::one, 0, {}, cut());
    return parameter(name, {{own * model_.head_dim}, 1}, Init::one, 0, cut_in(0, std::array{all}));
  };
  const std::int64_t copies = options_.head_copies, width = model_.head_dim;
  const TensorIndex q = gain("attention.q_norm.gain", heads, {model_.heads * width});
  const TensorIndex k = gain("attention.k_norm.gain", kv_heads, {model_.kv_heads * width, copies});
  return node(ops::QkNorm{.tokens = tokens_,
                          .heads = heads,
                          .kv_heads = kv_heads,
                          .head_dim = model_.head_dim,
                          .q_gains = (shared ? 1 : heads) * model_.head_dim,
                          .k_gains = (shared ? 1 : kv_heads) * model_.head_dim,
                          .whole = model_.qk_norm == QkNorm::whole},
              "attention.normed", {qkv, q, k});
}

TensorIndex StageBuilder::attention(TensorIndex x) {
  const std::int64_t q = model_.heads * model_.head_dim, copies = options_.head_copies;
  const Columns kv{model_.kv_heads * model_.head_dim, copies};
  const std::int64_t heads = model_.heads / options_.tp, kv_heads = model_.kv_heads * copies / options_.tp;
  TensorIndex qkv =
      products("attention.qkv", "attention.qkv", x,
               {{"attention.q", {q}}, {"attention.k", kv}, {"attention.v", kv}}, model_.qkv_bias);
  if (in_grid())
    qkv = exchange_in_column(ops::Regrouping::to_heads, "attention.qkv.heads", qkv, own({q}) + 2 * own(kv),
                             own({q}), own(kv));
  if (model_.qk_norm != QkNorm::none) qkv = normed_queries_and_keys(qkv, heads, kv_heads);
  if (model_.position == workload::Position::rope && !kind_.unrotated)
    node(ops::Rope{.tokens = tokens_,
                   .sequence = own_sequence(),
                   .heads = heads,
                   .kv_heads = kv_heads,
                   .head_dim = model_.head_dim,
                   .rotary = model_.rotary_dim == model_.head_dim ? 0 : model_.rotary_dim},
         "rope", {qkv, rope_table()});
  TensorIndex o = attended(qkv, {.batch = options_.batch,
                                 .sequence = options_.sequence,
                                 .heads = heads,
                                 .kv_heads = kv_heads,
                                 .head_dim = model_.head_dim,
                                 .both_ways = model_.family == workload::Family::bert,
                                 .window = kind_.windowed ? model_.window : 0});
  if (in_grid())
    o = exchange_in_column(ops::Regrouping::to_tokens, "attention.o.tokens", o, own({q}), own({q}));
  return narrow_linear("attention.projection", "attention.projected", o, q, model_.projection_bias);
}

TensorIndex StageBuilder::attended(TensorIndex qkv, ops::Attention one_rank) {
  one_rank.flash = options_.flash;
  one_rank.drops = !options_.flash && options_.dropout > 0;
  one_rank.sinks = model_.attention_sinks;
  if (model_.position == workload::Position::alibi && !one_rank.both_ways)
    one_rank.alibi_heads = model_.heads;
  if (options_.cp == 1) return node(one_rank, "attention.o", with_sinks({qkv}, one_rank.heads));
  return options_.cp_kind == workload::CpKind::all_to_all ? attended_by_heads(qkv, one_rank)
                                                          : attended_by_tokens(qkv, one_rank);
}

std::vector<TensorIndex> StageBuilder::with_sinks(std::vector<TensorIndex> given, std::int64_t heads) {
  if (model_.attention_sinks)
    given.push_back(parameter("attention.sinks", {{heads}, 1}, Init::zero, 0, cut_in(0, model_.heads)));
  return given;
}

/// Each rank has all tokens of its heads (DeepSpeed-Ulysses, Jacobs et al. 2023).
TensorIndex StageBuilder::attended_by_heads(TensorIndex qkv, ops::Attention one_rank) {
  using ops::Regrouping;
  const auto exchange = [&](Regrouping how, std::string_view name, TensorIndex x, std::int64_t width,
                            std::int64_t queries, std::int64_t keys) {
    return node(ops::Regroup{.how = how,
                             .tokens = one_rank.tokens(),
                             .width = width,
                             .shards = options_.cp,
                             .over = ops::Sharers::context,
                             .batch = one_rank.batch,
                             .queries = queries,
                             .keys = keys},
                name, {x});
  };
  const std::int64_t queries = one_rank.heads * one_rank.head_dim,
                     keys = one_rank.kv_heads * one_rank.head_dim;
  const std::int64_t values = one_rank.value_dim();
  const std::int64_t width = queries + keys + one_rank.kv_heads * values;
  const std::int64_t result = one_rank.heads * values;
  const std::int64_t heads = one_rank.heads;
  one_rank.heads /= options_.cp, one_rank.kv_heads /= options_.cp;
  one_rank.context_heads = options_.cp;
  const TensorIndex mine =
      exchange(Regrouping::to_heads, "attention.qkv.by_heads", qkv, width, queries, keys);
  const TensorIndex o = node(one_rank, "attention.o.by_heads", with_sinks({mine}, heads));
  return exchange(Regrouping::to_tokens, "attention.o", o, result, result, 0);
}

/// Each rank has all heads of its tokens, and meets the keys and values of others: gathered (Llama 3, section 3.3.2), or
/// one part after another (Liu et al. 2023).
TensorIndex StageBuilder::attended_by_tokens(TensorIndex qkv, const ops::Attention& one_rank) {
  const bool ring = options_.cp_kind == workload::CpKind::ring;
  const std::int64_t queries = one_rank.heads * one_rank.head_dim;
  const std::int64_t keys = one_rank.kv_heads * (one_rank.head_dim + one_rank.value_dim());
  const TensorIndex q = node(ops::SplitHeads{tokens_, queries, keys}, "attention.q.own", {qkv});
  TensorIndex kv = stage_.forward.back().operands.back();
  if (!ring)
    kv = node(
        ops::Regroup{ops::Regrouping::gather, one_rank.tokens(), keys, options_.cp, ops::Sharers::context},
        "attention.kv.gathered", {kv});
  return node(ops::ContextAttention{.batch = one_rank.batch,
                                    .sequence = own_sequence(),
                                    .ranks = options_.cp,
                                    .heads = one_rank.heads,
                                    .kv_heads = one_rank.kv_heads,
                                    .head_dim = one_rank.head_dim,
                                    .keys = ring ? ops::Keys::ring : ops::Keys::gathered,
                                    .window = one_rank.window,
                                    .v_dim = one_rank.v_dim,
                                    .sinks = one_rank.sinks,
                                    .alibi_heads = one_rank.alibi_heads},
              "attention.o", with_sinks({q, kv}, one_rank.heads));
}

/// Queries, keys and values are projected down to latent vectors, which every rank has whole, and from these up to the heads
/// (DeepSeek-V2, arXiv 2405.04434, section 2.1).
TensorIndex StageBuilder::latent_attention(TensorIndex normed, const workload::Mla& mla) {
  const TensorIndex x = quantised("attention.norm.y", normed);  // once for all that it is projected to
  const std::int64_t hidden = model_.hidden, qk = mla.qk_nope_head_dim + mla.qk_rope_head_dim;
  const auto up = [&](std::string_view weight, std::string_view result, TensorIndex vectors,
                      std::int64_t inputs, std::int64_t outputs) {
    const InPart part(*this, Part::up_projection);
    return wide_linear(weight, result, vectors, inputs, std::array{Columns{outputs}}, false);
  };
  const auto latent = [&](std::string_view name, std::int64_t width) {
    const TensorIndex down = whole_linear(fmt::format("attention.{}_down", name),
                                          fmt::format("attention.{}_latent", name), x, hidden, width);
    const std::string its_norm = fmt::format("attention.{}_norm", name);
    const InPart part(*this, Part::up_projection);
    return enter(its_norm, norm(its_norm, down, width), width);
  };
  const auto queries = [&] {
    if (mla.q_lora_rank > 0)
      return up("attention.q_up", "attention.q", latent("q", mla.q_lora_rank), mla.q_lora_rank,
                model_.heads * qk);
    return wide_linear("attention.q", "attention.q", enter("attention.q.x", x), hidden,
                       std::array{Columns{model_.heads * qk}}, false);
  };
  // Without latent queries a rank's gradient of x is a part of a sum, to which what every rank has whole may not yet have been added:
  // backward begins with what comes last here.
  const bool first = mla.q_lora_rank > 0;
  TensorIndex q = first ? queries() : kNone;
  const TensorIndex kv = up("attention.kv_up", "attention.kv", latent("kv", mla.kv_lora_rank),
                            mla.kv_lora_rank, model_.heads * (mla.qk_nope_head_dim + mla.v_head_dim));
  const TensorIndex shared =
      enter("attention.k_rope",
            whole_linear("attention.k_rope", "attention.k_rope", x, hidden, mla.qk_rope_head_dim),
            mla.qk_rope_head_dim);
  if (!first) q = queries();
  const std::int64_t heads = model_.heads / options_.tp;
  const auto join = [&] {
    const InPart part(*this, Part::up_projection);
    return node(ops::JoinHeads{.tokens = tokens_,
                               .heads = heads,
                               .nope = mla.qk_nope_head_dim,
                               .rope = mla.qk_rope_head_dim,
                               .v = mla.v_head_dim,
                               .rotates = model_.position == workload::Position::rope && !kind_.unrotated,
                               .sequence = own_sequence(),
                               .context = options_.cp},
                "attention.qkv", {q, kv, shared});
  };
  const TensorIndex qkv = join();
  const TensorIndex o = attended(qkv, {.batch = options_.batch,
                                       .sequence = options_.sequence,
                                       .heads = heads,
                                       .kv_heads = heads,
                                       .head_dim = qk,
                                       .v_dim = mla.v_head_dim});
  return narrow_linear("attention.projection", "attention.projected", o, model_.heads * mla.v_head_dim,
                       model_.projection_bias);
}

TensorIndex StageBuilder::activated(std::string_view name, TensorIndex x, std::int64_t tokens,
                                    std::int64_t width, TensorIndex factors) {
  const bool weighted = factors != kNone;
  std::vector<TensorIndex> given{x};
  if (weighted) given.push_back(factors);
  if (model_.gated_mlp)
    return node(ops::SwiGlu{tokens, width, options_.composite_gates, weighted}, name, std::move(given));
  return node(ops::Gelu{tokens, width, weighted}, name, std::move(given));
}

TensorIndex StageBuilder::dense_mlp(std::string_view name, TensorIndex x, std::int64_t width) {
  const std::int64_t local = width / grid_columns();
  const bool bias = model_.mlp_bias;
  const auto of = [&](const char* what) { return fmt::format("{}.{}", name, what); };
  const std::string gate = of("gate"), up = of("up");
  const TensorIndex h =
      model_.gated_mlp
          ? products(of("up"), of("h"), x, {{gate.c_str(), {width}}, {up.c_str(), {width}}}, bias)
          : wide_linear(of("up"), of("h"), x, model_.hidden, std::array{Columns{width}}, bias);
  const TensorIndex a = activated(of("activated"), h, product_tokens(), local);
  return narrow_linear(of("down"), of("projected"), a, width, bias);
}

TensorIndex StageBuilder::mlp(TensorIndex x) {
  if (model_.moe && !kind_.dense) return experts(x, *model_.moe);
  return dense_mlp("mlp", x, model_.ffn_hidden);
}

bool StageBuilder::has_waiting_bias(std::string_view product) const {
  return cut() && (product.starts_with("attention") ? model_.projection_bias : model_.mlp_bias);
}

TensorIndex StageBuilder::leave_product(std::string_view result, TensorIndex x,
                                        std::initializer_list<std::string_view> products) {
  x = in_grid() ? leave_grid(result, x) : leave(result, x, model_.hidden);
  for (const std::string_view product : products)
    if (!product.empty() && has_waiting_bias(product))
      x = node(ops::Bias{local_tokens_, model_.hidden}, result,
               {x, parameter(fmt::format("{}.bias", product), {{model_.hidden}, 1}, Init::zero)});
  return x;
}

TensorIndex StageBuilder::leave_branch(std::string_view result, TensorIndex x,
                                       std::initializer_list<std::string_view> products) {
  return dropped(result, leave_product(result, x, products));
}

/// The last product of the MLP, or of shared experts; routed ones add their biases themselves.
std::string_view StageBuilder::last_product() const {
  if (!model_.moe || kind_.dense) return "mlp.down";
  return model_.moe->shared_experts > 0 ? "moe.shared.down" : "";
}

template <class Fn>
TensorIndex StageBuilder::branch(std::string_view name, std::string_view result, TensorIndex x, Fn&& f) {
  const NormPlace place = model_.norm_place;
  const bool before = place == NormPlace::before || place == NormPlace::around;
  const bool behind = place == NormPlace::behind || place == NormPlace::around;
  const auto normed = [&] {
    const InPart part(*this, name == "attention" ? Part::attention_norm : norm_of_mlp());
    return norm(fmt::format("{}.norm", name), x);
  };
  TensorIndex y = f(before ? normed() : x);
  if (behind) y = norm(fmt::format("{}.post_norm", name), y);
  const bool after = place == NormPlace::after;
  y = node(ops::Add{local_tokens_, model_.hidden}, after ? fmt::format("{}.sum", name) : std::string(result),
           {x, y});
  return after ? norm(fmt::format("{}.norm", name), y) : y;
}

TensorIndex StageBuilder::serial_layer(TensorIndex x) {
  const TensorIndex middle = branch("attention", "middle", x, [&](TensorIndex in) {
    const TensorIndex attended =
        model_.mla ? latent_attention(in, *model_.mla) : attention(enter_product("attention.norm.y", in));
    return leave_branch("attention.projected", attended, {"attention.projection"});
  });
  return branch("mlp", "output", middle, [&](TensorIndex in) {
    const bool routed = model_.moe && !kind_.dense;  // a router takes what experts take
    if (routed && shares_experts_out()) return dropped("mlp.projected", experts(in, *model_.moe));
    const auto made = [&] {
      const InPart part(*this, routed ? Part::moe : Part::mlp);
      return mlp(routed ? enter("mlp.norm.y", in) : enter_product("mlp.norm.y", in));
    };
    return leave_branch("mlp.projected", made(), {last_product()});
  });
}

/// Both parts of the sum leave the tensor-parallel region together, and where they share a norm they enter it together
/// (Wang & Komatsuzaki 2021; Black et al. 2022, section 2).
TensorIndex StageBuilder::parallel_layer(TensorIndex x) {
  const auto normed = [&](const char* name, Part its) {
    const InPart part(*this, its);
    return norm(name, x);
  };
  const TensorIndex in = enter("attention.norm.y", normed("attention.norm", Part::attention_norm));
  const TensorIndex attended = attention(in);
  const bool two = model_.residual == Residual::parallel_two_norms;
  const TensorIndex y = two ? normed("mlp.norm", norm_of_mlp()) : kNone;
  const auto made = [&] {
    const InPart part(*this, Part::mlp);
    return mlp(two ? enter("mlp.norm.y", y) : in);
  };
  const TensorIndex fed = made();
  const TensorIndex both = node(ops::Add{tokens_, model_.hidden}, "branches", {attended, fed});
  const TensorIndex sum = leave_branch("branches", both, {"attention.projection", last_product()});
  return node(ops::Add{local_tokens_, model_.hidden}, "output", {x, sum});
}

TensorIndex StageBuilder::layers(const LayerRun& run, TensorIndex x) {
  layer_ = static_cast<std::int32_t>(stage_.layers.size());
  const auto members = static_cast<std::int32_t>(run.kinds.size());
  TensorIndex y = x;
  for (member_ = 0; member_ < members; ++member_) {
    kind_ = run.kinds[static_cast<std::size_t>(member_)];
    y = model_.residual == Residual::serial ? serial_layer(y) : parallel_layer(y);
  }
  stage_.layers.push_back({.count = run.times, .members = members, .input = x, .output = y});
  layer_ = kNone, member_ = 0;
  return y;
}

}  // namespace ds::graph
