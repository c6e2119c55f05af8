#pragma once
// Constants that whole training steps were needed for: how much longer products take at the clock that a GPU sustains,
// what of their bandwidth alone collectives keep inside a step. profiles/fitted.json declares them with what each was
// fitted on: by GPU family first, then by GPU, then by machine. None knows a model or a case.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/workload/job.h"

namespace ds::cost {

/// Which of them count: none, those of GPU families and GPUs, or those of machines as well.
enum class Fitted : std::uint8_t { none, family, all };

struct FittedConstants {
  double products{1};  // times seconds of products in 16 bits, which run into the GPU's power limit first
  double narrow_products{
      1};  // times seconds of products in 8 bits with a scale for each tensor, or for 32 elements
  double block_products{1};  // the same with scales of blocks, by kernels of the software's own
  double attention{1};       // times seconds of attention
  double memory_bound{1};    // times seconds of everything else that computes
  double links_inside{1};    // times seconds of collectives inside a node
  double links_across{1};    // times seconds of collectives between nodes
};

/// One of them, as it is told to people.
struct FittedConstant {
  std::string name;  // "products"
  double factor{1};
  std::string whose;      // "GPUs of sm90", "dgx-h100"
  std::string fitted_on;  // the cases
};
/// Those that count for a job, a GPU's in place of its family's and a machine's in place of both. None on processors.
std::vector<FittedConstant> fitted_constants(const workload::Job& job, Fitted level);

FittedConstants read_fitted(const workload::Job& job, Fitted level);

}  // namespace ds::cost
