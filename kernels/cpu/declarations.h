#pragma once
// The kernels of one instruction set, each in the file of its operator. DS_INSTRUCTION_SET comes from CMake.

#include "kernels/arguments.h"
#include "kernels/cpu/cpu.h"

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

using ops::Op;

void embedding_forward(const Op& op, Addresses operands, Queue& queue);
void embedding_weight_gradient(const Op& op, Addresses operands, Queue& queue);
void positions_forward(const Op& op, Addresses operands, Queue& queue);
void positions_weight_gradient(const Op& op, Addresses operands, Queue& queue);
void layer_norm_forward(const Op& op, Addresses operands, Queue& queue);
void layer_norm_input_gradient(const Op& op, Addresses operands, Queue& queue);
void layer_norm_weight_gradient(const Op& op, Addresses operands, Queue& queue);
void rms_norm_forward(const Op& op, Addresses operands, Queue& queue);
void rms_norm_input_gradient(const Op& op, Addresses operands, Queue& queue);
void rms_norm_weight_gradient(const Op& op, Addresses operands, Queue& queue);
void linear_forward(const Op& op, Addresses operands, Queue& queue);
void linear_input_gradient(const Op& op, Addresses operands, Queue& queue);
void linear_weight_gradient(const Op& op, Addresses operands, Queue& queue);
void bias_forward(const Op& op, Addresses operands, Queue& queue);
void bias_weight_gradient(const Op& op, Addresses operands, Queue& queue);
void rope_forward(const Op& op, Addresses operands, Queue& queue);
void rope_input_gradient(const Op& op, Addresses operands, Queue& queue);
void flash_attention_forward(const Op& op, Addresses operands, Queue& queue);
void flash_attention_input_gradient(const Op& op, Addresses operands, Queue& queue);
void unfused_attention_forward(const Op& op, Addresses operands, Queue& queue);
void unfused_attention_input_gradient(const Op& op, Addresses operands, Queue& queue);
void gelu_forward(const Op& op, Addresses operands, Queue& queue);
void gelu_input_gradient(const Op& op, Addresses operands, Queue& queue);
void swiglu_forward(const Op& op, Addresses operands, Queue& queue);
void swiglu_input_gradient(const Op& op, Addresses operands, Queue& queue);
void add_forward(const Op& op, Addresses operands, Queue& queue);
void cross_entropy_forward(const Op& op, Addresses operands, Queue& queue);
void softmax_statistics_forward(const Op& op, Addresses operands, Queue& queue);
void squared_norm(const Op& op, Addresses operands, Queue& queue);
void adamw(const Op& op, Addresses operands, Queue& queue);
void accumulate(const Op& op, Addresses operands, Queue& queue);

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
