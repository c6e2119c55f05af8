// The reference as a whole: the fast kernels' operators, and those that only it computes.
#include "kernels/lists.h"
#include "kernels/reference/reference.h"

namespace ds::kernels::cpu::reference {
namespace {
constexpr const KernelList* kLists[] = {&kEmbedding,    &kLayerNorm,      &kRmsNorm,          &kLinear,
                                        &kRope,         &kFlashAttention, &kUnfusedAttention, &kActivations,
                                        &kCrossEntropy, &kUpdate,         &kContextAttention, &kExperts,
                                        &kColumns,      &kNormsOfQueries, &kLatentAttention};
}  // namespace

constinit const Kernels kKernels{kLists};

}  // namespace ds::kernels::cpu::reference
