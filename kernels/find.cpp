// Which kernel serves an operator: the fast library of this processor, else the reference.
#include "kernels/arguments.h"
#include "kernels/cpu/cpu.h"
#include "simulator/base/error.h"

namespace ds::kernels {
namespace {

using cpu::Kernels;
using ops::Pass;

struct Chosen {
  const char* name;
  const Kernels* kernels;
};

Chosen choose() {
#ifdef DS_KERNELS_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"avx2+fma", &cpu::avx2::kKernels};
#endif
  return {"baseline", &cpu::baseline::kKernels};
}

const Chosen& chosen() {
  static const Chosen once = choose();
  return once;
}

/// What a program may hold and a CPU kernel does not take, said before memory is touched.
struct Check {
  void operator()(const ops::Attention& a) const {
    ensure(a.head_dim <= kMaxHeadDim, "attention kernels take heads of up to kMaxHeadDim elements");
    ensure(a.value_dim() <= kMaxHeadDim, "attention kernels take heads of up to kMaxHeadDim elements");
  }
  void operator()(const ops::ContextAttention& a) const {
    ensure(a.keys != ops::Keys::ring, "a ring is lowered to its parts and has no kernel");
    ensure(a.head_dim <= kMaxHeadDim && a.value_dim() <= kMaxHeadDim,
           "attention kernels take heads of up to kMaxHeadDim elements");
  }
  void operator()(const ops::Embedding& e) const {
    ensure(e.shards == 1 || !e.positions,
           "positions are added to the sum of an embedding's shards, not to each");
  }
  void operator()(const ops::AdamW& a) const {
    ensure(!a.copies_down, "in fp32 and fp64 the weight is its own working copy");
  }
  void operator()(const ops::Regroup&) const {
    ensure(false, "a regrouping is lowered to collectives and has no kernel");
  }
  void operator()(const ops::Dropout&) const { ensure(false, "dropout is simulated only and has no kernel"); }
  void operator()(const ops::Quantise&) const {
    ensure(false, "8 bits are simulated only and have no kernel");
  }
  void operator()(const ops::Narrow&) const {
    ensure(false, "activations in fewer bits are simulated only and have no kernel");
  }
  void operator()(const ops::SpreadProbabilities& s) const { check_rows(s.rows()); }
  void operator()(const ops::Cast&) const { ensure(false, "casts are simulated only and have no kernel"); }
  void operator()(const ops::Dispatch& d) const { check_rows(d.rows()); }
  void operator()(const ops::Combine& c) const { check_rows(c.rows()); }
  void operator()(const ops::GroupedLinear& g) const {
    ensure(!g.fp8, "8 bits are simulated only and have no kernel");
    ensure(g.tokens == 0 || g.tokens % (g.experts * g.sources) == 0, "all experts have as many rows");
  }
  static void check_rows(const ops::ExpertRows& rows) {
    ensure(rows.tokens == 0 || (rows.experts > 0 && rows.count() % rows.experts == 0),
           "all experts have as many rows");
  }
  template <class Other>
  void operator()(const Other&) const {}
};

/// Whether the fast kernel of an operator takes it as it is: the reference serves what is rare.
struct IsFast {
  bool operator()(const ops::Attention& a) const {
    return a.window == 0 && !a.sinks && a.alibi_heads == 0 && a.value_dim() == a.head_dim;
  }
  bool operator()(const ops::SwiGlu& g) const { return !g.weighted; }
  bool operator()(const ops::Gelu& g) const { return !g.weighted; }
  bool operator()(const ops::LayerNorm& n) const { return n.gains && n.shifts; }
  bool operator()(const ops::Rope& r) const { return r.rotary == 0; }
  bool operator()(const ops::Embedding& e) const { return e.context == 1; }
  bool operator()(const ops::Positions& p) const { return p.context == 1 && p.parts == 0; }
  template <class Other>
  bool operator()(const Other&) const {
    return true;
  }
};

void check(const ops::Op& op) {
  ensure(op.type == DataType::fp32 || op.type == DataType::fp64, "CPU kernels compute in fp32 or fp64");
  std::visit(Check{}, op.what);
}

Run of_pass(const cpu::PassKernels& kernels, Pass pass) {
  switch (pass) {
    case Pass::forward: return kernels.forward;
    case Pass::input_gradient: return kernels.input_gradient;
    case Pass::weight_gradient: return kernels.weight_gradient;
    case Pass::update: return kernels.update;
  }
  return nullptr;
}

}  // namespace

Run find(const ops::Op& op, Library library) {
  const bool fast = library == Library::simd && std::visit(IsFast{}, op.what);
  const Run simd = fast ? cpu::find_in(*chosen().kernels, op) : nullptr;
  const Run kernel = simd != nullptr ? simd : cpu::find_in(cpu::reference::kKernels, op);
  ensure(kernel != nullptr, "every operator has a kernel for each of its passes");
  return kernel;
}

Run cpu::find_in(const Kernels& kernels, const ops::Op& op) {
  check(op);
  const std::string_view kind = ops::kind_name(op.what);
  for (const KernelList* list : kernels)
    for (const OperatorKernels& one : std::span(list->first, list->count))
      if (one.kind == kind) return of_pass(one.passes, op.pass);
  return nullptr;
}

const char* instruction_set() { return chosen().name; }

}  // namespace ds::kernels
