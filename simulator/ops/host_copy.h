#pragma once
// A tensor on its way to the memory of the host, or back.

#include "simulator/ops/operator.h"

namespace ds::ops {

/// y = x, where one of them lies in the memory of the host: by a copy engine, beside whatever is computed.
struct HostCopy {
  std::int64_t rank{}, first{}, second{}, third{}, fourth{};  // of the shape
  bool to_host{};
  bool operator==(const HostCopy&) const = default;

  static constexpr std::string_view kName = "host copy";
  std::string_view name() const { return kName; }
  bool has_pass(Pass pass) const { return pass == Pass::forward; }
  double flops(Pass /*pass*/) const { return 0; }
  Shape shape() const { return {{first, second, third, fourth}, static_cast<int>(rank)}; }
  Extents extents() const { return {shape().elements()}; }
  void operands(OperandList& l) const {
    l.in("x", shape());
    l.result("y", shape());
  }

  template <class Self, class Fn>
  static void fields(Self& self, Fn&& fn) {
    fn("rank", self.rank);
    fn("first", self.first), fn("second", self.second), fn("third", self.third), fn("fourth", self.fourth);
    fn("to_host", self.to_host);
  }
};

inline HostCopy host_copy(const Shape& shape, bool to_host) {
  return {shape.rank, shape.size[0], shape.size[1], shape.size[2], shape.size[3], to_host};
}

}  // namespace ds::ops
