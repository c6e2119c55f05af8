// Shapes and lists of operands.
#include "simulator/ops/operator.h"

namespace ds::ops {

std::int64_t Shape::elements() const {
  std::int64_t n = 1;
  for (int i = 0; i < rank; ++i) n *= size[static_cast<std::size_t>(i)];
  return n;
}

void Operands::push_back(const Operand& operand) {
  ensure(count_ < kMaxOperands, "an operator has at most kMaxOperands operands");
  list_[static_cast<std::size_t>(count_++)] = operand;
}

int Operands::find(std::string_view name) const {
  for (int i = 0; i < count_; ++i)
    if (list_[static_cast<std::size_t>(i)].name == name) return i;
  return -1;
}

}  // namespace ds::ops
