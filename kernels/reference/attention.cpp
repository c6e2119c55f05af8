// Attention, row by row, as plain loops.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// Row vectors of one sequence inside qkv or dqkv; kv head of q head h: h / (heads / kv_heads).
template <class T>
struct QkvRows {
  const ops::Attention& n;
  T* qkv;
  std::int64_t width() const { return (n.heads + n.kv_heads) * n.head_dim + n.kv_heads * n.value_dim(); }
  std::int64_t kv(std::int64_t head) const { return head / (n.heads / n.kv_heads); }
  T* q(std::int64_t t, std::int64_t head) const { return qkv + t * width() + head * n.head_dim; }
  T* k(std::int64_t t, std::int64_t head) const {
    return qkv + t * width() + (n.heads + kv(head)) * n.head_dim;
  }
  T* v(std::int64_t t, std::int64_t head) const {
    return qkv + t * width() + (n.heads + n.kv_heads) * n.head_dim + kv(head) * n.value_dim();
  }
};

/// The first and the last token that token t sees; the first that sees token s, and the one behind the last.
std::int64_t first_seen(const ops::Attention& n, std::int64_t t) {
  return n.window > 0 ? std::max<std::int64_t>(t - n.window + 1, 0) : 0;
}
std::int64_t last_seen(const ops::Attention& n, std::int64_t t) { return n.both_ways ? n.sequence - 1 : t; }
std::int64_t seen_from(const ops::Attention& n, std::int64_t s) { return n.both_ways ? 0 : s; }
std::int64_t seen_until(const ops::Attention& n, std::int64_t s) {
  return n.window > 0 ? std::min(s + n.window, n.sequence) : n.sequence;
}

/// What the score of token s loses, seen from t.
double lost(const ops::Attention& n, std::int64_t head, std::int64_t t, std::int64_t s) {
  return n.slope(head) * static_cast<double>(t - s);
}

/// The largest score of those from `begin` to `last` and the sink, and the sum of exp(score - largest).
struct Scores {
  double top{}, sum{};
};
template <class Score>
Scores look_at(Score&& score, std::int64_t begin, std::int64_t last, double sink) {
  Scores all{.top = score(begin)};
  for (std::int64_t s = begin + 1; s <= last; ++s) all.top = std::max(all.top, score(s));
  all.top = std::max(all.top, sink);
  all.sum = std::exp(sink - all.top);
  for (std::int64_t s = begin; s <= last; ++s) all.sum += std::exp(score(s) - all.top);
  return all;
}

/// Scores are computed anew wherever they are needed: there is nowhere to keep them.
template <class T>
void forward(const ops::Attention& n, Arguments a, Queue&) {
  const T *qkv = a.in<T>(), *sinks = n.sinks ? a.in<T>() : nullptr;
  T *o = a.out<T>(), *kept = a.out<T>();  // kept: log-sum-exp (flash) or probabilities
  const double scale = 1 / std::sqrt(static_cast<double>(n.head_dim));
  for (std::int64_t b = 0; b < n.batch; ++b, qkv += n.sequence * QkvRows<const T>{n, qkv}.width())
    for (std::int64_t head = 0; head < n.heads; ++head)
      for (std::int64_t t = 0; t < n.sequence; ++t) {
        const QkvRows<const T> rows{n, qkv};
        const auto score = [&](std::int64_t s) {
          return scale * dot(rows.q(t, head), rows.k(s, head), n.head_dim) - lost(n, head, t, s);
        };
        const std::int64_t begin = first_seen(n, t), last = last_seen(n, t);
        const double sink = sinks != nullptr ? static_cast<double>(sinks[n.sink_of(head)]) : -HUGE_VAL;
        const auto [top, sum] = look_at(score, begin, last, sink);
        std::array<double, kMaxHeadDim> out{};
        const std::int64_t row = (b * n.heads + head) * n.sequence + t;
        for (std::int64_t s = 0; s < n.sequence; ++s) {
          const bool seen = s >= begin && s <= last;
          const double p = seen ? std::exp(score(s) - top) / sum : 0;
          if (!n.flash) kept[row * n.sequence + s] = static_cast<T>(p);
          for (std::int64_t d = 0; seen && d < n.value_dim(); ++d)
            out[static_cast<std::size_t>(d)] += p * rows.v(s, head)[d];
        }
        if (n.flash) kept[row] = static_cast<T>(top + std::log(sum));
        std::transform(out.begin(), out.begin() + n.value_dim(),
                       o + ((b * n.sequence + t) * n.heads + head) * n.value_dim(),
                       [](double value) { return static_cast<T>(value); });
      }
}

