#include "kernels/cpu/declarations.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

constinit const Kernels kKernels{
    .embedding_forward = embedding_forward,
    .embedding_weight_gradient = embedding_weight_gradient,
    .positions_forward = positions_forward,
    .positions_weight_gradient = positions_weight_gradient,
    .layer_norm_forward = layer_norm_forward,
    .layer_norm_input_gradient = layer_norm_input_gradient,
    .layer_norm_weight_gradient = layer_norm_weight_gradient,
    .rms_norm_forward = rms_norm_forward,
    .rms_norm_input_gradient = rms_norm_input_gradient,
    .rms_norm_weight_gradient = rms_norm_weight_gradient,
    .linear_forward = linear_forward,
    .linear_input_gradient = linear_input_gradient,
    .linear_weight_gradient = linear_weight_gradient,
    .bias_forward = bias_forward,
    .bias_weight_gradient = bias_weight_gradient,
    .rope_forward = rope_forward,
    .rope_input_gradient = rope_input_gradient,
    .flash_attention_forward = flash_attention_forward,
    .flash_attention_input_gradient = flash_attention_input_gradient,
    .unfused_attention_forward = unfused_attention_forward,
    .unfused_attention_input_gradient = unfused_attention_input_gradient,
    .gelu_forward = gelu_forward,
    .gelu_input_gradient = gelu_input_gradient,
    .swiglu_forward = swiglu_forward,
    .swiglu_input_gradient = swiglu_input_gradient,
    .add_forward = add_forward,
    .cross_entropy_forward = cross_entropy_forward,
    .softmax_statistics_forward = softmax_statistics_forward,
    .squared_norm = squared_norm,
    .adamw = adamw,
    .accumulate = accumulate,
};

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
