#pragma once
// The kernels of one library, in the file of their operator: each file lists its own, an operator a row. The three
// libraries, `reference`, `baseline` and `avx2`, are the same list of files; DS_INSTRUCTION_SET comes from CMake.

#include "kernels/arguments.h"
#include "kernels/cpu/cpu.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

using ops::Op;

extern const KernelList kEmbedding, kLayerNorm, kRmsNorm, kLinear, kRope, kFlashAttention, kUnfusedAttention,
    kActivations, kCrossEntropy, kUpdate;

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
