#include <cmath>

#include "kernels/cpu/declarations.h"
#include "kernels/cpu/exp.h"
#include "kernels/cpu/rows.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// exp(row - top) in place; the sum. Blocks are summed in T and added in double: a vocabulary is long.
template <class T>
double exponentials(T* row, std::int64_t n, T top) {
  constexpr std::int64_t kBlock = 1024;
  double sum = 0;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    T* block = row + begin;
    sum += sum_of<T>(n - begin < kBlock ? n - begin : kBlock, [&](auto at) {
      const Vector<T> e = exp<T>(load(block, at) - top);
      store(block, at, e);
      return e;
    });
  }
  return sum;
}

template <class T>
void forward(const ops::CrossEntropy& c, Arguments a, Queue& queue) {
  T* row = a.out<T>();
  const auto* targets = a.in<std::int32_t>();
  auto* loss = a.out<double>();
  double total = 0;
  for (std::int64_t t = 0; t < c.tokens; ++t, row += c.columns) {
    const T top = max_of(row, c.vocab), target = row[targets[t]];
    const double sum = exponentials(row, c.vocab, top);
    total += std::log(sum) + (static_cast<double>(top) - static_cast<double>(target));
    const T factor = static_cast<T>(c.scale / sum);
    each_vector<T>(c.vocab, [&](auto at) { store(row, at, load(row, at) * factor); });
    row[targets[t]] -= static_cast<T>(c.scale);
    zero(row + c.vocab, c.columns - c.vocab);
    queue.poll_now();
  }
  *loss = total * c.scale;
}

}  // namespace

void cross_entropy_forward(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::CrossEntropy>(op, operands, queue, forward<float>, forward<double>);
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
