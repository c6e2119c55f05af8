#include <algorithm>

#include "kernels/cpu/declarations.h"
#include "kernels/cpu/rows.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {
namespace {

template <class T>
void forward(const ops::Embedding& e, Arguments a, Queue& queue) {
  const auto* ids = a.in<std::int32_t>();
  const T* table = a.in<T>();
  const T* positions = e.positions ? a.in<T>() : nullptr;
  T* y = a.out<T>();
  for (std::int64_t t = 0; t < e.tokens; ++t, y += e.hidden) {
    std::memcpy(y, table + ids[t] * e.hidden, static_cast<std::size_t>(e.hidden) * sizeof(T));
    if (positions != nullptr) add_row(y, positions + t % e.sequence * e.hidden, e.hidden);
  }
  queue.poll_now();
}

/// Tokens sorted by id: each row of the table is visited once, with its finished sum. Rows between two ids
/// that occur have no tokens; a writing gradient clears them.
template <class T>
void table_gradient(const ops::Embedding& e, const ops::Op& op, const std::int32_t* ids, const T* dy,
                    T* dtable, std::int32_t* order, T* row, Queue& queue) {
  for (std::int32_t t = 0; t < e.tokens; ++t) order[t] = t;
  std::sort(order, order + e.tokens,
            [ids](std::int32_t s, std::int32_t t) { return ids[s] != ids[t] ? ids[s] < ids[t] : s < t; });
  std::int64_t written = 0;  // rows below are done
  for (std::int64_t i = 0; i < e.tokens;) {
    const std::int64_t id = ids[order[i]];
    std::memcpy(row, dy + order[i] * e.hidden, static_cast<std::size_t>(e.hidden) * sizeof(T));
    for (++i; i < e.tokens && ids[order[i]] == id; ++i) add_row(row, dy + order[i] * e.hidden, e.hidden);
    if (!op.accumulate) zero(dtable + written * e.hidden, (id - written) * e.hidden);
    deliver(op, dtable + id * e.hidden, row, e.hidden);
    written = id + 1;
    queue.poll_now();
  }
  if (!op.accumulate) zero(dtable + written * e.hidden, (e.vocab - written) * e.hidden);
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
  if (dpositions == nullptr) return;
  for (std::int64_t s = 0; s < e.sequence; ++s) {
    zero(row, e.hidden);
    for (std::int64_t t = s; t < e.tokens; t += e.sequence) add_row(row, dy + t * e.hidden, e.hidden);
    deliver(*a.op, dpositions + s * e.hidden, row, e.hidden);
  }
}

}  // namespace

void embedding_forward(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::Embedding>(op, operands, queue, forward<float>, forward<double>);
}
void embedding_weight_gradient(const Op& op, Addresses operands, Queue& queue) {
  by_type<ops::Embedding>(op, operands, queue, weight_gradient<float>, weight_gradient<double>);
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
