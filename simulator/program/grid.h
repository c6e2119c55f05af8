#pragma once
// The ranks of a program as one grid of axes, and the groups that they make. Groups, peers, shards and who meets whom are
// asked of it, by pricing, checker, executor and attribution alike.
//
//   const Grid grid({.tp = 8, .dp_shard = 4, .pp = 2}, "tp-cp-ep-dp-pp");
//   grid.members(kDataGroup, 3);           // 3, 11, 19, 27
//   grid.neighbour(kPipeline, 3, 1);       // 35
//
// A rank's number says where it is: ranks that follow one another fill node after node. The same ranks are factored twice:
// dense layers by tp, cp, dp, experts by etp, ep, edp, both by pp.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace ds::program {

enum class Axis : std::uint16_t {
  tp = 1,
  cp = 2,
  dp_shard = 4,
  dp_replica = 8,
  pp = 16,
  ep = 32,
  etp = 64,
  edp = 128,
  tp_copy = 256,  // of tp, the ranks in a row that have the same key-value heads
  edp_replica =
      512,  // of experts what dp_replica is of other layers: edp shares shards out, and these have the same ones
  tp_column = 1024,  // where tp is a grid: of a row, the ranks that follow one another ...
  tp_row = 2048      // ... and of a column, one of each row
};
inline constexpr std::array kAxes{Axis::tp, Axis::cp,  Axis::dp_shard, Axis::dp_replica, Axis::pp,
                                  Axis::ep, Axis::etp, Axis::edp,      Axis::edp_replica};

/// Of the ranks along the axes: all; the two ends of the pipeline; a rank and the one at the mirrored place, pp - 1 - its
/// own; all once more, for a pipeline that runs the other way, whose messages have communicators of their own.
enum class Members : std::uint8_t { all, ends, mirror, opposite };

/// A set of axes. Ranks that differ only in these are one group.
struct Group {
  std::uint16_t axes{0};  // sum of Axis values; 0: the rank alone
  Members members{Members::all};
  constexpr bool has(Axis axis) const { return (axes & static_cast<std::uint16_t>(axis)) != 0; }
  auto operator<=>(const Group&) const = default;
};
constexpr Group group_over(std::initializer_list<Axis> axes, Members members = Members::all) {
  Group group{0, members};
  for (const Axis axis : axes)
    group.axes = static_cast<std::uint16_t>(group.axes | static_cast<std::uint16_t>(axis));
  return group;
}
// Those that programs use today.
inline constexpr Group kTensorGroup = group_over({Axis::tp});
inline constexpr Group kCopiesOfHeads = group_over({Axis::tp_copy});
inline constexpr Group kRowGroup = group_over({Axis::tp_column});
inline constexpr Group kColumnGroup = group_over({Axis::tp_row});
inline constexpr Group kPipeline = group_over({Axis::pp});
inline constexpr Group kOppositePipeline = group_over({Axis::pp}, Members::opposite);
inline constexpr Group kMirrors = group_over({Axis::pp}, Members::mirror);
inline constexpr Group kPipelineEnds = group_over({Axis::pp}, Members::ends);
// Ranks of one sequence have the same weights, so they count among data-parallel ranks where these are meant.
inline constexpr Group kContextGroup = group_over({Axis::cp});
inline constexpr Group kDataGroup = group_over({Axis::cp, Axis::dp_shard, Axis::dp_replica});
inline constexpr Group kShardGroup = group_over({Axis::cp, Axis::dp_shard});
inline constexpr Group kExpertGroup = group_over({Axis::ep});
inline constexpr Group kExpertTensorGroup = group_over({Axis::etp});
inline constexpr Group kExpertDataGroup = group_over({Axis::edp, Axis::edp_replica});
inline constexpr Group kExpertShardGroup = group_over({Axis::edp});
inline constexpr Group kExpertReplicaGroup = group_over({Axis::edp_replica});
inline constexpr Group kReplicaGroup = group_over({Axis::dp_replica});
inline constexpr Group kWorld = group_over({Axis::tp, Axis::cp, Axis::dp_shard, Axis::dp_replica, Axis::pp});

/// Position of a rank along the axes of dense layers and pipeline; dp runs over dp_shard and, more slowly, dp_replica.
struct Coordinates {
  std::int32_t tp{}, cp{}, dp{}, pp{};
  bool operator==(const Coordinates&) const = default;
};

/// Ranks that lie `stride` apart.
struct Extent {
  std::int32_t count{1}, stride{1};
  auto operator<=>(const Extent&) const = default;
};

class Grid {
 public:
  /// Ranks along each axis. edp is what tp x cp x dp leaves beside etp x ep x edp_replica.
  struct Sizes {
    std::int32_t tp{1}, cp{1}, dp_shard{1}, dp_replica{1}, pp{1}, ep{1}, etp{1}, edp_replica{1};
    std::int32_t tp_copy{1};  // divides tp: of its ranks, those that follow one another
    std::int32_t tp_rows{1};  // divides tp: its ranks in a grid, row after row
  };

  Grid() = default;
  /// `placement` names the axes, the fastest first: "tp-cp-ep-dp-pp". Both factorisations follow it: etp stands at tp, edp
  /// at dp. The program's own mistake where etp x ep does not divide tp x cp x dp, or stages would differ between the two.
  Grid(const Sizes& sizes, std::string_view placement);

  std::int32_t ranks() const { return ranks_; }
  std::int32_t size(Axis axis) const { return of(axis).count; }
  std::int32_t stride(Axis axis) const { return of(axis).stride; }
  std::int32_t coordinate(Axis axis, std::int32_t rank) const;
  Coordinates at(std::int32_t rank) const;
  std::int32_t rank_at(const Coordinates& at) const;

  /// The ranks of the group that `rank` belongs to, in the order of their coordinates: pp slowest, then dp, cp, tp; of
  /// experts edp_replica, edp, ep, etp. Empty where it belongs to none: a rank in the middle of a pipeline has no part in its ends.
  std::vector<std::int32_t> members(const Group& group, std::int32_t rank) const;
  /// How many those are, and which of them `rank` is.
  std::int32_t count(const Group& group, std::int32_t rank) const;
  std::int32_t index(const Group& group, std::int32_t rank) const;
  /// The member that many places further, around the end: where a message of that shift goes (or, times -1, comes from).
  std::int32_t neighbour(const Group& group, std::int32_t rank, std::int32_t shift) const;

  /// The group as strides: its lowest rank, its members, and the groups that do the same beside it, which are those of all
  /// other axes but pp: stages are at other work.
  struct Strides {
    std::int32_t first{};
    std::vector<Extent> members, siblings;
  };
  Strides strides(const Group& group, std::int32_t rank) const;

  auto operator<=>(const Grid&) const = default;

 private:
  const Extent& of(Axis axis) const;
  Extent& of(Axis axis) { return const_cast<Extent&>(static_cast<const Grid*>(this)->of(axis)); }
  /// Of the group's pipeline positions, as many and as far apart as its kind of members says.
  Extent stages(const Group& group, std::int32_t rank, std::int32_t& first) const;

  /// Axis::tp as the group sees it: whole, or in two parts of which it varies along one.
  std::array<Extent, 2> tensor_axes(const Group& group, std::array<bool, 2>& varies) const;

  std::array<Extent, kAxes.size() + 3> axes_{};  // with the parts of tp: tp_copy, tp_column, tp_row
  std::int32_t ranks_{1};
};

}  // namespace ds::program
