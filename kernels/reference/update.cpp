// What follows the last backward: norm, clip factor, AdamW, and the sum of a tied tensor's two gradients.
#include <algorithm>
#include <cmath>

#include "kernels/reference/reference.h"

namespace ds::kernels::reference {
namespace {

template <class T>
void norm(const ops::SquaredNorm& n, Arguments a, Queue&) {
  const T* gradient = a.in<T>();
  auto* sums = a.out<double>();
  if (n.first) sums[0] = sums[1] = 0;
  double squares = 0, not_finite = 0;
  for (std::int64_t i = 0; i < n.elements; ++i) {
    squares += static_cast<double>(gradient[i]) * gradient[i];
    not_finite += std::isfinite(gradient[i]) ? 0 : 1;
  }
  sums[0] += squares;
  sums[1] += not_finite;
}

/// Rounding the norm to the type of training makes it the same number however its sum was ordered.
template <class T>
void clip(const ops::ClipFactor& c, Arguments a, Queue&) {
  const auto *losses = a.in<double>(), *sums = a.in<double>();
  auto* scalars = a.out<double>();
  double loss = 0;
  for (std::int64_t i = 0; i < c.micro_batches; ++i) loss += losses[i];
  const auto rounded = static_cast<double>(static_cast<T>(std::sqrt(sums[0])));
  scalars[0] = loss;
  scalars[1] = rounded;
  scalars[2] = c.clip_norm > 0 ? std::min(1.0, c.clip_norm / rounded) : 1.0;
  scalars[3] = sums[1] == 0 && std::isfinite(loss) ? 1 : 0;
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
    const double decay = i < n.decayed ? n.weight_decay * weight[i] : 0.0;
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

}  // namespace

void squared_norm(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::SquaredNorm>(op, operands, queue, norm<float>, norm<double>);
}
void clip_factor(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::ClipFactor>(op, operands, queue, clip<float>, clip<double>);
}
void adamw(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::AdamW>(op, operands, queue, adam<float>, adam<double>);
}
void accumulate(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::Accumulate>(op, operands, queue, sum<float>, sum<double>);
}

}  // namespace ds::kernels::reference
