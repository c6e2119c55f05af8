#include <algorithm>
#include <cmath>

#include "kernels/reference/reference.h"

namespace ds::kernels::reference {
namespace {

template <class T>
void forward(const ops::CrossEntropy& c, Arguments a, Queue&) {
  T* logits = a.out<T>();
  const auto* targets = a.in<std::int32_t>();
  auto* loss = a.out<double>();
  *loss = 0;
  for (std::int64_t t = 0; t < c.tokens; ++t, logits += c.columns) {
    const double top = *std::max_element(logits, logits + c.vocab);
    double sum = 0;
    for (std::int64_t i = 0; i < c.vocab; ++i) sum += std::exp(logits[i] - top);
    *loss += (top + std::log(sum) - logits[targets[t]]) * c.scale;
    for (std::int64_t i = 0; i < c.columns; ++i) {
      const double p = i < c.vocab ? std::exp(logits[i] - top) / sum : 0;
      logits[i] = static_cast<T>((p - (i == targets[t] ? 1 : 0)) * c.scale);
    }
  }
}

}  // namespace

void cross_entropy_forward(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::CrossEntropy>(op, operands, queue, forward<float>, forward<double>);
}

}  // namespace ds::kernels::reference
