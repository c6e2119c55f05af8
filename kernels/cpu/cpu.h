#pragma once
// The fast kernels, for one thread. The same sources are built once for each instruction set, in a namespace
// of its own; kernels/find.cpp takes the best that the processor has. Results are equal from run to run on
// equal processors; another instruction set may differ in the last bits, as BLAS does.

#include "kernels/kernels.h"

namespace ds::kernels::cpu {

struct Kernels {
  Run embedding_forward, embedding_weight_gradient;
  Run positions_forward, positions_weight_gradient;
  Run layer_norm_forward, layer_norm_input_gradient, layer_norm_weight_gradient;
  Run rms_norm_forward, rms_norm_input_gradient, rms_norm_weight_gradient;
  Run linear_forward, linear_input_gradient, linear_weight_gradient;
  Run bias_forward, bias_weight_gradient;
  Run rope_forward, rope_input_gradient;
  Run flash_attention_forward, flash_attention_input_gradient;
  Run unfused_attention_forward, unfused_attention_input_gradient;
  Run gelu_forward, gelu_input_gradient;
  Run swiglu_forward, swiglu_input_gradient;
  Run add_forward;
  Run cross_entropy_forward, softmax_statistics_forward;
  Run squared_norm, adamw, accumulate;
};

namespace baseline {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;  // AVX2 and FMA; on x86-64 only
}

/// The kernel in one set, or nullptr where the reference serves every set: for tests and benchmarks that must
/// reach the set that this processor would not choose. In kernels/find.cpp.
Run find_in(const Kernels& kernels, const ops::Op& op);

}  // namespace ds::kernels::cpu
