// Embeddings of tokens and of positions, as plain loops.

#include <iterator>

#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void forward(const ops::Embedding& e, Arguments a, Queue&) {
  const auto* ids = a.in<std::int32_t>();
  const T* table = a.in<T>();
  const T* positions = e.positions ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < e.tokens; ++t)
    for (std::int64_t h = 0; h < e.hidden; ++h) {
      const std::int64_t row = ids[t] - e.first;
      const T value = row >= 0 && row < e.vocab ? table[row * e.hidden + h] : T{0};
      y[t * e.hidden + h] =
          positions != nullptr ? value + positions[e.position_row(t) * e.hidden + h] : value;
    }
}

template <class T>
void weight_gradient(const ops::Embedding& e, Arguments a, Queue&) {
  const auto* ids = a.in<std::int32_t>();
  const T* dy = a.in<T>();
  T* dtable = a.out<T>();
  T* dpositions = e.positions ? a.out<T>() : nullptr;
  const auto sum_where = [&](auto belongs, std::int64_t h) {
    double sum = 0;
    for (std::int64_t t = 0; t < e.tokens; ++t)
      if (belongs(t)) sum += dy[t * e.hidden + h];
    return sum;
  };
  for (std::int64_t row = 0; row < e.vocab; ++row)
    for (std::int64_t h = 0; h < e.hidden; ++h)
      deliver(*a.op, dtable[row * e.hidden + h],
              sum_where([&](std::int64_t t) { return ids[t] - e.first == row; }, h));
  if (dpositions == nullptr) return;
  for (std::int64_t s = 0; s < e.position_rows(); ++s)
    for (std::int64_t h = 0; h < e.hidden; ++h)
      deliver(*a.op, dpositions[s * e.hidden + h],
              sum_where([&](std::int64_t t) { return e.position_row(t) == s; }, h));
}

template <class T>
void add_positions(const ops::Positions& p, Arguments a, Queue&) {
  T* x = a.out<T>();
  const T* table = a.in<T>();
  for (std::int64_t t = 0; t < p.tokens; ++t)
    for (std::int64_t h = 0; h < p.hidden; ++h) x[t * p.hidden + h] += table[p.row(t) * p.hidden + h];
}

template <class T>
void positions_gradient(const ops::Positions& p, Arguments a, Queue&) {
  const T* dx = a.in<T>();
  T* dtable = a.out<T>();
  for (std::int64_t s = 0; s < p.table_rows(); ++s)
    for (std::int64_t h = 0; h < p.hidden; ++h) {
      double sum = 0;
      for (std::int64_t t = 0; t < p.tokens; ++t)
        if (p.row(t) == s) sum += dx[t * p.hidden + h];
      deliver(*a.op, dtable[s * p.hidden + h], sum);
    }
}

constexpr OperatorKernels kEmbeddingRows[] = {
    {ops::Embedding::kName,
     {.forward = by_type<ops::Embedding, forward<float>, forward<double>>,
      .weight_gradient = by_type<ops::Embedding, weight_gradient<float>, weight_gradient<double>>}},
    {ops::Positions::kName,
     {.forward = by_type<ops::Positions, add_positions<float>, add_positions<double>>,
      .weight_gradient = by_type<ops::Positions, positions_gradient<float>, positions_gradient<double>>}},
};

}  // namespace

constinit const KernelList kEmbedding{kEmbeddingRows, std::size(kEmbeddingRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
