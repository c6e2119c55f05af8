// Ranks, their coordinates, and the groups that axes make.
#include "simulator/base/error.h"
#include "simulator/program/program.h"

namespace ds::program {
std::int32_t ranks_of(const Program& program) {
  const Coordinates& n = program.extents;
  return n.tp * n.cp * n.dp * n.pp;
}

Coordinates coordinates_of(const Program& program, std::int32_t rank) {
  const Coordinates& n = program.extents;
  return {rank % n.tp, rank / n.tp % n.cp, rank / (n.tp * n.cp) % n.dp, rank / (n.tp * n.cp * n.dp)};
}

std::int32_t rank_at(const Program& program, const Coordinates& at) {
  const Coordinates& n = program.extents;
  return at.tp + n.tp * (at.cp + n.cp * (at.dp + n.dp * at.pp));
}

std::size_t class_of(const Program& program, std::int32_t rank) {
  if (std::ssize(program.classes) == ranks_of(program)) return static_cast<std::size_t>(rank);
  return static_cast<std::size_t>(coordinates_of(program, rank).pp);
}

std::vector<std::int32_t> members_of(const Program& program, const Group& group, std::int32_t rank) {
  const Coordinates own = coordinates_of(program, rank), n = program.extents;
  const bool data = group.has(Axis::dp_shard) || group.has(Axis::dp_replica);
  const auto range = [](bool varies, std::int32_t at, std::int32_t extent) {
    return varies ? std::pair(0, extent) : std::pair(at, at + 1);
  };
  const auto [tp0, tp1] = range(group.has(Axis::tp), own.tp, n.tp);
  const auto [cp0, cp1] = range(group.has(Axis::cp), own.cp, n.cp);
  const auto [dp0, dp1] = range(data, own.dp, n.dp);
  const auto [pp0, pp1] = range(group.has(Axis::pp), own.pp, n.pp);
  std::vector<std::int32_t> members;
  for (std::int32_t pp = pp0; pp < pp1; ++pp) {
    if (group.members == Members::ends && pp != 0 && pp != n.pp - 1) continue;
    if (group.members == Members::mirror && pp != own.pp && pp != n.pp - 1 - own.pp) continue;
    for (std::int32_t dp = dp0; dp < dp1; ++dp)
      for (std::int32_t cp = cp0; cp < cp1; ++cp)
        for (std::int32_t tp = tp0; tp < tp1; ++tp) members.push_back(rank_at(program, {tp, cp, dp, pp}));
  }
  return members;
}

std::int32_t shifted(const Program& program, std::int32_t rank, std::int32_t shift) {
  Coordinates at = coordinates_of(program, rank);
  const std::int32_t n = program.extents.pp;
  at.pp = ((at.pp + shift) % n + n) % n;
  return rank_at(program, at);
}

}  // namespace ds::program
