#pragma once
// Which instructions of a template can make another lane wait, or have to wait for one.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "simulator/program/program.h"

namespace ds::engine {

/// Which iterations of a block are looked at. Where every iteration takes equally long, what waits for the first and the last
/// ones decides when lanes end: lanes run on evenly between, and no path goes back to a lane that it has left. `ends` leaves
/// others out, so that waits do not depend on how many there are; times inside of blocks are then not those of each row.
enum class Iterations : std::uint8_t { all, ends };
/// Of `times`, those from begin up to end that `ends` leaves out.
struct LeftOut {
  std::int32_t begin{}, end{};
};
inline constexpr std::int32_t kAtEachEnd = 2;
constexpr LeftOut left_out(std::int32_t times) {
  return times > 2 * kAtEachEnd ? LeftOut{kAtEachEnd, times - kAtEachEnd} : LeftOut{times, times};
}

/// So many layers of one kind show what any number of them does: those at both ends, and one for all that are left out.
constexpr std::int32_t layers_looked_at(std::int32_t layers) { return std::min(layers, 2 * kAtEachEnd + 1); }
/// Of one of these, or of the iterations before a place among them, which one it is of so many layers.
constexpr std::int32_t stands_for(std::int32_t number, std::int32_t layers) {
  return number > kAtEachEnd ? number + layers - layers_looked_at(layers) : number;
}

/// An instruction that the scoreboard has to see.
struct Touch {
  program::InstructionId id{};
  std::int32_t iteration{};
  std::int32_t in_template{};  // its place among the instructions of all lanes
  /// Which of its uses begin a run, and which end one; counted as for_each_use goes through them.
  std::vector<std::int32_t> begins, ends;
};

/// Lanes that read and that write a buffer, as bits.
struct BufferLanes {
  std::uint32_t readers{}, writers{};
  std::uint32_t all() const { return readers | writers; }
};
/// By buffer of the program.
std::vector<BufferLanes> users_of_buffers(const program::Program& program,
                                          const std::vector<program::TemplateId>& templates);

/// How a use looks to other lanes. Where these only write, reading and writing are the same: both wait and are waited for.
enum class UseKind : std::uint8_t { none, reads, writes };
UseKind kind_of(const program::Use& use, program::LaneId lane, const BufferLanes& lanes);

/// Those of a template, in order. Of a lane's uses of a buffer, without another lane's between them, only the first and the last
/// can make anybody wait; for reads and for writes apart.
std::vector<Touch> touches_of(const program::Program& program, const std::vector<BufferLanes>& lanes,
                              const program::Template& body, Iterations iterations);

/// Whether several lanes use a buffer of the instruction's, or one of those that go on with it.
bool watches(const program::Program& program, const std::vector<BufferLanes>& lanes,
             const program::Instruction& instruction);

}  // namespace ds::engine