/// dv_s = sum_t p_ts do_t, ds_ts = p_ts (do_t . v_s - do_t . o_t), dq_t = scale sum_s ds_ts k_s and
/// dk_s = scale sum_t ds_ts q_t; where o is not kept, do_t . o_t = sum_s p_ts (do_t . v_s).
template <class T>
void input_gradient(const ops::Attention& n, Arguments a, Queue&) {
  const T *d_out = a.in<T>(), *qkv = a.in<T>(), *o = n.flash ? a.in<T>() : nullptr, *kept = a.in<T>();
  T* dqkv = a.out<T>();
  const std::int64_t width = QkvRows<const T>{n, qkv}.width();
  const double scale = 1 / std::sqrt(static_cast<double>(n.head_dim));
  for (std::int64_t b = 0; b < n.batch; ++b) {
    const QkvRows<const T> rows{n, qkv + b * n.sequence * width};
    const QkvRows<T> gradients{n, dqkv + b * n.sequence * width};
    const auto row_of = [&](std::int64_t t, std::int64_t head) {
      return ((b * n.sequence + t) * n.heads + head) * n.value_dim();
    };
    const auto probability = [&](std::int64_t t, std::int64_t s, std::int64_t head) {
      const std::int64_t row = (b * n.heads + head) * n.sequence + t;
      if (!n.flash) return static_cast<double>(kept[row * n.sequence + s]);
      const double score = scale * dot(rows.q(t, head), rows.k(s, head), n.head_dim) - lost(n, head, t, s);
      return std::exp(score - kept[row]);
    };
    const auto d_probability = [&](std::int64_t t, std::int64_t s, std::int64_t head) {
      return dot(d_out + row_of(t, head), rows.v(s, head), n.value_dim());
    };
    const auto delta = [&](std::int64_t t, std::int64_t head) {
      if (n.flash) return dot(d_out + row_of(t, head), o + row_of(t, head), n.value_dim());
      double sum = 0;
      for (std::int64_t s = first_seen(n, t); s <= last_seen(n, t); ++s)
        sum += probability(t, s, head) * d_probability(t, s, head);
      return sum;
    };
    const auto d_score = [&](std::int64_t t, std::int64_t s, std::int64_t head, double delta_t) {
      return scale * probability(t, s, head) * (d_probability(t, s, head) - delta_t);
    };
    const auto write = [&](T* to, const std::array<double, kMaxHeadDim>& sums, std::int64_t count) {
      for (std::int64_t d = 0; d < count; ++d) to[d] = static_cast<T>(sums[static_cast<std::size_t>(d)]);
    };
    const auto add = [&](std::array<double, kMaxHeadDim>& sums, double factor, const T* from,
                         std::int64_t count) {
      for (std::int64_t d = 0; d < count; ++d) sums[static_cast<std::size_t>(d)] += factor * from[d];
    };
    for (std::int64_t head = 0; head < n.heads; ++head)
      for (std::int64_t t = 0; t < n.sequence; ++t) {
        std::array<double, kMaxHeadDim> dq{};
        const double delta_t = delta(t, head);
        for (std::int64_t s = first_seen(n, t); s <= last_seen(n, t); ++s)
          add(dq, d_score(t, s, head, delta_t), rows.k(s, head), n.head_dim);
        write(gradients.q(t, head), dq, n.head_dim);
      }
    const std::int64_t sharing = n.heads / n.kv_heads;
    for (std::int64_t first = 0; first < n.heads; first += sharing)
      for (std::int64_t s = 0; s < n.sequence; ++s) {
        std::array<double, kMaxHeadDim> dk{}, dv{};
        for (std::int64_t head = first; head < first + sharing; ++head)
          for (std::int64_t t = seen_from(n, s); t < seen_until(n, s); ++t) {
            add(dk, d_score(t, s, head, delta(t, head)), rows.q(t, head), n.head_dim);
            add(dv, probability(t, s, head), d_out + row_of(t, head), n.value_dim());
          }
        write(gradients.k(s, first), dk, n.head_dim);
        write(gradients.v(s, first), dv, n.value_dim());
      }
  }
}

/// dsink_h = - sum over rows of p_sink (do . o): its score leads to no value.
template <class T>
void sink_gradient(const ops::Attention& n, Arguments a, Queue&) {
  const T *d_out = a.in<T>(), *o = a.in<T>(), *kept = a.in<T>(), *sinks = a.in<T>();
  T* dsinks = a.out<T>();
  for (std::int64_t head = 0; head < n.heads * n.context_heads; ++head)
    if (head < n.sink_of(0) || head >= n.sink_of(n.heads)) deliver(*a.op, dsinks[head], 0);
  for (std::int64_t head = 0; head < n.heads; ++head) {
    double sum = 0;
    for (std::int64_t b = 0; b < n.batch; ++b)
      for (std::int64_t t = 0; t < n.sequence; ++t) {
        const std::int64_t row = (b * n.heads + head) * n.sequence + t;
        const std::int64_t at = ((b * n.sequence + t) * n.heads + head) * n.value_dim();
        double share = 1;  // of the sink
        if (n.flash)
          share = std::exp(static_cast<double>(sinks[n.sink_of(head)]) - kept[row]);
        else
          for (std::int64_t s = 0; s < n.sequence; ++s) share -= kept[row * n.sequence + s];
        sum -= share * dot(d_out + at, o + at, n.value_dim());
      }
    deliver(*a.op, dsinks[n.sink_of(head)], sum);
  }
}

constexpr OperatorKernels kFlashAttentionRows[] = {
    {ops::Attention::kName,
     {.forward = by_type<ops::Attention, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Attention, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<ops::Attention, sink_gradient<float>, sink_gradient<double>>}},
};
constexpr OperatorKernels kUnfusedAttentionRows[] = {
    {ops::Attention::kUnfusedName,
     {.forward = by_type<ops::Attention, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Attention, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<ops::Attention, sink_gradient<float>, sink_gradient<double>>}},
};

}  // namespace

constinit const KernelList kFlashAttention{kFlashAttentionRows, std::size(kFlashAttentionRows)};
constinit const KernelList kUnfusedAttention{kUnfusedAttentionRows, std::size(kUnfusedAttentionRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
