#pragma once
// Matrix products of linear layers as somebody measured them on one kind of GPU, or on one machine:
// profiles/kernels/products. Between measured shapes the share of the roofline is interpolated.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "simulator/base/memo.h"
#include "simulator/cost/cost.h"
#include "simulator/workload/job.h"

namespace ds::cost {

class ProductTable {
 public:
  /// What is multiplied: numbers in 16 bits; in 8 with a scale for each tensor, or for each block of it.
  enum class Numbers : std::uint8_t { in_16_bits, in_8_bits, in_8_bits_by_blocks };
  /// The table of the machine, else that of its GPU, else none.
  static std::optional<ProductTable> of(const workload::Node& node, Numbers numbers = Numbers::in_16_bits);

  /// Seconds of a layer's product on a GPU with that peak and that memory: as many times its roofline as the product took on
  /// the GPU that was measured, whose own datasheet stands in the table. So a better GPU is never slower. A shape asked for
  /// before costs nanoseconds; not for several threads at once.
  Seconds time(const ops::Linear& layer, ops::Pass pass, FlopsPerSecond peak, BytesPerSecond memory) const;

 private:
  struct Curve {
    std::vector<Features> features;  // {tokens, outputs, inputs}; work: seconds by the roofline
    std::vector<Point> points;
  };
  Features features_of(const ops::Linear& layer) const;
  /// Seconds over those of the roofline, at least 1.
  double slowdown(const ops::Linear& layer, ops::Pass pass) const;
  double interpolated(const ops::Linear& layer, std::size_t p) const;

  FlopsPerSecond peak_;           // of the GPU that was measured
  BytesPerSecond memory_;         // the same
  std::int64_t factor_bytes_{2};  // of a number that is multiplied; results have 16 bits
  std::array<Curve, 3>
      curves_;  // by pass: forward, input gradient, weight gradient; empty where not measured
  /// By tokens, outputs, inputs and pass.
  using Asked = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::size_t>;
  std::shared_ptr<Memo<Asked, double>> slowdowns_ = std::make_shared<Memo<Asked, double>>();
};

}  // namespace ds::cost
