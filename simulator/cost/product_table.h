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
  static std::optional<ProductTable> of(const workload::Node& node, BytesPerSecond memory,
                                        Numbers numbers = Numbers::in_16_bits);

  /// Seconds of a layer's product over those that the roofline of the datasheet allows, at least 1. A shape asked for before
  /// costs nanoseconds; not for several threads at once.
  double slowdown(const ops::Linear& layer, ops::Pass pass) const;

 private:
  struct Curve {
    std::vector<Features> features;  // {tokens, outputs, inputs}; work: seconds by the roofline
    std::vector<Point> points;
  };
  /// What a layer's forward product takes at the rates of the datasheet.
  double roofline(const ops::Linear& layer) const;
  Features features_of(const ops::Linear& layer) const;
  double interpolated(const ops::Linear& layer, std::size_t p) const;

  FlopsPerSecond peak_;
  BytesPerSecond memory_;
  std::int64_t factor_bytes_{2};  // of a number that is multiplied; results have 16 bits
  std::array<Curve, 3>
      curves_;  // by pass: forward, input gradient, weight gradient; empty where not measured
  /// By tokens, outputs, inputs and pass.
  using Asked = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::size_t>;
  std::shared_ptr<Memo<Asked, double>> slowdowns_ = std::make_shared<Memo<Asked, double>>();
};

}  // namespace ds::cost
