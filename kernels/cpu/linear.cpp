// Linear layers by products of matrices, and their bias.
#include <iterator>

#include "kernels/cpu/blas.h"
#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

/// The bias is written first and the product added to it: BLAS would otherwise write zeros there.
template <class T>
void forward(const ops::Linear& n, Arguments a, Queue& queue) {
  const T *x = a.in<T>(), *weight = a.in<T>();
  const T* bias = n.bias ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  if (bias != nullptr)
    for (std::int64_t t = 0; t < n.tokens; ++t)
      std::memcpy(y + t * n.outputs, bias, static_cast<std::size_t>(n.outputs) * sizeof(T));
  multiply(n.tokens, n.outputs, n.inputs, T{1}, Factor<T>{x, n.inputs}, Factor<T>{weight, n.inputs, true},
           bias != nullptr ? T{1} : T{0}, y, n.outputs);
  queue.poll_now();
}

template <class T>
void input_gradient(const ops::Linear& n, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *weight = a.in<T>();
  T* dx = a.out<T>();
  multiply(n.tokens, n.inputs, n.outputs, T{1}, Factor<T>{dy, n.outputs}, Factor<T>{weight, n.inputs}, T{0},
           dx, n.inputs);
  queue.poll_now();
}

/// Sums over the tokens in `sums`, then delivered.
template <class T>
void sum_tokens(const Op& op, std::int64_t tokens, std::int64_t width, const T* dy, T* dbias, T* sums,
                Queue& queue) {
  zero(sums, width);
  for (std::int64_t t = 0; t < tokens; ++t) {
    add_row(sums, dy + t * width, width);
    queue.poll_now();
  }
  deliver(op, dbias, sums, width);
}

template <class T>
void weight_gradient(const ops::Linear& n, Arguments a, Queue& queue) {
  const T *dy = a.in<T>(), *x = a.in<T>();
  T* dweight = a.out<T>();
  multiply(n.outputs, n.inputs, n.tokens, T{1}, Factor<T>{dy, n.outputs, true}, Factor<T>{x, n.inputs},
           a.op->accumulate ? T{1} : T{0}, dweight, n.inputs);
  queue.poll_now();
  if (!n.bias) return;
  T *dbias = a.out<T>(), *sums = a.out<T>();
  sum_tokens(*a.op, n.tokens, n.outputs, dy, dbias, sums, queue);
}

template <class T>
void add_bias(const ops::Bias& b, Arguments a, Queue& queue) {
  T* x = a.out<T>();
  const T* bias = a.in<T>();
  for (std::int64_t t = 0; t < b.tokens; ++t) {
    add_row(x + t * b.width, bias, b.width);
    queue.poll_now();
  }
}

template <class T>
void bias_gradient(const ops::Bias& b, Arguments a, Queue& queue) {
  const T* dx = a.in<T>();
  T *dbias = a.out<T>(), *sums = a.out<T>();
  sum_tokens(*a.op, b.tokens, b.width, dx, dbias, sums, queue);
}

constexpr OperatorKernels kLinearRows[] = {
    {ops::Linear::kName,
     {.forward = by_type<ops::Linear, forward<float>, forward<double>>,
      .input_gradient = by_type<ops::Linear, input_gradient<float>, input_gradient<double>>,
      .weight_gradient = by_type<ops::Linear, weight_gradient<float>, weight_gradient<double>>}},
    {ops::Bias::kName,
     {.forward = by_type<ops::Bias, add_bias<float>, add_bias<double>>,
      .weight_gradient = by_type<ops::Bias, bias_gradient<float>, bias_gradient<double>>}},
};

}  // namespace

constinit const KernelList kLinear{kLinearRows, std::size(kLinearRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
