#include "simulator/base/hash.h"

#include <type_traits>

#include "simulator/base/random.h"
#include "simulator/ops/fields.h"
#include "simulator/program/program.h"

namespace ds::program {
namespace {

/// Folds numbers into one; the order counts.
struct Fold {
  std::uint64_t hash{0x6a09e667f3bcc909ULL};
  void word(std::uint64_t value) { hash = mix(hash ^ value) + 0x9e3779b97f4a7c15ULL; }
  void operator()(double value) {
    std::uint64_t bits = 0;
    static_assert(sizeof bits == sizeof value);
    __builtin_memcpy(&bits, &value, sizeof bits);
    word(bits);
  }
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(T value) {
    word(static_cast<std::uint64_t>(value));
  }
  template <class... Ts>
  void all(const Ts&... values) {
    ((*this)(values), ...);
  }
  void operator()(const ops::Shape& shape) {
    (*this)(shape.rank);
    for (std::int64_t n : shape.size) (*this)(n);
  }
  void operator()(Span span) { all(span.first, span.count); }
  void operator()(Group group) { all(group.axes, group.members); }
};

void fold_tables(Fold& fold, const Program& p) {
  for (const ops::Op& op : p.ops) {
    fold.all(op.what.index(), op.pass, op.type, op.accumulate, op.gradient_type);
    std::visit(
        [&](const auto& what) { ops::for_each_field(what, [&](const char*, auto value) { fold(value); }); },
        op.what);
  }
  for (const Buffer& b : p.buffers)
    fold.all(b.size.bound.value, b.size.expected_bytes, b.type, b.life, b.tier, b.home, b.part, b.host,
             b.copies, b.allocated, b.goes_on);
  for (const View& v : p.views) {
    fold.all(v.buffer, v.offset.value, v.shape, v.type, v.tensor, v.shard_group, v.shard_stride.value, v.copy,
             v.step);
    if (v.ring > 0) fold.all(v.ring);
  }
  for (const Use& u : p.uses) fold.all(u.view, u.access, u.instance);
  for (const Operator& o : p.operators) fold.all(o.op, o.uses, o.fused);
  for (const Lane& l : p.lanes) fold.all(l.unit, l.group, l.direction);
  for (const TrainedTensor& t : p.tensors) {
    fold.all(t.cut.dimension, t.cut.padding_rows, t.cut.blocks.size());
    for (const graph::Block& block : t.cut.blocks) {
      fold.all(block.size, block.parts);
      if (block.copies > 1) fold(block.copies);
    }
    fold.all(t.cut.second, t.cut.over_experts, t.shard_group);
    for (const graph::Block& block : t.cut.second_blocks) fold.all(block.size, block.parts);
    fold.all(ds::hash_of(t.name), t.chunk, t.layer, t.copies, t.layer_step, t.shape, t.init, t.deviation,
             t.weight, t.gradient, t.tied_gradient, t.first_in_bucket, t.weight_shard, t.master,
             t.first_moment, t.second_moment, t.shards);
  }
  for (const Axis axis : kAxes) fold.all(p.grid.size(axis), p.grid.stride(axis));
  if (const std::int32_t copies = p.grid.size(Axis::tp_copy); copies > 1) fold(copies);
  if (const std::int32_t rows = p.grid.size(Axis::tp_row); rows > 1)
    fold.all(rows, p.grid.size(Axis::tp_column));
  fold(p.micro_batches);
  for (const Instruction& i : p.instructions) {
    fold.all(i.kind, i.lane, i.operators, i.uses, i.comm.what, i.comm.group, i.comm.shift, i.comm.algorithm,
             i.comm.bytes.bound.value, i.comm.bytes.expected_bytes, i.comm.extent, i.comm.beside,
             i.comm.heads.sequences, i.comm.heads.widths[0], i.comm.heads.widths[1], i.comm.heads.widths[2],
             i.comm.heads.to_heads);
    const ops::RowExchange& rows = i.comm.rows;
    if (rows.top_k > 0) fold.all(rows.top_k, rows.experts, rows.groups, rows.groups_per_token, rows.hybrid);
    if (rows.rides) fold(rows.rides);
    if (i.comm.heads.in_order) fold(i.comm.heads.in_order);
  }
}

}  // namespace

std::uint64_t hash_of(const Program& p) {
  Fold fold;
  fold_tables(fold, p);
  for (const Template& body : p.templates) {
    fold.all(body.pass, body.chunk, body.blocks.size());
    for (const Block& block : body.blocks) fold.all(block.body, block.times, block.first);
  }
  for (const RankClass& c : p.classes) {
    fold.all(c.first, c.members, c.buffers, c.tensors, c.phases.size());
    for (const std::int32_t slots : c.slots) fold(slots);
    for (const std::int32_t layer : c.first_layer) fold(layer);
    const HostBuffers& h = c.host;
    fold.all(h.ids, h.targets, h.rope_table, h.control, h.losses, h.scalars);
    for (const Phase& phase : c.phases) {
      fold.all(phase.when, phase.calls.size());
      for (const Call& call : phase.calls) fold.all(call.body, call.micro[0], call.micro[1]);
    }
  }
  return fold.hash;
}

}  // namespace ds::program
