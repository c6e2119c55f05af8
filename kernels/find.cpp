#include "kernels/arguments.h"
#include "kernels/cpu/cpu.h"
#include "kernels/reference/reference.h"
#include "simulator/base/error.h"

namespace ds::kernels {
namespace {

using cpu::Kernels;
using ops::Pass;

/// Every kernel there is. The first column is what ops::kind_name() calls the operator.
struct Entry {
  std::string_view kind;
  Pass pass;
  Run reference;
  Run Kernels::* simd;  // nullptr: the reference serves, there is nothing to gain
};

constexpr Entry kCatalogue[] = {
    {"embedding", Pass::forward, reference::embedding_forward, &Kernels::embedding_forward},
    {"embedding", Pass::weight_gradient, reference::embedding_weight_gradient,
     &Kernels::embedding_weight_gradient},
    {"positions", Pass::forward, reference::positions_forward, &Kernels::positions_forward},
    {"positions", Pass::weight_gradient, reference::positions_weight_gradient,
     &Kernels::positions_weight_gradient},
    {"layer norm", Pass::forward, reference::layer_norm_forward, &Kernels::layer_norm_forward},
    {"layer norm", Pass::input_gradient, reference::layer_norm_input_gradient,
     &Kernels::layer_norm_input_gradient},
    {"layer norm", Pass::weight_gradient, reference::layer_norm_weight_gradient,
     &Kernels::layer_norm_weight_gradient},
    {"rms norm", Pass::forward, reference::rms_norm_forward, &Kernels::rms_norm_forward},
    {"rms norm", Pass::input_gradient, reference::rms_norm_input_gradient, &Kernels::rms_norm_input_gradient},
    {"rms norm", Pass::weight_gradient, reference::rms_norm_weight_gradient,
     &Kernels::rms_norm_weight_gradient},
    {"linear", Pass::forward, reference::linear_forward, &Kernels::linear_forward},
    {"linear", Pass::input_gradient, reference::linear_input_gradient, &Kernels::linear_input_gradient},
    {"linear", Pass::weight_gradient, reference::linear_weight_gradient, &Kernels::linear_weight_gradient},
    {"bias", Pass::forward, reference::bias_forward, &Kernels::bias_forward},
    {"bias", Pass::weight_gradient, reference::bias_weight_gradient, &Kernels::bias_weight_gradient},
    {"rope", Pass::forward, reference::rope_forward, &Kernels::rope_forward},
    {"rope", Pass::input_gradient, reference::rope_input_gradient, &Kernels::rope_input_gradient},
    {"attention", Pass::forward, reference::attention_forward, &Kernels::flash_attention_forward},
    {"attention", Pass::input_gradient, reference::attention_input_gradient,
     &Kernels::flash_attention_input_gradient},
    {"unfused attention", Pass::forward, reference::attention_forward, &Kernels::unfused_attention_forward},
    {"unfused attention", Pass::input_gradient, reference::attention_input_gradient,
     &Kernels::unfused_attention_input_gradient},
    {"gelu", Pass::forward, reference::gelu_forward, &Kernels::gelu_forward},
    {"gelu", Pass::input_gradient, reference::gelu_input_gradient, &Kernels::gelu_input_gradient},
    {"swiglu", Pass::forward, reference::swiglu_forward, &Kernels::swiglu_forward},
    {"swiglu", Pass::input_gradient, reference::swiglu_input_gradient, &Kernels::swiglu_input_gradient},
    {"residual add", Pass::forward, reference::add_forward, &Kernels::add_forward},
    {"cross entropy", Pass::forward, reference::cross_entropy_forward, &Kernels::cross_entropy_forward},
    {"softmax statistics", Pass::forward, reference::softmax_statistics_forward,
     &Kernels::softmax_statistics_forward},
    {"squared norm", Pass::update, reference::squared_norm, &Kernels::squared_norm},
    {"loss sum", Pass::update, reference::loss_sum, nullptr},
    {"clip factor", Pass::update, reference::clip_factor, nullptr},
    {"adamw", Pass::update, reference::adamw, &Kernels::adamw},
    {"accumulate", Pass::update, reference::accumulate, &Kernels::accumulate},
    {"zero", Pass::update, reference::zero, nullptr},
};

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
  template <class Other>
  void operator()(const Other&) const {}
};

const Entry& entry_of(const ops::Op& op) {
  ensure(op.type == DataType::fp32 || op.type == DataType::fp64, "CPU kernels compute in fp32 or fp64");
  std::visit(Check{}, op.what);
  for (const Entry& entry : kCatalogue)
    if (entry.kind == ops::kind_name(op.what) && entry.pass == op.pass) return entry;
  fail_ensure("entry_of", "every operator has a kernel for each of its passes", __FILE__, __LINE__);
}

}  // namespace

Run find(const ops::Op& op, Library library) {
  const Run simd = library == Library::simd ? cpu::find_in(*chosen().kernels, op) : nullptr;
  return simd != nullptr ? simd : entry_of(op).reference;
}

Run cpu::find_in(const Kernels& kernels, const ops::Op& op) {
  const Entry& entry = entry_of(op);
  return entry.simd == nullptr ? nullptr : kernels.*entry.simd;
}

const char* instruction_set() { return chosen().name; }

}  // namespace ds::kernels
