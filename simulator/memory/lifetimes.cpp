#include "simulator/memory/lifetimes.h"

#include <algorithm>

namespace ds::memory {
namespace {

using program::Access;
using program::Buffer;
using program::Life;

bool is_block(const Buffer& buffer) { return buffer.life == Life::step; }

class Walk {
 public:
  Walk(const program::Program& program, const program::RankClass& ranks) : program_(program) {
    first_instance_.resize(program.buffers.size());
    for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b)
      add_instances(b);
    for (const program::Phase& phase : ranks.phases)
      for (const program::Call& call : phase.calls)
        for (const program::Instruction& instruction : program.body(call).body) visit(instruction, call);
    finish();
  }

  Lifetimes take() { return std::move(result_); }

 private:
  void add_instances(std::int32_t b) {
    const Buffer& buffer = program_.buffers[static_cast<std::size_t>(b)];
    first_instance_[static_cast<std::size_t>(b)] = result_.instances.size();
    const std::int32_t count = is_block(buffer) ? 1 : buffer.slots;
    const std::int64_t bytes = buffer.size.bound.value * (is_block(buffer) ? buffer.slots : 1);
    for (std::int32_t s = 0; s < count; ++s)
      result_.instances.push_back({static_cast<program::BufferId>(b), s, bytes});
    result_.alive.resize(result_.instances.size());
    if (buffer.host == program::Host::writes)
      for (std::int32_t s = 0; s < count; ++s)
        result_.alive[first_instance_[static_cast<std::size_t>(b)] + static_cast<std::size_t>(s)] = {{0, 0}};
  }

  void visit(const program::Instruction& instruction, const program::Call& call) {
    ++position_;
    // Only the compute lane is walked through in the order in which it runs. What another lane touches may be in use at
    // any time, so it shares its bytes with nothing.
    if (instruction.lane != program::LaneId{0})
      program::for_each_use(program_, instruction,
                            [&](const program::Use& use) { touched_aside(program_.view(use.view).buffer); });
    program::for_each_use(program_, instruction, [&](const program::Use& use) { touch(use, call); });
  }

  void touched_aside(program::BufferId buffer) {
    if (aside_.empty()) aside_.resize(program_.buffers.size(), false);
    aside_[program::index(buffer)] = true;
  }

  /// A write of the whole begins a new life; everything else goes on with the one that is there.
  void touch(const program::Use& use, const program::Call& call) {
    const program::View& view = program_.view(use.view);
    const Buffer& buffer = program_.buffer(view.buffer);
    const std::size_t first = first_instance_[program::index(view.buffer)];
    const std::size_t i = is_block(buffer)
                              ? first
                              : first + static_cast<std::size_t>(program::slot_of(use, call, buffer.slots));
    std::vector<Interval>& alive = result_.alive[i];
    const bool whole = view.bytes().value == result_.instances[i].bytes;
    const bool begins =
        use.access == Access::write && whole && (alive.empty() || alive.back().end < position_);
    if (alive.empty() || begins)
      alive.push_back({position_, position_});
    else
      alive.back().end = position_;
  }

  /// What runs over the seam is alive always; what the host reads, up to the end.
  void finish() {
    result_.end = position_ + 1;
    for (std::size_t i = 0; i < result_.instances.size(); ++i) {
      const Buffer& buffer = program_.buffer(result_.instances[i].buffer);
      const bool aside = !aside_.empty() && aside_[program::index(result_.instances[i].buffer)];
      if (buffer.life == Life::run || (aside && !result_.alive[i].empty()))
        result_.alive[i] = {{0, result_.end}};
      else if (buffer.host == program::Host::reads && !result_.alive[i].empty())
        result_.alive[i].back().end = result_.end;
    }
  }

  const program::Program& program_;
  std::vector<std::size_t> first_instance_;  // by buffer
  std::vector<bool> aside_;                  // by buffer: touched by another lane than the compute lane
  std::int32_t position_{0};
  Lifetimes result_;
};

}  // namespace

Lifetimes lifetimes(const program::Program& program, std::size_t rank_class) {
  return Walk(program, program.classes[rank_class]).take();
}

}  // namespace ds::memory
