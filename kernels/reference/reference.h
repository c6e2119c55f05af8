#pragma once
// Plain loops, one formula a kernel, sums in double: what a suspicious reader compares the fast kernels with.
// The formulas are those of simulator/ops/ops.h.

#include "kernels/arguments.h"

namespace ds::kernels::reference {

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
void attention_forward(const Op& op, Addresses operands, Queue& queue);         // flash or not, by op
void attention_input_gradient(const Op& op, Addresses operands, Queue& queue);  // flash or not, by op
void gelu_forward(const Op& op, Addresses operands, Queue& queue);
void gelu_input_gradient(const Op& op, Addresses operands, Queue& queue);
void swiglu_forward(const Op& op, Addresses operands, Queue& queue);
void swiglu_input_gradient(const Op& op, Addresses operands, Queue& queue);
void add_forward(const Op& op, Addresses operands, Queue& queue);
void cross_entropy_forward(const Op& op, Addresses operands, Queue& queue);
void softmax_statistics_forward(const Op& op, Addresses operands, Queue& queue);
void squared_norm(const Op& op, Addresses operands, Queue& queue);
void loss_sum(const Op& op, Addresses operands, Queue& queue);
void clip_factor(const Op& op, Addresses operands, Queue& queue);
void adamw(const Op& op, Addresses operands, Queue& queue);
void accumulate(const Op& op, Addresses operands, Queue& queue);
void zero(const Op& op, Addresses operands, Queue& queue);

/// A finished sum goes into a weight gradient: added to what is there, or written.
template <class T>
void deliver(const Op& op, T& to, double sum) {
  to = op.accumulate ? to + static_cast<T>(sum) : static_cast<T>(sum);
}

}  // namespace ds::kernels::reference
