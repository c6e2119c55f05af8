// Columns of a matrix taken apart and put together: queries from keys and values, separate products; and nothing at all.
#include <algorithm>
#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::reference {
namespace {

/// Columns from `first` on of a matrix that is `width` wide, `count` of them.
template <class T>
struct Columns {
  T* begin;
  std::int64_t first, count, width;
};

template <class T, class U>
void copy(Columns<T> from, Columns<U> to, std::int64_t rows) {
  for (std::int64_t t = 0; t < rows; ++t)
    std::copy_n(from.begin + t * from.width + from.first, from.count, to.begin + t * to.width + to.first);
}

template <class T>
void split(const ops::SplitHeads& s, Arguments a, Queue&) {
  const T* all = a.in<T>();
  T *q = a.out<T>(), *kv = a.out<T>();
  const std::int64_t width = s.queries + s.keys;
  copy<const T, T>({all, 0, s.queries, width}, {q, 0, s.queries, s.queries}, s.tokens);
  copy<const T, T>({all, s.queries, s.keys, width}, {kv, 0, s.keys, s.keys}, s.tokens);
}

template <class T>
void unsplit(const ops::SplitHeads& s, Arguments a, Queue&) {
  const T *q = a.in<T>(), *kv = a.in<T>();
  T* all = a.out<T>();
  const std::int64_t width = s.queries + s.keys;
  copy<const T, T>({q, 0, s.queries, s.queries}, {all, 0, s.queries, width}, s.tokens);
  copy<const T, T>({kv, 0, s.keys, s.keys}, {all, s.queries, s.keys, width}, s.tokens);
}

template <class T>
void join(const ops::JoinColumns& j, Arguments a, Queue&) {
  const std::int64_t width = j.first + j.second + j.third;
  const T *one = a.in<T>(), *two = a.in<T>(), *three = j.third > 0 ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  copy<const T, T>({one, 0, j.first, j.first}, {y, 0, j.first, width}, j.tokens);
  copy<const T, T>({two, 0, j.second, j.second}, {y, j.first, j.second, width}, j.tokens);
  copy<const T, T>({three, 0, j.third, j.third}, {y, j.first + j.second, j.third, width}, j.tokens);
}

template <class T>
void part(const ops::JoinColumns& j, Arguments a, Queue&) {
  const std::int64_t width = j.first + j.second + j.third;
  const T* dy = a.in<T>();
  T *one = a.out<T>(), *two = a.out<T>(), *three = j.third > 0 ? a.out<T>() : nullptr;
  copy<const T, T>({dy, 0, j.first, width}, {one, 0, j.first, j.first}, j.tokens);
  copy<const T, T>({dy, j.first, j.second, width}, {two, 0, j.second, j.second}, j.tokens);
  copy<const T, T>({dy, j.first + j.second, j.third, width}, {three, 0, j.third, j.third}, j.tokens);
}

void hold(const ops::Hold&, Arguments, Queue&) {}

template <class T>
void to_host_or_back(const ops::HostCopy& c, Arguments a, Queue&) {
  const T* const x = a.in<T>();
  T* const y = a.out<T>();
  for (std::int64_t i = 0; i < c.shape().elements(); ++i) y[i] = x[i];
}

constexpr OperatorKernels kRows[] = {
    {ops::SplitHeads::kName,
     {.forward = by_type<ops::SplitHeads, split<float>, split<double>>,
      .input_gradient = by_type<ops::SplitHeads, unsplit<float>, unsplit<double>>}},
    {ops::JoinColumns::kName,
     {.forward = by_type<ops::JoinColumns, join<float>, join<double>>,
      .input_gradient = by_type<ops::JoinColumns, part<float>, part<double>>}},
    {ops::Hold::kName, {.forward = by_type<ops::Hold, hold, hold>}},
    {ops::HostCopy::kName,
     {.forward = by_type<ops::HostCopy, to_host_or_back<float>, to_host_or_back<double>>}},
};

}  // namespace

constinit const KernelList kColumns{kRows, std::size(kRows)};

}  // namespace ds::kernels::cpu::reference
