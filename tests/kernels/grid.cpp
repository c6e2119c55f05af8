#include "tests/kernels/grid.h"

#include <algorithm>

namespace ds::kernels::test {
namespace {

struct Size {
  std::int64_t tokens, hidden;
};
constexpr Size kSizes[] = {{1, 1},  {1, 3},  {5, 1},   {2, 7},    {3, 8},
                           {7, 33}, {4, 64}, {33, 65}, {130, 96}, {65, 257}};

struct Heads {
  std::int64_t heads, kv_heads, head_dim;
};
constexpr Heads kHeads[] = {{1, 1, 1}, {2, 2, 3}, {4, 2, 8}, {3, 1, 33}, {2, 1, 64}, {2, 2, 65}};
constexpr std::int64_t kSequences[] = {1, 2, 7, 16, 17, 33, 64, 65, 130};

using Whats = std::vector<ops::What>;

void add_attention(Whats& all, bool flash) {
  for (const Heads& h : kHeads)
    for (const std::int64_t sequence : kSequences)
      all.emplace_back(
          ops::Attention{sequence < 20 ? 2 : 1, sequence, h.heads, h.kv_heads, h.head_dim, flash});
  all.emplace_back(ops::Attention{1, 40, 2, 1, 200, flash});  // wide heads have smaller tiles
  all.emplace_back(ops::Attention{1, 35, 1, 1, 512, flash});
}

void add_rows(Whats& all, const Size& s) {
  all.emplace_back(
      ops::Embedding{.tokens = s.tokens, .sequence = (s.tokens + 1) / 2, .hidden = s.hidden, .vocab = 11});
  all.emplace_back(ops::Embedding{s.tokens, (s.tokens + 1) / 2, s.hidden, 300, true});
  for (const std::int64_t first : {0, 10})
    all.emplace_back(ops::Embedding{.tokens = s.tokens,
                                    .sequence = (s.tokens + 1) / 2,
                                    .hidden = s.hidden,
                                    .vocab = 5,
                                    .shards = 3,
                                    .first = first});
  all.emplace_back(ops::Positions{s.tokens, (s.tokens + 1) / 2, s.hidden});
  all.emplace_back(ops::Positions{
      .tokens = s.tokens, .sequence = (s.tokens + 1) / 2, .hidden = s.hidden, .rows = s.tokens + 3});
  all.emplace_back(ops::Positions{s.tokens, 2 * s.tokens + 1, s.hidden, 4, 3 * s.tokens});
  all.emplace_back(ops::Bias{s.tokens, s.hidden});
  for (const bool residual : {false, true}) {
    all.emplace_back(ops::LayerNorm{s.tokens, s.hidden, residual});
    all.emplace_back(ops::RmsNorm{s.tokens, s.hidden, residual});
  }
  for (const std::int64_t outputs : {1, 3, 31, 64})
    all.emplace_back(ops::Linear{s.tokens, s.hidden, outputs, outputs != 3});
  all.emplace_back(ops::Gelu{s.tokens, s.hidden});
  all.emplace_back(ops::SwiGlu{s.tokens, s.hidden});
  all.emplace_back(ops::Add{s.tokens, s.hidden});
  all.emplace_back(ops::CrossEntropy{s.tokens, s.hidden, s.hidden + 5, 1.0 / static_cast<double>(s.tokens)});
  for (const std::int64_t shard : {0, 1, 2}) {  // real columns: all, all but two (if so many), none
    const std::int64_t vocab = std::max(s.hidden, 2 * s.hidden - 2), first = shard * s.hidden;
    all.emplace_back(ops::CrossEntropy{s.tokens, vocab, s.hidden, 0.25, 3, first});
    all.emplace_back(ops::SoftmaxStatistics{s.tokens, vocab, s.hidden, 3, first});
  }
  all.emplace_back(ops::SquaredNorm{s.tokens * s.hidden, s.hidden % 2 == 0});
  all.emplace_back(ops::SquaredNorm{.elements = s.tokens * s.hidden, .counted = s.tokens * s.hidden * 2 / 3});
  all.emplace_back(ops::LossSum{s.tokens});
  all.emplace_back(ops::ClipFactor{0.5});
  all.emplace_back(ops::AdamW{.elements = s.tokens * s.hidden, .decayed = s.tokens * s.hidden * 2 / 3});
  all.emplace_back(ops::AdamW{.elements = s.tokens * s.hidden,
                              .decayed = s.tokens * s.hidden * 3 / 2,
                              .shards = 3,
                              .first = s.tokens * s.hidden});
  all.emplace_back(ops::Accumulate{s.tokens * s.hidden});
  all.emplace_back(ops::Zero{s.tokens * s.hidden});
}

/// What only the reference computes: of ranks that share out a sequence or experts, and what few models have.
Whats rare_operators() {
  Whats all;
  for (const ops::Keys keys : {ops::Keys::gathered, ops::Keys::first, ops::Keys::later})
    for (const std::int64_t rank : {0, 2})
      all.emplace_back(ops::ContextAttention{.batch = 2,
                                             .sequence = 4,
                                             .ranks = 3,
                                             .heads = 4,
                                             .kv_heads = 2,
                                             .head_dim = 3,
                                             .keys = keys,
                                             .window = keys == ops::Keys::gathered && rank == 2 ? 5 : 0,
                                             .v_dim = 2,
                                             .step = keys == ops::Keys::later ? 1 : 0,
                                             .rank = rank});
  all.emplace_back(ops::SplitHeads{3, 4, 6});
  all.emplace_back(ops::JoinColumns{3, 4, 2});
  all.emplace_back(ops::JoinColumns{3, 4, 2, 5});
  all.emplace_back(ops::Hold{7});
  all.emplace_back(ops::host_copy({{7, 5}, 2}, true));
  all.emplace_back(ops::Route{.tokens = 5, .experts = 4, .top_k = 2});
  all.emplace_back(ops::Gate{.tokens = 5, .width = 3});
  for (const std::int64_t capacity : {0, 1, 5}) {  // even, too few rows, enough for all
    all.emplace_back(ops::Dispatch{.tokens = 6, .width = 3, .top_k = 2, .experts = 4, .capacity = capacity});
    for (const bool weighted : {true, false})
      all.emplace_back(ops::Combine{
          .tokens = 6, .width = 3, .top_k = 2, .experts = 4, .capacity = capacity, .weighted = weighted});
    all.emplace_back(ops::SpreadProbabilities{.tokens = 6, .top_k = 2, .experts = 4, .capacity = capacity});
  }
  for (const std::int64_t sources : {1, 2})
    all.emplace_back(ops::GroupedLinear{
        .tokens = 12, .experts = 3, .inputs = 4, .outputs = 5, .sources = sources, .bias = sources == 2});
  for (const bool whole : {false, true})
    all.emplace_back(ops::QkNorm{.tokens = 3,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head_dim = 3,
                                 .q_gains = whole ? 12 : 3,
                                 .k_gains = whole ? 6 : 3,
                                 .whole = whole});
  all.emplace_back(
      ops::QkNorm{.tokens = 3, .heads = 4, .kv_heads = 2, .head_dim = 3, .q_gains = 12, .k_gains = 6});
  all.emplace_back(ops::SoftCap{3, 7});
  for (const bool rotates : {true, false})
    all.emplace_back(ops::JoinHeads{.tokens = 8,
                                    .heads = 2,
                                    .nope = 3,
                                    .rope = 4,
                                    .v = 5,
                                    .rotates = rotates,
                                    .sequence = 4,
                                    .context = 2,
                                    .context_rank = 1});
  for (const ops::Keys keys : {ops::Keys::gathered, ops::Keys::first, ops::Keys::later})
    all.emplace_back(ops::ContextAttention{.batch = 1,
                                           .sequence = 4,
                                           .ranks = 2,
                                           .heads = 2,
                                           .kv_heads = 2,
                                           .head_dim = 3,
                                           .keys = keys,
                                           .step = keys == ops::Keys::later ? 1 : 0,
                                           .rank = 1,
                                           .sinks = keys != ops::Keys::later,
                                           .alibi_heads = 2});
  return all;
}

}  // namespace

std::vector<ops::Op> every_operator() {
  Whats all = rare_operators();
  for (const Size& s : kSizes) add_rows(all, s);
  for (const Heads& h : kHeads) all.emplace_back(ops::Rope{9, 5, h.heads, h.kv_heads, 2 * h.head_dim});
  all.emplace_back(ops::CrossEntropy{3, 3000, 3008, 0.25});  // several blocks of a row
  all.emplace_back(ops::CrossEntropy{3, 5990, 3000, 0.25, 2, 3000});
  all.emplace_back(ops::SoftmaxStatistics{3, 5990, 3000, 2, 3000});
  all.emplace_back(ops::SquaredNorm{150001, true});  // several blocks between polls
  all.emplace_back(ops::AdamW{.elements = 150001, .decayed = 70003});
  add_attention(all, true);
  add_attention(all, false);
  std::vector<ops::Op> operators;
  for (const ops::What& what : all)
    for (const ops::Pass pass :
         {ops::Pass::forward, ops::Pass::input_gradient, ops::Pass::weight_gradient, ops::Pass::update})
      if (ops::has_pass(what, pass)) operators.push_back({what, pass, DataType::fp64, false});
  return operators;
}

std::vector<ops::Op> differentiable_operators() {
  Whats all{
      ops::Embedding{.tokens = 6, .sequence = 3, .hidden = 5, .vocab = 4, .positions = true},
      ops::Embedding{.tokens = 6, .sequence = 3, .hidden = 5, .vocab = 4, .positions = true, .rows = 7},
      ops::Embedding{.tokens = 9, .sequence = 3, .hidden = 5, .vocab = 2, .shards = 3, .first = 2},
      ops::Positions{.tokens = 4, .sequence = 3, .hidden = 5, .shards = 3, .first = 4},
      ops::Bias{.tokens = 4, .width = 5},
      ops::LayerNorm{.tokens = 3, .hidden = 9, .residual = true},
      ops::LayerNorm{.tokens = 2, .hidden = 5},
      ops::RmsNorm{.tokens = 3, .hidden = 9, .residual = true},
      ops::RmsNorm{.tokens = 2, .hidden = 5},
      ops::Linear{.tokens = 4, .inputs = 5, .outputs = 3, .bias = true},
      ops::Linear{.tokens = 4, .inputs = 5, .outputs = 3},
      ops::Rope{.tokens = 6, .sequence = 3, .heads = 2, .kv_heads = 1, .head_dim = 6},
      ops::Attention{.batch = 2, .sequence = 7, .heads = 4, .kv_heads = 2, .head_dim = 3},
      ops::Attention{.batch = 1, .sequence = 70, .heads = 1, .kv_heads = 1, .head_dim = 2},
      ops::Attention{.batch = 2, .sequence = 7, .heads = 4, .kv_heads = 2, .head_dim = 3, .flash = false},
      ops::Gelu{.tokens = 3, .width = 7},
      ops::SwiGlu{.tokens = 3, .width = 7},
      ops::Embedding{.tokens = 8,
                     .sequence = 4,
                     .hidden = 5,
                     .vocab = 4,
                     .positions = true,
                     .rows = 12,
                     .context = 3,
                     .context_rank = 1},
      ops::Positions{.tokens = 8, .sequence = 4, .hidden = 5, .rows = 12, .context = 3, .context_rank = 2},
      ops::LayerNorm{.tokens = 2, .hidden = 5, .shifts = false},
      ops::LayerNorm{.tokens = 2, .hidden = 5, .gains = false, .shifts = false},
      ops::Rope{.tokens = 6, .sequence = 3, .heads = 2, .kv_heads = 1, .head_dim = 6, .rotary = 4}};
  for (const bool flash : {true, false})
    all.emplace_back(ops::Attention{.batch = 2,
                                    .sequence = 7,
                                    .heads = 4,
                                    .kv_heads = 2,
                                    .head_dim = 3,
                                    .flash = flash,
                                    .window = 3,
                                    .v_dim = 2});
  for (const bool flash : {true, false})
    for (const std::int64_t alibi_heads : {0, 6})  // six: no power of two
      all.emplace_back(ops::Attention{.batch = 2,
                                      .sequence = 5,
                                      .heads = 2,
                                      .kv_heads = 1,
                                      .head_dim = 3,
                                      .flash = flash,
                                      .sinks = alibi_heads == 0,
                                      .alibi_heads = alibi_heads,
                                      .context_heads = 3,
                                      .context_rank = 1});
  all.emplace_back(ops::SwiGlu{.tokens = 3, .width = 7, .weighted = true});
  all.emplace_back(ops::Gelu{.tokens = 3, .width = 7, .weighted = true});
  all.emplace_back(ops::Positions{.tokens = 6, .sequence = 3, .hidden = 5, .context = 2, .parts = 2});
  const Whats rare = rare_operators();
  all.insert(all.end(), rare.begin(), rare.end());
  std::vector<ops::Op> operators;
  for (const ops::What& what : all) operators.push_back({what, ops::Pass::forward, DataType::fp64, false});
  return operators;
}

}  // namespace ds::kernels::test
