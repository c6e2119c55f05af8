#pragma once
// The plans that are trained on many ranks, and what equality with one process means.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "tests/executor/parallel/team.h"

namespace ds::support {

struct Axes {
  const char* name;
  std::int64_t tp, pp, dp, vpp;
  std::vector<std::vector<std::int64_t>> stage_layers;
};

inline const std::vector<Axes>& plans() {
  static const std::vector<Axes> all{
      {"tp 2", 2, 1, 1, 1, {}},
      {"pp 2", 1, 2, 1, 1, {}},
      {"dp 2", 1, 1, 2, 1, {}},
      {"tp 2 x pp 2", 2, 2, 1, 1, {}},
      {"tp 2 x dp 2", 2, 1, 2, 1, {}},
      {"pp 2 x dp 2", 1, 2, 2, 1, {}},
      {"pp 2 interleaved", 1, 2, 1, 2, {}},
      {"pp 4 uneven", 1, 4, 1, 1, {{1}, {2}, {1}, {1}}},
      {"tp 2 x pp 2 x dp 2", 2, 2, 2, 1, {}},
  };
  return all;
}

/// Four micro-batches in all, whatever the number of ranks; two where interleaving does not ask for more.
inline Small small(const Axes& axes, workload::Family family, bool tied) {
  Small s{.family = family,
          .layers = axes.stage_layers.empty() ? 4 : 5,
          .hidden = 16,
          .heads = 4,
          .kv_heads = family == workload::Family::llama ? 2 : 4,
          .ffn = 24,
          .vocab = 13,
          .sequence = 6,
          .micro_batch = 1,
          .micro_batches = 4 / axes.dp,
          .tied = tied};
  s.tp = axes.tp, s.pp = axes.pp, s.dp = axes.dp, s.vpp = axes.vpp;
  s.stage_layers = axes.stage_layers;
  if (axes.vpp > 1) s.schedule = workload::Schedule::interleaved;
  return s;
}

inline Small on_one_rank(Small s) {
  s.micro_batches *= s.dp;
  s.tp = s.tp_rows = s.pp = s.dp = s.vpp = s.cp = s.ep = s.etp = 1;
  s.stage_layers.clear();
  s.schedule = workload::Schedule::one_f_one_b;
  return s;
}

inline double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double v : values) most = std::max(most, std::abs(v));
  return most;
}

/// Tensors of the same names whose values differ by at most that share of the largest; 0: bit for bit.
inline void expect_same(const Tensors& many, const Tensors& one, double tolerance) {
  ASSERT_EQ(many.size(), one.size());
  for (const auto& [name, expected] : one) {
    ASSERT_TRUE(many.contains(name)) << name;
    const std::vector<double>& got = many.at(name);
    // Rows that pad the vocabulary to equal parts come last.
    const bool padded = name == "embedding.tokens" || name.starts_with("head.");
    ASSERT_TRUE(got.size() == expected.size() || (padded && got.size() > expected.size())) << name;
    double off = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(std::isfinite(got[i]) && std::isfinite(expected[i])) << name;
      off = std::max(off, std::abs(got[i] - expected[i]));
    }
    // The key's bias has no gradient under learned positions; the tensor that holds it has others.
    EXPECT_LE(off, tolerance * largest(expected)) << name;
  }
}

/// Weights and moments, whole.
inline void expect_same_states(const executor::Logical& many, const executor::Logical& one,
                               double tolerance) {
  for (const executor::State state : executor::kStates) {
    const auto values = [state](const executor::Logical& all) {
      Tensors tensors;
      for (const auto& [name, tensor] : all)
        tensors[name] = tensor.states[static_cast<std::size_t>(state)].values;
      return tensors;
    };
    expect_same(values(many), values(one), tolerance);
  }
}

/// A plan, a family, tied or not.
using Drawn = std::tuple<std::size_t, workload::Family, bool>;

inline Small small(const Drawn& drawn) {
  return small(plans()[std::get<0>(drawn)], std::get<1>(drawn), std::get<2>(drawn));
}

inline std::string name_of(const testing::TestParamInfo<Drawn>& info) {
  std::string name = plans()[std::get<0>(info.param)].name;
  std::ranges::replace(name, ' ', '_');
  name += std::get<1>(info.param) == workload::Family::gpt ? "_gpt" : "_llama";
  return name + (std::get<2>(info.param) ? "_tied" : "_untied");
}

inline auto every_plan() {
  return testing::Combine(testing::Range<std::size_t>(0, plans().size()),
                          testing::Values(workload::Family::gpt, workload::Family::llama), testing::Bool());
}

}  // namespace ds::support
