// Cross-entropy, whole or from the statistics of several ranks.
#include <cmath>
#include <iterator>
#include <limits>

#include "kernels/cpu/exp.h"
#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();

/// Sum of exp(row - top), each of which `keep` sees. Blocks are summed in T and added in double: a vocabulary is
/// long.
template <class T, class Keep>
double exponentials(const T* row, std::int64_t n, T top, Keep keep) {
  constexpr std::int64_t kBlock = 1024;
  double sum = 0;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const T* block = row + begin;
    sum += sum_of<T>(n - begin < kBlock ? n - begin : kBlock, [&](auto at) {
      const Vector<T> e = exp<T>(load(block, at) - top);
      keep(begin, at, e);
      return e;
    });
  }
  return sum;
}

template <class T>
void whole(const ops::CrossEntropy& c, Arguments a, Queue& queue) {
  T* row = a.out<T>();
  const auto* targets = a.in<std::int32_t>();
  auto* loss = a.out<double>();
  double total = 0;
  for (std::int64_t t = 0; t < c.tokens; ++t, row += c.columns) {
    const T top = max_of(row, c.vocab), target = row[targets[t]];
    const double sum = exponentials(
        row, c.vocab, top, [&](std::int64_t begin, auto at, Vector<T> e) { store(row + begin, at, e); });
    total += std::log(sum) + (static_cast<double>(top) - static_cast<double>(target));
    const T factor = static_cast<T>(c.scale / sum);
    each_vector<T>(c.vocab, [&](auto at) { store(row, at, load(row, at) * factor); });
    row[targets[t]] -= static_cast<T>(c.scale);
    zero(row + c.vocab, c.columns - c.vocab);
    queue.poll_now();
  }
  *loss = total * c.scale;
}

template <class T>
void statistics(const ops::SoftmaxStatistics& n, Arguments a, Queue& queue) {
  const T* row = a.in<T>();
  const auto* targets = a.in<std::int32_t>();
  T* out = a.out<T>();
  const std::int64_t real = in_front_of(n.vocab, n.first, n.columns);
  for (std::int64_t t = 0; t < n.tokens; ++t, row += n.columns, out += 3) {
    const std::int64_t target = targets[t] - n.first;
    const T top = real > 0 ? max_of(row, real) : -kInfinity<T>;
    // Where all are -infinity, so is their largest, and the difference would not be a number.
    const T base = top == -kInfinity<T> ? T{0} : top;
    out[0] = top;
    out[1] = static_cast<T>(exponentials(row, real, base, [](std::int64_t, auto, Vector<T>) {}));
    out[2] = target >= 0 && target < real ? row[target] : -kInfinity<T>;
    queue.poll_now();
  }
}

struct Softmax {
  double top, sum, target;  // largest logit, sum of exp(logit - top), logit of the target
};

/// What the shards found for one token, as if one had looked at all columns. It reads nothing but the statistics, in
/// one order, so all shards get the same bits. A shard of padding alone says {-infinity, 0, -infinity}.
template <class T>
Softmax combine(const ops::CrossEntropy& c, const T* first) {
  const std::int64_t next = 3 * c.tokens;
  T top = first[0], target = first[2];
  for (std::int64_t shard = 1; shard < c.shards; ++shard) {
    const T* s = first + shard * next;
    top = s[0] > top ? s[0] : top;
    target = s[2] > target ? s[2] : target;
  }
  Softmax all{static_cast<double>(top), 0, static_cast<double>(target)};
  for (std::int64_t shard = 0; shard < c.shards; ++shard) {
    const T* s = first + shard * next;
    all.sum += static_cast<double>(s[1]) * std::exp(static_cast<double>(s[0]) - all.top);
  }
  return all;
}

template <class T>
void shard(const ops::CrossEntropy& c, Arguments a, Queue& queue) {
  T* row = a.out<T>();
  const auto* targets = a.in<std::int32_t>();
  const T* found = a.in<T>();
  auto* loss = a.out<double>();
  const std::int64_t real = in_front_of(c.vocab, c.first, c.columns);
  double total = 0;
  for (std::int64_t t = 0; t < c.tokens; ++t, row += c.columns, found += 3) {
    const Softmax s = combine(c, found);
    total += std::log(s.sum) + (s.top - s.target);
    const T top = static_cast<T>(s.top), factor = static_cast<T>(c.scale / s.sum);
    each_vector<T>(real, [&](auto at) { store(row, at, exp<T>(load(row, at) - top) * factor); });
    const std::int64_t target = targets[t] - c.first;
    if (target >= 0 && target < real) row[target] -= static_cast<T>(c.scale);
    zero(row + real, c.columns - real);
    queue.poll_now();
  }
  *loss = total * c.scale;
}

template <class T>
void forward(const ops::CrossEntropy& c, Arguments a, Queue& queue) {
  (c.shards > 1 ? shard<T> : whole<T>)(c, a, queue);
}

constexpr OperatorKernels kCrossEntropyRows[] = {
    {ops::CrossEntropy::kName, {.forward = by_type<ops::CrossEntropy, forward<float>, forward<double>>}},
    {ops::SoftmaxStatistics::kName,
     {.forward = by_type<ops::SoftmaxStatistics, statistics<float>, statistics<double>>}},
};

}  // namespace

constinit const KernelList kCrossEntropy{kCrossEntropyRows, std::size(kCrossEntropyRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
