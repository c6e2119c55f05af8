// The rules that price each class of operators on a GPU.
#include "simulator/cost/gpu_operators.h"

#include <algorithm>
#include <utility>

#include "simulator/base/error.h"
#include "simulator/cost/composite.h"
#include "simulator/workload/arithmetic.h"

namespace ds::cost {
namespace {

using workload::Attention;

constexpr std::int64_t kUsualHead = 128;  // the widest that attention kernels are made for first
constexpr double kBlock = 128;            // queries of one block of a fused attention kernel
constexpr std::int64_t kTensorCoreMultiple = 8;
// Bytes that cross-entropy moves for each logit: fused it reads them and writes their gradient, in blocks, and once more
// for the largest and the sum; unfused it makes copies in fp32 (Megatron-LM's vocab_parallel_cross_entropy).
constexpr std::int64_t kTableBytes = 2;  // of the types that tables of products were measured in
constexpr double kFusedLogitBytes = 14, kUnfusedLogitBytes = 50;

FusedAttention attention_of(const workload::Job& job) {
  const Attention kind = job.plan.attention == Attention::flash ? job.habits.flash : job.plan.attention;
  switch (kind) {
    case Attention::flash1: return FusedAttention::flash1;
    case Attention::flash:
    case Attention::flash2:
    case Attention::unfused: return FusedAttention::flash2;
    case Attention::cudnn: return FusedAttention::cudnn;
    case Attention::flash3: return FusedAttention::flash3;
  }
  return FusedAttention::flash2;
}

/// How much longer work takes that keeps a GPU busy, where kernels that exchange rows beside it keep some of its units.
double units_share(const workload::Job& job) {
  const double units = job.cluster.groups.front().node.accelerator.sm_count;
  const auto kept = static_cast<double>(job.habits.dispatch_sms);
  return job.plan.exchanges_apart() && units > kept ? units / (units - kept) : 1;
}

double real(std::int64_t n) { return static_cast<double>(n); }

std::optional<ProductTable> table_of(const workload::Job& job, ProductTable::Numbers numbers) {
  return ProductTable::of(job.cluster.groups.front().node, numbers);
}

std::optional<ProductTable> narrow_table_of(const workload::Job& job) {
  if (job.plan.precision != workload::Precision::fp8) return std::nullopt;
  const bool in_blocks = block_products_of(job) != BlockProducts::none;
  return table_of(job,
                  in_blocks ? ProductTable::Numbers::in_8_bits_by_blocks : ProductTable::Numbers::in_8_bits);
}

}  // namespace

BlockProducts block_products_of(const workload::Job& job) {
  if (job.plan.fp8_recipe != "block") return BlockProducts::none;
  return job.habits.block_products ? BlockProducts::own : BlockProducts::library;
}

GpuOperators::GpuOperators(const workload::Job& job)
    : GpuOperators(job, table_of(job, ProductTable::Numbers::in_16_bits), narrow_table_of(job)) {}

GpuOperators::GpuOperators(const workload::Job& job, const GpuOperators& other)
    : GpuOperators(job, other.products_,
                   other.narrow_products_ ? other.narrow_products_ : narrow_table_of(job)) {}

GpuOperators::GpuOperators(const workload::Job& job, std::optional<ProductTable> products,
                           std::optional<ProductTable> narrow_products)
    : gpu_(job.cluster.groups.front().node.accelerator),
      habits_(job.habits),
      dropout_(job.plan.dropout > 0),
      rounds_factors_(job.plan.precision == workload::Precision::tf32),
      fewer_units_(units_share(job)),
      peak_{workload::training_flops_per_s(gpu_, job.plan.precision)},
      memory_{gpu_.memory_bytes_per_s},
      host_link_{workload::host_link_bytes_per_s(job.cluster.groups.front().node)},
      host_memory_{job.cluster.groups.front().node.host_memory_bytes_per_s /
                   real(job.cluster.groups.front().node.gpus_per_node)},
      facts_(read_gpu_facts(gpu_.arch, attention_of(job), block_products_of(job))),
      products_(std::move(products)),
      narrow_products_(std::move(narrow_products)) {
  ensure(peak_.value > 0, "a rule says which arithmetic the GPU has");
}

Estimate GpuOperators::on_fewer_units(Estimate estimate) const {
  estimate.seconds = estimate.seconds * fewer_units_;
  return estimate;
}

FlopsPerSecond GpuOperators::peak_of(DataType type) const {
  switch (type) {
    case DataType::fp16: return {gpu_.fp16_flops_per_s};
    case DataType::bf16: return {gpu_.bf16_flops_per_s};
    case DataType::fp8: return {gpu_.fp8_flops_per_s};
    case DataType::fp64:
    case DataType::int32:
    case DataType::fp32: return {rounds_factors_ ? gpu_.tf32_flops_per_s : gpu_.fp32_flops_per_s};
  }
  return peak_;
}

Estimate GpuOperators::product(const ops::Op& op) const {
  if (const auto* grouped = std::get_if<ops::GroupedLinear>(&op.what)) {
    Estimate estimate = product(op, {.tokens = std::max<std::int64_t>(1, grouped->tokens / grouped->experts),
                                     .inputs = grouped->inputs,
                                     .outputs = grouped->outputs,
                                     .fp8 = grouped->fp8});
    if (grouped->experts > 1)
      estimate.seconds = estimate.seconds * facts_.grouped.of(op.pass);  // one is as any other
    return estimate;
  }
  return product(op, std::get<ops::Linear>(op.what));
}

Estimate GpuOperators::product(const ops::Op& op, const ops::Linear& like) const {
  const ProductRates& rates = facts_.products;
  const FlopsPerSecond peak = peak_of(like.fp8 ? DataType::fp8 : op.type);
  const double computing = (ops::flops(op) / peak).value;
  const double moving = (ops::traffic(op) / memory_).value / rates.memory_share;
  const std::optional<ProductTable>& table = like.fp8 ? narrow_products_ : products_;
  if (table && size_of(op.type) == kTableBytes) {
    // Products of several experts are as many as they are.
    const double products =
        ops::flops(op).value / ops::flops({.what = like, .pass = op.pass, .type = op.type}).value;
    const double slower = like.fp8 ? facts_.block_products.of(op.pass) : 1;
    const Seconds measured = table->time(like, op.pass, peak, memory_) * (products * slower);
    return {Seconds{std::max(measured.value, moving)}, facts_.table_sigma, Source::published};
  }
  return {Seconds{std::max(computing / rates.peak_share, moving) + rates.launch_s}, facts_.product_sigma,
          Source::roofline};
}

Estimate GpuOperators::attention(const AttentionWork& work, ops::Pass pass, DataType type) const {
  const bool forward = pass == ops::Pass::forward;
  const AttentionRate& rate = forward ? facts_.attention.forward : facts_.attention.backward;
  // The triangle of scores, or the band of a window: two products forward, five backward, two FLOP a multiply-add.
  const double keys = real(work.keys), values = real(work.values);
  const double flop = work.pairs * 2 * (forward ? keys + values : 3 * keys + 2 * values);
  const double blocks = work.rows / kBlock;
  const double slower = 1 + rate.half_sequence / real(work.sequence) + rate.half_blocks / blocks;
  const double wide = work.keys > kUsualHead ? facts_.wide_heads.of(pass) : 1;
  return {Seconds{flop / (peak_of(type).value * rate.best) * slower * wide + facts_.launch_s},
          facts_.attention_sigma, Source::roofline};
}

Estimate GpuOperators::unfused(const ops::Attention& a, ops::Pass pass, DataType type) const {
  const UnfusedRates& rates = facts_.unfused;
  const bool forward = pass == ops::Pass::forward;
  const double scores = real(a.batch * a.heads) * real(a.sequence) * real(a.sequence);
  double computing = scores * real(a.head_dim + a.value_dim()) * (forward ? 2 : 4) /
                     (peak_of(type).value * rates.batched_share);
  if (a.head_dim % kTensorCoreMultiple != 0 && size_of(type) <= 2) computing *= rates.odd_head_slowdown;
  const double bytes = dropout_ ? (forward ? rates.forward_dropout_bytes : rates.backward_dropout_bytes)
                                : (forward ? rates.forward_bytes : rates.backward_bytes);
  const double wide = size_of(type) > 2 ? 2 : 1;
  const double moving = scores * bytes * wide / (memory_.value * rates.memory_share);
  return {Seconds{computing + moving + 4 * facts_.launch_s}, facts_.attention_sigma, Source::roofline};
}

Estimate GpuOperators::memory_bound(const ops::Op& op) const {
  const std::string_view kind = ops::kind_name(op.what);
  double bytes = static_cast<double>(ops::traffic(op).value);
  if (const auto* loss = std::get_if<ops::CrossEntropy>(&op.what)) {
    bytes = real(loss->tokens) * real(loss->columns) *
            (habits_.fuses("cross_entropy") ? kFusedLogitBytes : kUnfusedLogitBytes);
  }
  const std::optional<Composite> composite = composite_of(op.what);
  if (composite && op.pass != ops::Pass::weight_gradient && !habits_.fuses(composite->fused_by) &&
      !habits_.fuses("compile")) {
    const double wide = size_of(op.type) > kTableBytes ? 2 : 1;
    bytes = wide * real(composite->elements) *
            (op.pass == ops::Pass::forward ? composite->forward_bytes : composite->input_gradient_bytes);
  }
  // The statistics of a cut softmax are part of what cross-entropy moves.
  if (std::holds_alternative<ops::SoftmaxStatistics>(op.what)) bytes = 0;
  const double seconds = bytes / (memory_.value * facts_.memory_share_of(kind)) + facts_.launch_s;
  return {Seconds{seconds}, facts_.memory_sigma, Source::roofline};
}

Estimate GpuOperators::on_host(const ops::Op& op) const {
  const auto* copy = std::get_if<ops::HostCopy>(&op.what);
  const BytesPerSecond rate = copy != nullptr ? host_link_ : host_memory_;
  ensure(rate.value > 0, "what is offloaded has a host whose rates are known");
  // A copy crosses the link once, though it is read and written.
  const double bytes = copy != nullptr ? real(copy->shape().elements() * size_of(op.type))
                                       : static_cast<double>(ops::traffic(op).value);
  const double share = copy != nullptr ? facts_.host_link_share : facts_.host_memory_share;
  return {Seconds{bytes / (rate.value * share) + facts_.launch_s}, facts_.memory_sigma, Source::roofline};
}

template <class What>
GpuOperators::AttentionWork GpuOperators::work_of(const What& a) {
  const double heads = real(a.batch * a.heads);
  return {.pairs = heads * a.pairs(),
          .rows = heads * real(a.sequence),
          .sequence = a.key_tokens() / a.batch,
          .keys = a.head_dim,
          .values = a.value_dim()};
}

Estimate GpuOperators::time(const ops::Op& op) const {
  if (ops::is_linear(op.what)) return on_fewer_units(product(op));
  const auto* a = std::get_if<ops::Attention>(&op.what);
  if (a != nullptr && op.pass != ops::Pass::weight_gradient)  // that of sinks reads and adds
    return on_fewer_units(a->flash ? attention(work_of(*a), op.pass, op.type)
                                   : unfused(*a, op.pass, op.type));
  const auto* around = std::get_if<ops::ContextAttention>(&op.what);
  if (around != nullptr && op.pass != ops::Pass::weight_gradient)
    return on_fewer_units(attention(work_of(*around), op.pass, op.type));
  return ops::is_on_host(op.what) ? on_host(op) : memory_bound(op);
}

}  // namespace ds::cost
