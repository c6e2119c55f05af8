// A library as a whole.
#include "kernels/lists.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

namespace {
constexpr const KernelList* kLists[] = {&kEmbedding,    &kLayerNorm,      &kRmsNorm,          &kLinear,
                                        &kRope,         &kFlashAttention, &kUnfusedAttention, &kActivations,
                                        &kCrossEntropy, &kUpdate};
}  // namespace

constinit const Kernels kKernels{kLists};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
