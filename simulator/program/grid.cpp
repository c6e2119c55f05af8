// Axes of ranks and their strides; groups are what is left when some axes vary and the others stand still.
#include "simulator/program/grid.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "simulator/base/error.h"

namespace ds::program {
namespace {

constexpr std::array kDense{Axis::tp, Axis::cp, Axis::dp_shard, Axis::dp_replica};
constexpr std::array kExpert{Axis::etp, Axis::ep, Axis::edp, Axis::edp_replica};

/// Axes that a word of a placement stands for, the fastest first.
struct Word {
  std::string_view name;
  std::vector<Axis> dense, expert;
};
const std::vector<Word>& words() {
  static const std::vector<Word> list{
      {"tp", {Axis::tp}, {Axis::etp}},
      {"cp", {Axis::cp}, {}},
      {"ep", {}, {Axis::ep}},
      {"dp", {Axis::dp_shard, Axis::dp_replica}, {Axis::edp, Axis::edp_replica}},
      {"pp", {Axis::pp}, {Axis::pp}}};
  return list;
}

}  // namespace

const Extent& Grid::of(Axis axis) const {
  return axes_[static_cast<std::size_t>(std::countr_zero(static_cast<std::uint16_t>(axis)))];
}

Grid::Grid(const Sizes& sizes, std::string_view placement) {
  of(Axis::tp).count = sizes.tp, of(Axis::cp).count = sizes.cp;
  of(Axis::dp_shard).count = sizes.dp_shard, of(Axis::dp_replica).count = sizes.dp_replica;
  of(Axis::pp).count = sizes.pp, of(Axis::ep).count = sizes.ep, of(Axis::etp).count = sizes.etp;
  const std::int32_t dense = sizes.tp * sizes.cp * sizes.dp_shard * sizes.dp_replica;
  const std::int32_t expert = sizes.ep * sizes.etp * sizes.edp_replica;
  ensure(dense % expert == 0, "ep x etp, and copies of shards, divide tp x cp x dp");
  of(Axis::edp).count = dense / expert;
  of(Axis::edp_replica).count = sizes.edp_replica;
  ranks_ = dense * sizes.pp;
  std::int32_t dense_stride = 1, expert_stride = 1;
  while (!placement.empty()) {
    const std::size_t end = std::min(placement.find('-'), placement.size());
    const auto word = std::ranges::find(words(), placement.substr(0, end), &Word::name);
    ensure(word != words().end(), "a placement names axes");
    placement.remove_prefix(std::min(end + 1, placement.size()));
    const auto lay_out = [&](const std::vector<Axis>& axes, std::int32_t& stride) {
      for (const Axis axis : axes) {
        of(axis).stride = stride;
        stride *= of(axis).count;
      }
    };
    if (word->name == "pp")
      ensure(sizes.ep * sizes.etp == 1 || dense_stride == expert_stride,
             "stages are those of both factorisations");
    lay_out(word->expert, expert_stride);
    lay_out(word->dense, dense_stride);
  }
  ensure(sizes.tp % sizes.tp_copy == 0, "copies of heads make up the tensor-parallel ranks");
  ensure(sizes.tp % sizes.tp_rows == 0, "rows of a grid make up the tensor-parallel ranks");
  const std::int32_t columns = sizes.tp / sizes.tp_rows, stride = of(Axis::tp).stride;
  of(Axis::tp_copy) = {sizes.tp_copy, stride};
  of(Axis::tp_column) = {columns, stride};
  of(Axis::tp_row) = {sizes.tp_rows, columns * stride};
}

std::array<Extent, 2> Grid::tensor_axes(const Group& group, std::array<bool, 2>& varies) const {
  const Extent& all = of(Axis::tp);
  const bool copies = group.has(Axis::tp_copy), row = group.has(Axis::tp_column);
  varies = {group.has(Axis::tp) || copies || row, group.has(Axis::tp_row)};
  if (!copies && !row && !varies[1]) return {all, Extent{}};
  const Extent& inner = copies ? of(Axis::tp_copy) : of(Axis::tp_column);
  return {inner, Extent{all.count / inner.count, all.stride * inner.count}};
}

std::int32_t Grid::coordinate(Axis axis, std::int32_t rank) const {
  const Extent& extent = of(axis);
  return rank / extent.stride % extent.count;
}

Coordinates Grid::at(std::int32_t rank) const {
  return {coordinate(Axis::tp, rank), coordinate(Axis::cp, rank),
          coordinate(Axis::dp_shard, rank) + size(Axis::dp_shard) * coordinate(Axis::dp_replica, rank),
          coordinate(Axis::pp, rank)};
}

std::int32_t Grid::rank_at(const Coordinates& at) const {
  const std::int32_t shards = size(Axis::dp_shard);
  return at.tp * of(Axis::tp).stride + at.cp * of(Axis::cp).stride +
         at.dp % shards * of(Axis::dp_shard).stride + at.dp / shards * of(Axis::dp_replica).stride +
         at.pp * of(Axis::pp).stride;
}

Extent Grid::stages(const Group& group, std::int32_t rank, std::int32_t& first) const {
  const Extent& pp = of(Axis::pp);
  const std::int32_t own = coordinate(Axis::pp, rank), last = pp.count - 1;
  const auto begin_at = [&](std::int32_t stage) { first += (stage - own) * pp.stride; };
  switch (group.members) {
    case Members::all:
    case Members::opposite: begin_at(0); return pp;
    case Members::ends:
      if (own != 0 && own != last) return {0, 0};
      begin_at(0);
      return {std::min(pp.count, 2), last * pp.stride};
    case Members::mirror: {
      const std::int32_t low = std::min(own, last - own), high = last - low;
      begin_at(low);
      return {low == high ? 1 : 2, (high - low) * pp.stride};
    }
  }
  return {};
}

Grid::Strides Grid::strides(const Group& group, std::int32_t rank) const {
  Strides result{.first = rank, .members = {}, .siblings = {}};
  const bool expert = std::ranges::any_of(kExpert, [&](Axis axis) { return group.has(axis); });
  const auto add_extent = [&](const Extent& extent, bool varies) {
    if (extent.count == 1) return;
    if (varies) result.first -= rank / extent.stride % extent.count * extent.stride;
    (varies ? result.members : result.siblings).push_back(extent);
  };
  const auto add = [&](Axis axis) { add_extent(of(axis), group.has(axis)); };
  if (expert) {
    for (const Axis axis : kExpert) add(axis);
  } else {
    std::array<bool, 2> varies{};
    const std::array<Extent, 2> tensor = tensor_axes(group, varies);
    for (std::size_t part = 0; part < tensor.size(); ++part) add_extent(tensor[part], varies[part]);
    for (const Axis axis : std::span(kDense).subspan(1)) add(axis);
  }
  if (group.has(Axis::pp)) {
    const Extent extent = stages(group, rank, result.first);
    if (extent.count != 1) result.members.push_back(extent);
  }
  return result;
}

std::vector<std::int32_t> Grid::members(const Group& group, std::int32_t rank) const {
  const Strides strides = this->strides(group, rank);
  std::vector<std::int32_t> ranks{strides.first};
  for (const Extent& extent : strides.members) {
    if (extent.count == 0) return {};
    const std::size_t before = ranks.size();
    for (std::int32_t i = 1; i < extent.count; ++i)
      for (std::size_t r = 0; r < before; ++r) ranks.push_back(ranks[r] + i * extent.stride);
  }
  return ranks;
}

std::int32_t Grid::count(const Group& group, std::int32_t rank) const {
  std::int32_t count = 1;
  for (const Extent& extent : strides(group, rank).members) count *= extent.count;
  return count;
}

std::int32_t Grid::index(const Group& group, std::int32_t rank) const {
  const Strides strides = this->strides(group, rank);
  std::int32_t index = 0, weight = 1;
  for (const Extent& extent : strides.members) {
    index += (rank - strides.first) / extent.stride % extent.count * weight;
    weight *= extent.count;
  }
  return index;
}

std::int32_t Grid::neighbour(const Group& group, std::int32_t rank, std::int32_t shift) const {
  const std::vector<std::int32_t> ring = members(group, rank);
  const auto size = static_cast<std::int32_t>(ring.size());
  const std::int32_t place = ((index(group, rank) + shift) % size + size) % size;
  return ring[static_cast<std::size_t>(place)];
}

}  // namespace ds::program
