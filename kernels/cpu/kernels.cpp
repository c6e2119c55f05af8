// A library as a whole.
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

constinit const Kernels kKernels{&kEmbedding,    &kLayerNorm,      &kRmsNorm,          &kLinear,
                                 &kRope,         &kFlashAttention, &kUnfusedAttention, &kActivations,
                                 &kCrossEntropy, &kUpdate};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
