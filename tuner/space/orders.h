#pragma once
// Private to the space: which schedules are 1f1b under another name, where they have few micro-batches or a single stage.

#include <cstdint>
#include <tuple>

#include "simulator/base/memo.h"
#include "simulator/workload/job.h"

namespace ds::tuner {

/// Compares the orders in which stages run their passes (program::order_of), once for each question. Any number of threads
/// may ask.
class OrdersLike1f1b {
 public:
  /// Whether `schedule`, of one chunk a stage, runs the passes of 1f1b in its order on every stage. Without a pipeline nobody
  /// waits for anybody, and any order of the same passes takes as long: there it is enough if it keeps as many micro-batches.
  /// The schedule's rules are kept, and it is supported.
  bool has(workload::Schedule schedule, std::int64_t stages, std::int64_t micro_batches);

 private:
  Memo<std::tuple<workload::Schedule, std::int64_t, std::int64_t>, bool> known_;
};

}  // namespace ds::tuner
