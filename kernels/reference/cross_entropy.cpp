// Cross-entropy, whole or from the statistics of several ranks, as plain loops.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Softmax {
  double top, sum, target;  // largest logit, sum of exp(logit - top), logit of the target
};

/// What the shards found for one token, as if one had looked at all columns. A shard of padding alone says
/// {-infinity, 0, -infinity} and changes nothing.
template <class T>
Softmax combine(const ops::CrossEntropy& c, const T* statistics) {
  Softmax all{-kInfinity, 0, -kInfinity};
  const auto of = [&](std::int64_t shard) { return statistics + shard * c.tokens * 3; };
  for (std::int64_t shard = 0; shard < c.shards; ++shard) {
    all.top = std::max<double>(all.top, of(shard)[0]);
    all.target = std::max<double>(all.target, of(shard)[2]);
  }
  for (std::int64_t shard = 0; shard < c.shards; ++shard)
    all.sum += of(shard)[1] * std::exp(of(shard)[0] - all.top);
  return all;
}

template <class T>
void forward(const ops::CrossEntropy& c, Arguments a, Queue&) {
  T* logits = a.out<T>();
  const auto* targets = a.in<std::int32_t>();
  const T* statistics = c.shards > 1 ? a.in<T>() : nullptr;
  auto* loss = a.out<double>();
  *loss = 0;
  for (std::int64_t t = 0; t < c.tokens; ++t, logits += c.columns) {
    Softmax s{};
    if (statistics != nullptr) {
      s = combine(c, statistics + 3 * t);
    } else {
      s.top = *std::max_element(logits, logits + c.vocab);
      for (std::int64_t i = 0; i < c.vocab; ++i) s.sum += std::exp(logits[i] - s.top);
      s.target = logits[targets[t]];
    }
    *loss += (s.top + std::log(s.sum) - s.target) * c.scale;
    for (std::int64_t i = 0; i < c.columns; ++i) {
      const double p = c.first + i < c.vocab ? std::exp(logits[i] - s.top) / s.sum : 0;
      logits[i] = static_cast<T>((p - (c.first + i == targets[t] ? 1 : 0)) * c.scale);
    }
  }
}

template <class T>
void statistics(const ops::SoftmaxStatistics& n, Arguments a, Queue&) {
  const T* logits = a.in<T>();
  const auto* targets = a.in<std::int32_t>();
  T* out = a.out<T>();
  const std::int64_t real = in_front_of(n.vocab, n.first, n.columns);
  for (std::int64_t t = 0; t < n.tokens; ++t, logits += n.columns, out += 3) {
    double top = -kInfinity, sum = 0, target = -kInfinity;
    for (std::int64_t i = 0; i < real; ++i) top = std::max<double>(top, logits[i]);
    // Where all are -infinity, so is their largest, and the difference would not be a number.
    for (std::int64_t i = 0; i < real; ++i) sum += std::exp(logits[i] - (top == -kInfinity ? 0 : top));
    if (targets[t] >= n.first && targets[t] < n.first + real) target = logits[targets[t] - n.first];
    out[0] = static_cast<T>(top);
    out[1] = static_cast<T>(sum);
    out[2] = static_cast<T>(target);
  }
}

constexpr OperatorKernels kCrossEntropyRows[] = {
    {ops::CrossEntropy::kName, {.forward = by_type<ops::CrossEntropy, forward<float>, forward<double>>}},
    {ops::SoftmaxStatistics::kName,
     {.forward = by_type<ops::SoftmaxStatistics, statistics<float>, statistics<double>>}},
};

}  // namespace

constinit const KernelList kCrossEntropy{kCrossEntropyRows, std::size(kCrossEntropyRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
