#pragma once
// How long ago a training step touched an operand when its operator begins. That decides where the operand lies: in the
// core's own cache, in the one that cores share, or in memory; and with it half of the time of an operator that computes
// little.

#include <cstdint>

#include "simulator/ops/ops.h"

namespace ds::executor {

enum class LastTouch : std::uint8_t {
  just_now,  // the operator before wrote it, or read it
  lately,    // within this layer: a few operators ago, or memory that operators of every layer use again
  long_ago,  // a layer stack away, or a micro-batch, or a step
};

LastTouch last_touch(const ops::Op& op, const ops::Operand& operand);

}  // namespace ds::executor
