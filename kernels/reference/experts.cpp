// Experts: their choice, tokens on their way to them and back, and their products, as plain loops.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"
#include "simulator/base/error.h"

namespace ds::kernels::cpu::reference {
namespace {

/// exp(logit - largest) / sum of these, of one token's row.
template <class T>
struct Softmax {
  const T* row;
  double top, sum{0};
  Softmax(const T* logits, std::int64_t experts) : row(logits), top(logits[0]) {
    for (std::int64_t e = 1; e < experts; ++e) top = std::max<double>(top, logits[e]);
    for (std::int64_t e = 0; e < experts; ++e) sum += std::exp(logits[e] - top);
  }
  double operator()(std::int64_t e) const { return std::exp(row[e] - top) / sum; }
};

bool among(const std::int32_t* chosen, std::int64_t count, std::int64_t expert) {
  for (std::int64_t k = 0; k < count; ++k)
    if (chosen[k] == expert) return true;
  return false;
}

/// Largest first; of equal ones the one with the lower number.
template <class T>
void route(const ops::Route& r, Arguments a, Queue&) {
  const T* logits = a.in<T>();
  T* probs = a.out<T>();
  auto* chosen = a.out<std::int32_t>();
  for (std::int64_t t = 0; t < r.tokens; ++t, logits += r.experts, probs += r.top_k, chosen += r.top_k) {
    const Softmax<T> softmax(logits, r.experts);
    for (std::int64_t k = 0; k < r.top_k; ++k) {
      std::int64_t best = -1;
      for (std::int64_t e = 0; e < r.experts; ++e)
        if (!among(chosen, k, e) && (best < 0 || logits[e] > logits[best])) best = e;
      chosen[k] = static_cast<std::int32_t>(best);
      probs[k] = static_cast<T>(softmax(best));
    }
  }
}

/// With p = softmax(logits): dlogits_e = p_e (dp_e - sum over the chosen c of p_c dp_c), dp_e = 0 where e was not chosen.
template <class T>
void route_gradient(const ops::Route& r, Arguments a, Queue&) {
  const T *dprobs = a.in<T>(), *logits = a.in<T>();
  const auto* chosen = a.in<std::int32_t>();
  T* dlogits = a.out<T>();
  for (std::int64_t t = 0; t < r.tokens; ++t) {
    const Softmax<T> softmax(logits + t * r.experts, r.experts);
    double sum = 0;
    for (std::int64_t k = t * r.top_k; k < (t + 1) * r.top_k; ++k) sum += softmax(chosen[k]) * dprobs[k];
    for (std::int64_t e = 0; e < r.experts; ++e) {
      double d = -sum;
      for (std::int64_t k = t * r.top_k; k < (t + 1) * r.top_k; ++k)
        if (chosen[k] == e) d += dprobs[k];
      dlogits[t * r.experts + e] = static_cast<T>(softmax(e) * d);
    }
  }
}

/// The row of each choice, or -1 where none is left. Counted anew for each: a kernel keeps no counters. Without a capacity
/// nothing may be dropped, and there are rows for an even load: the program was made to be simulated.
std::int64_t row_of(const ops::ExpertRows& rows, const std::int32_t* chosen, std::int64_t choice) {
  std::int64_t before = 0;
  for (std::int64_t c = 0; c < choice; ++c) before += chosen[c] == chosen[choice] ? 1 : 0;
  ensure(before < rows.of_expert() || rows.capacity > 0,
         "experts are chosen evenly, or have a capacity (model.moe.capacity_factor)");
  return before < rows.of_expert() ? chosen[choice] * rows.of_expert() + before : -1;
}

/// fn(choice, row) of every choice that has one.
template <class Fn>
void for_each_row(const ops::ExpertRows& rows, const std::int32_t* chosen, Fn&& fn) {
  for (std::int64_t choice = 0; choice < rows.tokens * rows.top_k; ++choice)
    if (const std::int64_t row = row_of(rows, chosen, choice); row >= 0) fn(choice, row);
}

template <class T>
void dispatch(const ops::Dispatch& d, Arguments a, Queue&) {
  const T* x = a.in<T>();
  const auto* chosen = a.in<std::int32_t>();
  T* rows = a.out<T>();
  std::fill_n(rows, d.rows().count() * d.width, T{0});
  for_each_row(d.rows(), chosen, [&](std::int64_t choice, std::int64_t row) {
    std::copy_n(x + choice / d.top_k * d.width, d.width, rows + row * d.width);
  });
}

template <class T>
void dispatch_gradient(const ops::Dispatch& d, Arguments a, Queue&) {
  const T* drows = a.in<T>();
  const auto* chosen = a.in<std::int32_t>();
  T* dx = a.out<T>();
  std::fill_n(dx, d.tokens * d.width, T{0});
  for_each_row(d.rows(), chosen, [&](std::int64_t choice, std::int64_t row) {
    for (std::int64_t i = 0; i < d.width; ++i) dx[choice / d.top_k * d.width + i] += drows[row * d.width + i];
  });
}

template <class T>
void spread(const ops::SpreadProbabilities& s, Arguments a, Queue&) {
  const T* probs = a.in<T>();
  const auto* chosen = a.in<std::int32_t>();
  T* factors = a.out<T>();
  std::fill_n(factors, s.rows().count(), T{0});
  for_each_row(s.rows(), chosen,
               [&](std::int64_t choice, std::int64_t row) { factors[row] = probs[choice]; });
}

template <class T>
void spread_gradient(const ops::SpreadProbabilities& s, Arguments a, Queue&) {
  const T* dfactors = a.in<T>();
  const auto* chosen = a.in<std::int32_t>();
  T* dprobs = a.out<T>();
  std::fill_n(dprobs, s.tokens * s.top_k, T{0});
  for_each_row(s.rows(), chosen,
               [&](std::int64_t choice, std::int64_t row) { dprobs[choice] = dfactors[row]; });
}

template <class T>
void combine(const ops::Combine& c, Arguments a, Queue&) {
  const T *rows = a.in<T>(), *probs = c.weighted ? a.in<T>() : nullptr;
  const auto* chosen = a.in<std::int32_t>();
  T* y = a.out<T>();
  std::fill_n(y, c.tokens * c.width, T{0});
  for_each_row(c.rows(), chosen, [&](std::int64_t choice, std::int64_t row) {
    for (std::int64_t i = 0; i < c.width; ++i)
      y[choice / c.top_k * c.width + i] += (c.weighted ? probs[choice] : T{1}) * rows[row * c.width + i];
  });
}

template <class T>
void combine_gradient(const ops::Combine& c, Arguments a, Queue&) {
  const T* dy = a.in<T>();
  const T *rows = c.weighted ? a.in<T>() : nullptr, *probs = c.weighted ? a.in<T>() : nullptr;
  const auto* chosen = a.in<std::int32_t>();
  T *drows = a.out<T>(), *dprobs = c.weighted ? a.out<T>() : nullptr;
  std::fill_n(drows, c.rows().count() * c.width, T{0});
  if (c.weighted) std::fill_n(dprobs, c.tokens * c.top_k, T{0});
  for_each_row(c.rows(), chosen, [&](std::int64_t choice, std::int64_t row) {
    const T* const d = dy + choice / c.top_k * c.width;
    if (c.weighted) dprobs[choice] = static_cast<T>(dot(d, rows + row * c.width, c.width));
    for (std::int64_t i = 0; i < c.width; ++i)
      drows[row * c.width + i] = (c.weighted ? probs[choice] : T{1}) * d[i];
  });
}

template <class T>
void products(const ops::GroupedLinear& n, Arguments a, Queue&) {
  const T *x = a.in<T>(), *weight = a.in<T>(), *bias = n.bias ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t row = 0; row < n.tokens; ++row)
    for (std::int64_t o = 0; o < n.outputs; ++o) {
      const std::int64_t at = n.expert_of(row) * n.outputs + o;
      const double added = n.bias ? bias[at] / static_cast<double>(n.parts) : 0;
      y[row * n.outputs + o] =
          static_cast<T>(dot(x + row * n.inputs, weight + at * n.inputs, n.inputs) + added);
    }
}

template <class T>
void products_by_input(const ops::GroupedLinear& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *weight = a.in<T>();
  T* dx = a.out<T>();
  for (std::int64_t row = 0; row < n.tokens; ++row)
    for (std::int64_t i = 0; i < n.inputs; ++i) {
      double sum = 0;
      for (std::int64_t o = 0; o < n.outputs; ++o)
        sum += static_cast<double>(dy[row * n.outputs + o]) *
               weight[(n.expert_of(row) * n.outputs + o) * n.inputs + i];
      dx[row * n.inputs + i] = static_cast<T>(sum);
    }
}

template <class T>
void products_by_weight(const ops::GroupedLinear& n, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>();
  T* dweight = a.out<T>();
  for (std::int64_t e = 0; e < n.experts; ++e)
    for (std::int64_t o = 0; o < n.outputs; ++o)
      for (std::int64_t i = 0; i < n.inputs; ++i) {
        double sum = 0;
        for (std::int64_t row = 0; row < n.tokens; ++row)
          if (n.expert_of(row) == e)
            sum += static_cast<double>(dy[row * n.outputs + o]) * x[row * n.inputs + i];
        deliver(*a.op, dweight[(e * n.outputs + o) * n.inputs + i], sum);
      }
  if (!n.bias) return;
  T* dbias = a.out<T>();
  for (std::int64_t e = 0; e < n.experts; ++e)
    for (std::int64_t o = 0; o < n.outputs; ++o) {
      double sum = 0;
      for (std::int64_t row = 0; row < n.tokens; ++row)
        if (n.expert_of(row) == e) sum += static_cast<double>(dy[row * n.outputs + o]);
      deliver(*a.op, dbias[e * n.outputs + o], sum);
    }
}

template <class T>
void gate(const ops::Gate& g, Arguments a, Queue&) {
  const T *x = a.in<T>(), *logits = a.in<T>();
  T* y = a.out<T>();
  for (std::int64_t i = 0; i < g.tokens * g.width; ++i)
    y[i] = static_cast<T>(x[i] * sigmoid(logits[i / g.width]));
}

/// With s the sigmoid of the logit: dx = dy s, dlogit = s (1 - s) sum dy x.
template <class T>
void gate_gradient(const ops::Gate& g, Arguments a, Queue&) {
  const T *dy = a.in<T>(), *x = a.in<T>(), *logits = a.in<T>();
  T *dx = a.out<T>(), *dlogits = a.out<T>();
  for (std::int64_t row = 0; row < g.tokens; ++row) {
    const double s = sigmoid(logits[row]);
    double of_gate = 0;
    for (std::int64_t i = row * g.width; i < (row + 1) * g.width; ++i) {
      dx[i] = static_cast<T>(dy[i] * s);
      of_gate += static_cast<double>(dy[i]) * x[i];
    }
    dlogits[row] = static_cast<T>(s * (1 - s) * of_gate);
  }
}

constexpr OperatorKernels kRows[] = {
    {ops::Gate::kName,
     {.forward = by_type<ops::Gate, gate<float>, gate<double>>,
      .input_gradient = by_type<ops::Gate, gate_gradient<float>, gate_gradient<double>>}},
    {ops::Route::kName,
     {.forward = by_type<ops::Route, route<float>, route<double>>,
      .input_gradient = by_type<ops::Route, route_gradient<float>, route_gradient<double>>}},
    {ops::Dispatch::kName,
     {.forward = by_type<ops::Dispatch, dispatch<float>, dispatch<double>>,
      .input_gradient = by_type<ops::Dispatch, dispatch_gradient<float>, dispatch_gradient<double>>}},
    {ops::SpreadProbabilities::kName,
     {.forward = by_type<ops::SpreadProbabilities, spread<float>, spread<double>>,
      .input_gradient = by_type<ops::SpreadProbabilities, spread_gradient<float>, spread_gradient<double>>}},
    {ops::Combine::kName,
     {.forward = by_type<ops::Combine, combine<float>, combine<double>>,
      .input_gradient = by_type<ops::Combine, combine_gradient<float>, combine_gradient<double>>}},
    {ops::GroupedLinear::kName,
     {.forward = by_type<ops::GroupedLinear, products<float>, products<double>>,
      .input_gradient = by_type<ops::GroupedLinear, products_by_input<float>, products_by_input<double>>,
      .weight_gradient = by_type<ops::GroupedLinear, products_by_weight<float>, products_by_weight<double>>}},
};

}  // namespace

constinit const KernelList kExperts{kRows, std::size(kRows)};

}  // namespace ds::kernels::cpu::reference
