// Embeddings of tokens and of positions, and the sums of their gradients.
#include <algorithm>
#include <iterator>

#include "kernels/cpu/rows.h"
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void forward(const ops::Embedding& e, Arguments a, Queue& queue) {
  const auto* ids = a.in<std::int32_t>();
  const T* table = a.in<T>();
  const T* positions = e.positions ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < e.tokens; ++t, y += e.hidden) {
    const std::int64_t row = ids[t] - e.first;
    if (row >= 0 && row < e.vocab) {
      std::memcpy(y, table + row * e.hidden, static_cast<std::size_t>(e.hidden) * sizeof(T));
    } else {
      zero(y, e.hidden);
    }
    if (positions != nullptr) add_row(y, positions + t % e.sequence * e.hidden, e.hidden);
  }
  queue.poll_now();
}

/// The tokens whose ids are of this shard, sorted by id: each row of the table is visited once, with its finished sum.
/// Rows between two ids that occur have no tokens; a writing gradient clears them.
template <class T>
void table_gradient(const ops::Embedding& e, const ops::Op& op, const std::int32_t* ids, const T* dy,
                    T* dtable, std::int32_t* order, T* row, Queue& queue) {
  std::int64_t count = 0;
  for (std::int32_t t = 0; t < e.tokens; ++t)
    if (ids[t] >= e.first && ids[t] < e.first + e.vocab) order[count++] = t;
  std::sort(order, order + count,
            [ids](std::int32_t s, std::int32_t t) { return ids[s] != ids[t] ? ids[s] < ids[t] : s < t; });
  std::int64_t written = 0;  // rows below are done
  for (std::int64_t i = 0; i < count;) {
    const std::int32_t id = ids[order[i]];
    std::memcpy(row, dy + order[i] * e.hidden, static_cast<std::size_t>(e.hidden) * sizeof(T));
    for (++i; i < count && ids[order[i]] == id; ++i) add_row(row, dy + order[i] * e.hidden, e.hidden);
    const std::int64_t at = id - e.first;
    if (!op.accumulate) zero(dtable + written * e.hidden, (at - written) * e.hidden);
    deliver(op, dtable + at * e.hidden, row, e.hidden);
    written = at + 1;
    queue.poll_now();
  }
  if (!op.accumulate) zero(dtable + written * e.hidden, (e.vocab - written) * e.hidden);
}

/// Each position's sum over the sequences, where the first token is the `first` of the micro-batch. Rows behind the sequence's
/// have no tokens; a writing gradient clears them.
template <class T>
void position_gradient(const ops::Positions& p, const ops::Op& op, const T* dy, T* dpositions, T* row,
                       Queue& queue) {
  for (std::int64_t s = 0; s < p.sequence; ++s) {
    const std::int64_t before =
        (s - p.first % p.sequence + p.sequence) % p.sequence;  // tokens in front of its first
    zero(row, p.hidden);
    for (std::int64_t t = before; t < p.tokens; t += p.sequence) add_row(row, dy + t * p.hidden, p.hidden);
    deliver(op, dpositions + s * p.hidden, row, p.hidden);
    queue.poll_now();
  }
  if (!op.accumulate) zero(dpositions + p.sequence * p.hidden, (p.table_rows() - p.sequence) * p.hidden);
}

template <class T>
void weight_gradient(const ops::Embedding& e, Arguments a, Queue& queue) {
  const auto* ids = a.in<std::int32_t>();
  const T* dy = a.in<T>();
  T* dtable = a.out<T>();
  T* dpositions = e.positions ? a.out<T>() : nullptr;
  auto* order = a.out<std::int32_t>();
  T* row = a.out<T>();
  table_gradient(e, *a.op, ids, dy, dtable, order, row, queue);
  if (dpositions != nullptr)
    position_gradient({.tokens = e.tokens, .sequence = e.sequence, .hidden = e.hidden, .rows = e.rows}, *a.op,
                      dy, dpositions, row, queue);
}

template <class T>
void add_positions(const ops::Positions& p, Arguments a, Queue& queue) {
  T* x = a.out<T>();
  const T* table = a.in<T>();
  for (std::int64_t t = 0; t < p.tokens; ++t) {
    add_row(x + t * p.hidden, table + (p.first + t) % p.sequence * p.hidden, p.hidden);
    queue.poll_now();
  }
}

template <class T>
void positions_weight(const ops::Positions& p, Arguments a, Queue& queue) {
  const T* dx = a.in<T>();
  T *dtable = a.out<T>(), *row = a.out<T>();
  position_gradient(p, *a.op, dx, dtable, row, queue);
}

constexpr OperatorKernels kEmbeddingRows[] = {
    {ops::Embedding::kName,
     {.forward = by_type<ops::Embedding, forward<float>, forward<double>>,
      .weight_gradient = by_type<ops::Embedding, weight_gradient<float>, weight_gradient<double>>}},
    {ops::Positions::kName,
     {.forward = by_type<ops::Positions, add_positions<float>, add_positions<double>>,
      .weight_gradient = by_type<ops::Positions, positions_weight<float>, positions_weight<double>>}},
};

}  // namespace

constinit const KernelList kEmbedding{kEmbeddingRows, std::size(kEmbeddingRows)};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
