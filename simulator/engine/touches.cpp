// Goes through a template and keeps the first and the last uses of each run.
#include "simulator/engine/touches.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using program::Access;
using program::index;
using program::Instruction;

class Touches {
 public:
  Touches(const program::Program& program, const std::vector<BufferLanes>& lanes,
          const program::Template& body, Iterations iterations)
      : program_(program), lanes_(lanes) {
    std::int32_t before = 0;  // instructions of the blocks before
    for (const program::Block& block : body.blocks) {
      const std::int32_t begin = std::exchange(before, before + block.body.count * block.times);
      if (std::ranges::none_of(program.instructions_of(block),
                               [&](const Instruction& i) { return watches(program, lanes, i); }))
        continue;
      const LeftOut middle =
          iterations == Iterations::ends ? left_out(block.times) : LeftOut{block.times, block.times};
      for (std::int32_t k = 0; k < block.times; ++k) {
        if (k == middle.begin) k = middle.end;
        for (std::int32_t i = 0; i < block.body.count; ++i)
          look(static_cast<program::InstructionId>(block.body.first + i), block.first + k,
               begin + k * block.body.count + i);
      }
    }
    for (const Run& run : runs_) end(run);
  }
  std::vector<Touch> take() const {
    std::vector<Touch> list;
    for (const Touch& one : all_)
      if (!one.begins.empty() || !one.ends.empty()) list.push_back(one);
    return list;
  }

 private:
  struct Run {
    program::Copy copy;
    program::LaneId lane{};
    struct Last {
      std::pair<std::int16_t, UseKind> which;  // slot and kind
      std::size_t touch{};
      std::int32_t use{};
    };
    std::vector<Last> last;
  };
  void look(program::InstructionId id, std::int32_t iteration, std::int32_t in_template) {
    const Instruction& instruction = program_.instruction(id);
    bool noted = false;
    std::int32_t number = 0;
    program::for_each_use(program_, instruction, [&](const program::Use& use) {
      const std::int32_t own = number++;
      const program::Copy copy = program::locate(program_, program_.view(use.view), iteration);
      const UseKind kind = kind_of(use, instruction.lane, lanes_[index(copy.buffer)]);
      if (kind == UseKind::none) return;
      if (!std::exchange(noted, true)) all_.push_back({id, iteration, in_template, {}, {}});
      touch(copy, {use.instance, kind}, own, instruction.lane);
    });
  }
  void touch(const program::Copy& copy, std::pair<std::int16_t, UseKind> which, std::int32_t number,
             program::LaneId lane) {
    Run& run = run_of(copy, lane);
    if (run.lane != lane) {
      end(run);
      run.lane = lane;
      run.last.clear();
    }
    const std::size_t i = all_.size() - 1;
    const auto found = std::ranges::find(run.last, which, &Run::Last::which);
    if (found != run.last.end()) {
      found->touch = i;
      found->use = number;
      return;
    }
    run.last.push_back({which, i, number});
    all_[i].begins.push_back(number);
  }
  /// The latest ones are asked for most; of thousands of layers the others are found by their names.
  Run& run_of(const program::Copy& copy, program::LaneId lane) {
    constexpr std::size_t kLatest = 16;
    const std::size_t far = runs_.size() - std::min(runs_.size(), kLatest);
    for (std::size_t r = runs_.size(); r-- > far;)
      if (runs_[r].copy.buffer == copy.buffer && runs_[r].copy.number == copy.number) return runs_[r];
    const auto [found, is_new] = run_of_.try_emplace({index(copy.buffer), copy.number}, runs_.size());
    if (is_new) runs_.emplace_back(copy, lane, std::vector<Run::Last>{});
    return runs_[found->second];
  }
  void end(const Run& run) {
    for (const Run::Last& last : run.last) all_[last.touch].ends.push_back(last.use);
  }

  const program::Program& program_;
  const std::vector<BufferLanes>& lanes_;
  std::vector<Touch> all_;
  std::vector<Run> runs_;
  std::map<std::pair<std::size_t, std::int32_t>, std::size_t> run_of_;  // by buffer and copy
};

}  // namespace

std::vector<BufferLanes> users_of_buffers(const program::Program& program,
                                          const std::vector<program::TemplateId>& templates) {
  std::vector<BufferLanes> lanes(program.buffers.size());
  for (const program::TemplateId id : templates)
    for (const program::Block& block : program.templates[index(id)].blocks)
      for (const Instruction& instruction : program.instructions_of(block)) {
        const std::uint32_t lane = std::uint32_t{1} << index(instruction.lane);
        program::for_each_use(program, instruction, [&](const program::Use& use) {
          const program::View& view = program.view(use.view);
          const auto note = [&](program::BufferId buffer) {
            BufferLanes& known = lanes[index(buffer)];
            (use.access == Access::read ? known.readers : known.writers) |= lane;
          };
          if (!program.buffer(view.buffer).goes_on) {
            note(view.buffer);
            return;
          }
          // A series of buffers: whichever of them the iterations reach.
          for (std::int32_t k = block.first; k < block.first + block.times; ++k)
            note(program::locate(program, view, k).buffer);
        });
      }
  return lanes;
}

UseKind kind_of(const program::Use& use, program::LaneId lane, const BufferLanes& lanes) {
  const std::uint32_t others = ~(std::uint32_t{1} << index(lane));
  const bool read = (lanes.readers & others) != 0, written = (lanes.writers & others) != 0;
  if (!written && (use.access == Access::read || !read)) return UseKind::none;
  return use.access == Access::read || !read ? UseKind::reads : UseKind::writes;
}

std::vector<Touch> touches_of(const program::Program& program, const std::vector<BufferLanes>& lanes,
                              const program::Template& body, Iterations iterations) {
  return Touches(program, lanes, body, iterations).take();
}

bool watches(const program::Program& program, const std::vector<BufferLanes>& lanes,
             const Instruction& instruction) {
  bool any = false;
  program::for_each_use(program, instruction, [&](const program::Use& use) {
    program::BufferId b = program.view(use.view).buffer;
    any = any || std::popcount(lanes[index(b)].all()) > 1;
    while (program.buffer(b).goes_on) {
      b = static_cast<program::BufferId>(index(b) + 1);
      any = any || std::popcount(lanes[index(b)].all()) > 1;
    }
  });
  return any;
}

}  // namespace ds::engine
