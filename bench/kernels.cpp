// What each kernel costs in a training step of a small GPT, beside the matrix products of the same step.
//
//   OPENBLAS_NUM_THREADS=1 bench/run kernels [fp64]
//
// One line a kernel: time a call (best of several, thread CPU time, so that neighbours on the machine count
// less), rate, and its share of the step. `x` is how often a step of that model calls it.

#include "kernels/kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "simulator/base/random.h"

namespace {

using namespace ds;

struct Model {
  const char* name;
  std::int64_t batch, sequence, hidden, heads, ffn, vocab, layers;
  std::int64_t tokens() const { return batch * sequence; }
};

/// Best time of a call, once caches hold what they can; at least 0.2 s in all.
double seconds_of(const ops::Op& op, kernels::Library library) {
  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::vector<void*> addresses;
  const ops::Operands list = ops::operands(op);
  for (const ops::Operand& x : list) {
    const auto bytes = static_cast<std::size_t>(x.bytes().value);
    memory.push_back(std::make_unique<std::byte[]>(bytes + 64));
    const auto raw = reinterpret_cast<std::uintptr_t>(memory.back().get());
    addresses.push_back(memory.back().get() + ((raw + 63) / 64 * 64 - raw));
    const RandomStream random(1, memory.size());
    const std::size_t n = bytes / static_cast<std::size_t>(size_of(x.type));
    for (std::size_t i = 0; i < n; ++i) {
      const double value = x.role == ops::Role::tokens ? 200 * random.uniform(i) : random.uniform(i) - 0.5;
      const double kept = x.role == ops::Role::state ? std::max(value, 0.0) : value;
      if (x.type == DataType::fp32) static_cast<float*>(addresses.back())[i] = static_cast<float>(kept);
      if (x.type == DataType::fp64)
        static_cast<double*>(addresses.back())[i] = x.role == ops::Role::scalar ? 1 : kept;
      if (x.type == DataType::int32)
        static_cast<std::int32_t*>(addresses.back())[i] = static_cast<std::int32_t>(kept);
    }
  }
  const kernels::Run run = kernels::find(op, library);
  kernels::Queue queue;
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  double best = 1e9, total = 0;
  for (int calls = 0; total < 0.2 || calls < 3; ++calls) {
    const double begin = now();
    run(op, addresses, queue);
    const double took = now() - begin;
    if (calls > 0) best = std::min(best, took);
    total += took;
  }
  return best;
}

struct Share {
  double gemm{}, other{};
};

void measure(const ops::What& what, ops::Pass pass, double calls, DataType type, Share& share,
             bool counted = true) {
  const ops::Op op{what, pass, type, false};
  const double seconds = seconds_of(op, kernels::Library::simd);
  const bool gemm = std::holds_alternative<ops::Linear>(what);
  if (counted) (gemm ? share.gemm : share.other) += seconds * calls;
  fmt::print("{:<30} {:>9.1f} us x {:>3.0f} = {:>8.2f} ms {:>7.1f} GB/s {:>6.1f} GFLOP/s{}\n",
             ops::class_name(op), seconds * 1e6, calls, seconds * calls * 1e3,
             static_cast<double>(ops::traffic(op).value) / seconds * 1e-9,
             ops::flops(op).value / seconds * 1e-9, counted ? "" : "  (not in the sum)");
}

void measure_step(const Model& m, DataType type) {
  using enum ops::Pass;
  fmt::print("\n{} in {}: {} tokens, hidden {}, {} layers, {}\n", m.name, name_of(type), m.tokens(), m.hidden,
             m.layers, kernels::instruction_set());
  const auto layers = static_cast<double>(m.layers);
  const std::int64_t t = m.tokens(), h = m.hidden;
  Share share;
  const auto all = [&](const ops::What& what, double calls, bool counted = true) {
    for (const ops::Pass pass : {forward, input_gradient, weight_gradient})
      if (ops::has_pass(what, pass)) measure(what, pass, calls, type, share, counted);
  };
  all(ops::Linear{t, h, 3 * h, true}, layers);
  all(ops::Linear{t, h, h, true}, layers);
  all(ops::Linear{t, h, m.ffn, true}, layers);
  all(ops::Linear{t, m.ffn, h, true}, layers);
  all(ops::Linear{t, h, m.vocab, false}, 1);
  all(ops::Embedding{t, m.sequence, h, m.vocab, true}, 1);
  all(ops::LayerNorm{t, h, true}, 2 * layers + 1);
  all(ops::Attention{m.batch, m.sequence, m.heads, m.heads, h / m.heads, true}, layers);
  all(ops::Gelu{t, m.ffn}, layers);
  all(ops::Add{t, h}, 2 * layers);
  all(ops::CrossEntropy{t, m.vocab, m.vocab, 1e-3}, 1);
  const std::int64_t weights = m.layers * (4 * h * h + 2 * h * m.ffn) + m.vocab * h;
  measure(ops::SquaredNorm{.elements = weights, .first = true, .once_from = weights}, update, 1, type, share);
  measure(ops::AdamW{.elements = weights, .decayed = weights / 2}, update, 1, type, share);
  fmt::print("Matrix products {:.2f} ms, everything else {:.2f} ms: {:.1f} %\n", share.gemm * 1e3,
             share.other * 1e3, 100 * share.other / share.gemm);
  all(ops::Attention{m.batch, m.sequence, m.heads, m.heads, h / m.heads, false}, layers, false);
  all(ops::RmsNorm{t, h, true}, 2 * layers + 1, false);
  all(ops::Rope{t, m.sequence, m.heads, m.heads, h / m.heads}, layers, false);
  all(ops::SwiGlu{t, m.ffn}, layers, false);
  measure(ops::Accumulate{weights}, update, 1, type, share, false);
  // What a rank of two computes where tensors are cut over both; `counted` must not change the time of a norm.
  all(ops::Embedding{.tokens = t, .sequence = m.sequence, .hidden = h, .vocab = m.vocab / 2, .shards = 2}, 1,
      false);
  all(ops::Positions{.tokens = t / 2, .sequence = m.sequence, .hidden = h, .shards = 2}, 1, false);
  all(ops::Bias{t, h}, 2 * layers, false);
  all(ops::SoftmaxStatistics{t, m.vocab, m.vocab / 2, 2}, 1, false);
  all(ops::CrossEntropy{t, m.vocab, m.vocab / 2, 1e-3, 2}, 1, false);
  measure(ops::SquaredNorm{.elements = weights, .first = true, .counted = 0}, update, 1, type, share, false);
}

}  // namespace

int main(int argc, char** argv) {
  const DataType type = argc > 1 && std::string_view(argv[1]) == "fp64" ? DataType::fp64 : DataType::fp32;
  measure_step({"small", 4, 128, 256, 4, 1024, 256, 4}, type);
  measure_step({"GPT-2 124M", 4, 64, 768, 12, 3072, 50304, 12}, type);
}
