// What follows the last backward: norm, loss, clip factor, AdamW, the sum of a tied tensor's two gradients, and the
// zeros that pad a bucket.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void norm(const ops::SquaredNorm& n, Arguments a, Queue&) {
  const T* gradient = a.in<T>();
  auto* sums = a.out<double>();
  if (n.first) sums[0] = sums[1] = sums[2] = 0;
  double squares = 0, not_finite = 0;
  for (std::int64_t i = 0; i < n.elements; ++i) {
    const bool counts = n.counted < 0 || i < n.counted;
    squares += counts ? static_cast<double>(gradient[i]) * gradient[i] : 0;
    not_finite += counts && !std::isfinite(gradient[i]) ? 1 : 0;
  }
  sums[1] += squares;
  sums[2] += not_finite;
}

template <class T>
void add_losses(const ops::LossSum& s, Arguments a, Queue&) {
  const auto* losses = a.in<double>();
  auto* sums = a.out<double>();
  double sum = 0;
  for (std::int64_t i = 0; i < s.micro_batches; ++i) sum += losses[i];
  sums[0] += s.counted ? sum : 0;
}

/// Rounding the norm to the type of training makes it the same number however its sum was ordered.
template <class T>
void clip(const ops::ClipFactor& c, Arguments a, Queue&) {
  const auto* sums = a.in<double>();
  auto* scalars = a.out<double>();
  const double loss = sums[0], rounded = static_cast<T>(std::sqrt(sums[1]));
  scalars[0] = loss;
  scalars[1] = rounded;
  scalars[2] = c.clip_norm > 0 ? std::min(1.0, c.clip_norm / rounded) : 1.0;
  scalars[3] = sums[2] == 0 && std::isfinite(loss) ? 1 : 0;
}

template <class T>
void adam(const ops::AdamW& n, Arguments a, Queue&) {
  const auto *control = a.in<double>(), *scalars = a.in<double>();
  const T* gradient = a.in<T>();
  T *weight = a.out<T>(), *first = a.out<T>(), *second = a.out<T>();
  const double rate = control[0], step = control[1], factor = scalars[2];
  for (std::int64_t i = 0; i < n.elements; ++i) {
    const double g = gradient[i] * factor;
    const double m = n.beta1 * first[i] + (1 - n.beta1) * g;
    const double v = n.beta2 * second[i] + (1 - n.beta2) * g * g;
    const double mean = m / (1 - std::pow(n.beta1, step)), square = v / (1 - std::pow(n.beta2, step));
    const double decay = n.first + i < n.decayed ? n.weight_decay * weight[i] : 0.0;
    weight[i] = static_cast<T>(weight[i] - rate * (mean / (std::sqrt(square) + n.epsilon) + decay));
    first[i] = static_cast<T>(m);
    second[i] = static_cast<T>(v);
  }
}

template <class T>
void sum(const ops::Accumulate& n, Arguments arguments, Queue&) {
  T* a = arguments.out<T>();
  const T* b = arguments.in<T>();
  for (std::int64_t i = 0; i < n.elements; ++i) a[i] += b[i];
}

template <class T>
void clear(const ops::Zero& z, Arguments arguments, Queue&) {
  T* a = arguments.out<T>();
  for (std::int64_t i = 0; i < z.elements; ++i) a[i] = 0;
}

constexpr OperatorKernels kUpdateRows[] = {
    {ops::SquaredNorm::kName, {.update = by_type<ops::SquaredNorm, norm<float>, norm<double>>}},
    {ops::LossSum::kName, {.update = by_type<ops::LossSum, add_losses<float>, add_losses<double>>}},
    {ops::ClipFactor::kName, {.update = by_type<ops::ClipFactor, clip<float>, clip<double>>}},
    {ops::AdamW::kName, {.update = by_type<ops::AdamW, adam<float>, adam<double>>}},
    {ops::Accumulate::kName, {.update = by_type<ops::Accumulate, sum<float>, sum<double>>}},
    {ops::Zero::kName, {.update = by_type<ops::Zero, clear<float>, clear<double>>}},
};

}  // namespace

constinit const KernelList kUpdate{kUpdateRows, std::size(kUpdateRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
