// One rank's run under a launcher, and what the first rank collects of all.
#include "executor/mpi/train_together.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "executor/arena.h"
#include "executor/device/cpu_device.h"
#include "executor/mpi/mpi_communicators.h"
#include "executor/ranks/rank_result.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

// Deaths are for the launcher to notice. This is for a rank that hangs, and nothing here tells one from a rank that
// computes: no step of a rank may take longer.
constexpr Seconds kDeadline{600};

// Channels have the lower ones; MPI promises tags up to this.
constexpr std::int32_t kResultTag = 32767;

void agree_on_program(World& world, std::uint64_t hash) {
  const std::vector<std::uint64_t> hashes = world.words_of_late(hash);
  for (std::size_t r = 0; r < hashes.size(); ++r)
    if (hashes[r] != hash)
      throw MachineError(fmt::format("rank {} has lowered program {:016x} and rank {} program {:016x}",
                                     world.rank(), hash, r, hashes[r]));
}

/// Every rank's mail, on rank 0; on the others nothing.
std::vector<std::vector<std::byte>> collect(World& world, std::vector<std::byte> mine) {
  const std::vector<std::uint64_t> sizes = world.words(mine.size(), kDeadline);
  const auto await = [&](World::Request request) {
    while (!world.ended(request)) ::sched_yield();
  };
  if (world.rank() != 0) {
    await(world.send(0, kResultTag, mine));
    return {};
  }
  std::vector<std::vector<std::byte>> all{std::move(mine)};
  for (std::int32_t r = 1; r < world.ranks(); ++r) {
    all.emplace_back(sizes[static_cast<std::size_t>(r)]);
    await(world.receive(r, kResultTag, all.back()));
  }
  return all;
}

/// With the step that rank 0 takes for its median.
std::vector<std::byte> result_of(World& world, RunResult result) {
  const MeasuredStep* median = median_step(result, &MeasuredStep::wall);
  const std::uint64_t own = median == nullptr ? 0 : static_cast<std::uint64_t>(median->step);
  const auto step = static_cast<std::int64_t>(world.words(own, kDeadline).front());
  result = with_one_step(std::move(result), step);
  if (!world.one_host()) {
    const Seconds ahead = ahead_of_first(world);
    for (MeasuredStep& measured : result.measured) measured.begin.wall -= ahead;
  }
  return encode({.result = std::move(result), .error = {}});
}

}  // namespace

Seconds ahead_of_first(World& world) {
  constexpr std::size_t kMeetings = 9;
  std::array<double, kMeetings> ahead{};
  for (double& one : ahead) {
    world.words(0, kDeadline);
    const double left = now().wall.value;  // all leave within some microseconds
    const std::vector<std::uint64_t> all = world.words(std::bit_cast<std::uint64_t>(left), kDeadline);
    one = left - std::bit_cast<double>(all.front());
  }
  std::ranges::nth_element(ahead, ahead.begin() + kMeetings / 2);
  return {ahead[kMeetings / 2]};
}

std::optional<PlanResult> train_together(World& world, Context context, const StopToken& stop) {
  const std::int32_t planned = context.program.grid.ranks();
  if (planned != world.ranks())
    throw InputError("plan", fmt::format("has {} ranks, and {} were started", planned, world.ranks()),
                     fmt::format("start as many: -n {}", planned));
  const Arena arena(context.layout.arena);
  CpuDevice device(arena.base(), arena.size());
  agree_on_program(world, context.program.hash);
  MpiCommunicators communicators(world, device, {arena.base(), static_cast<std::size_t>(arena.size().value)},
                                 context.program, kDeadline);
  context.rank = world.rank();
  context.device = &device;
  context.communicators = &communicators;
  context.may_begin = [&](std::int64_t) {
    const std::vector<std::uint64_t> asked = world.words(stop.stop_requested() ? 1 : 0, kDeadline);
    return std::ranges::none_of(asked, [](std::uint64_t word) { return word != 0; });
  };
  context.as_first = [&](std::int64_t mine) {
    return static_cast<std::int64_t>(world.words(static_cast<std::uint64_t>(mine), kDeadline).front());
  };
  const std::vector<std::vector<std::byte>> delivered = collect(world, result_of(world, run_rank(context)));
  if (delivered.empty()) return std::nullopt;
  std::vector<RunResult> results;
  for (const std::vector<std::byte>& mail : delivered) results.push_back(decode(mail).result);
  return merge(results);
}

}  // namespace ds::executor
