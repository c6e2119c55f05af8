#pragma once
// How fast kernels run on a kind of GPU, where no table of the very shape is at hand: profiles/kernels/gpu.json, which says
// what each number means and where it comes from.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/ops/ops.h"

namespace ds::cost {

/// seconds = max(FLOP / (peak x peak_share), bytes / (memory x memory_share)) + launch_s
struct ProductRates {
  double peak_share{}, memory_share{}, launch_s{};
};

/// Share of peak of a fused attention kernel: best for long sequences and many heads. `half_sequence` tokens or
/// `half_blocks` blocks of 128 queries halve it.
struct AttentionRate {
  double best{}, half_sequence{}, half_blocks{};
};

struct AttentionRates {
  AttentionRate forward, backward;
};

/// Attention as batched products and softmax over the whole square of scores, which go through memory.
struct UnfusedRates {
  double batched_share{}, memory_share{};
  double forward_bytes{}, backward_bytes{};                  // a score, in 16 bits
  double forward_dropout_bytes{}, backward_dropout_bytes{};  // the same with dropout
  double odd_head_slowdown{};                                // of products whose head_dim is no multiple of 8
};

/// How much longer a kernel takes than the rule for others says, by pass.
struct Slowdowns {
  double forward{1}, input_gradient{1}, weight_gradient{1};
  double of(ops::Pass pass) const {
    return pass == ops::Pass::forward          ? forward
           : pass == ops::Pass::input_gradient ? input_gradient
                                               : weight_gradient;
  }
};

/// Who has written the kernel, in the order in which they came.
enum class FusedAttention : std::uint8_t { flash1, flash2, cudnn, flash3 };
/// Products in 8 bits with scales of blocks: none, the vendor's library's, or those of the software itself.
enum class BlockProducts : std::uint8_t { none, library, own };

struct GpuFacts {
  ProductRates products;
  AttentionRates attention;
  Slowdowns wide_heads;      // of attention whose heads are wider than 128
  Slowdowns grouped;         // of products of several experts by one kernel
  Slowdowns block_products;  // with scales of blocks, beside those that are measured
  UnfusedRates unfused;
  std::map<std::string, double, std::less<>> memory_shares;  // by kind of operator
  double memory_share{}, launch_s{};                         // of every other kind; of all
  double product_sigma{}, table_sigma{}, attention_sigma{}, memory_sigma{};
  double host_link_share{}, host_memory_share{};  // of the rates of the link to the host, and of its memory

  double memory_share_of(std::string_view kind) const;
};

/// Those of GPUs of an architecture ("sm90"). `attention`: the newest kernel that the software has.
GpuFacts read_gpu_facts(std::string_view arch, FusedAttention attention, BlockProducts blocks);

}  // namespace ds::cost
