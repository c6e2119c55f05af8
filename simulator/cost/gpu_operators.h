#pragma once
// Seconds of an operator that runs alone on a GPU: products by a table that was measured on such a GPU, or where there is
// none by their FLOPs, as attention; everything else by the bytes that it moves. Shares of the datasheet are those that
// kernels reach (gpu_facts.h).

#include <optional>

#include "simulator/cost/cost.h"
#include "simulator/cost/gpu_facts.h"
#include "simulator/cost/product_table.h"
#include "simulator/workload/job.h"

namespace ds::cost {

/// Who makes the job's products with scales of blocks; none where it has none.
BlockProducts block_products_of(const workload::Job& job);

class GpuOperators {
 public:
  /// The first group's GPU; attention kernel and fusions as the plan and the software say.
  explicit GpuOperators(const workload::Job& job);
  /// Of another plan on the GPUs of `other`, whose table of products it shares.
  GpuOperators(const workload::Job& job, const GpuOperators& other);

  Estimate time(const ops::Op& op) const;
  /// What the training precision's matrix products could do at best.
  FlopsPerSecond peak() const { return peak_; }

 private:
  GpuOperators(const workload::Job& job, std::optional<ProductTable> products,
               std::optional<ProductTable> narrow_products);
  Estimate product(const ops::Op& op) const;
  /// Of products whose rates are those of `like`.
  Estimate product(const ops::Op& op, const ops::Linear& like) const;
  /// `pairs`: of tokens that see each other, of all sequences and heads; `rows`: of queries, of all sequences and heads.
  struct AttentionWork {
    double pairs{}, rows{};
    std::int64_t sequence{}, keys{}, values{};  // tokens of a sequence; width of each key and value
  };
  /// Of attention, or of a part of it.
  template <class What>
  static AttentionWork work_of(const What& a);
  Estimate attention(const AttentionWork& work, ops::Pass pass, DataType type) const;
  Estimate unfused(const ops::Attention& a, ops::Pass pass, DataType type) const;
  Estimate on_fewer_units(Estimate estimate) const;
  Estimate memory_bound(const ops::Op& op) const;
  /// Of what the host has part in: a copy to it or back, an update by its processors.
  Estimate on_host(const ops::Op& op) const;
  FlopsPerSecond peak_of(DataType type) const;

  workload::Gpu gpu_;
  workload::Software habits_;
  bool dropout_;
  bool rounds_factors_;  // of products in fp32, to tf32
  double fewer_units_;   // times seconds of work that keeps all units busy
  FlopsPerSecond peak_;
  BytesPerSecond memory_;
  BytesPerSecond host_link_, host_memory_;  // a GPU's share; 0: nobody says
  GpuFacts facts_;
  std::optional<ProductTable> products_, narrow_products_;  // of factors in 16 bits, in 8
};

}  // namespace ds::cost
