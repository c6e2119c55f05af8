// What an operator's time depends on: logarithms of its sizes, and its work.
#include <cmath>

#include "simulator/cost/cost.h"

namespace ds::cost {
namespace {

bool is_product(const ops::What& what) {
  return std::holds_alternative<ops::Linear>(what) || ops::is_attention(what);
}

}  // namespace

Features features(const ops::Op& op) {
  const bool product = is_product(op.what);
  const double work = product ? ops::flops(op).value : static_cast<double>(ops::traffic(op).value);
  Features features{{}, work, product};
  for (const std::int64_t size : ops::extents(op.what))
    features.log_sizes.push_back(std::log(static_cast<double>(size)));
  return features;
}

}  // namespace ds::cost
