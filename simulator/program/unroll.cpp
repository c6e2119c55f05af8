// The long form of a program: every block once, a buffer for every copy. What it says is the same, so what both interpreters
// and the layout make of it has to be the same: tests hold them to that.
#include <fmt/format.h>

#include <map>
#include <span>
#include <vector>

#include "simulator/program/walk.h"

namespace ds::program {
namespace {

class Unroll {
 public:
  explicit Unroll(const Program& program) : from_(program), to_(program), views_(program.views.size()) {
    to_.buffers.clear(), to_.views.clear(), to_.uses.clear(), to_.operators.clear();
    to_.instructions.clear(), to_.tensors.clear(), to_.templates.clear();
    for (std::size_t b = 0; b < from_.buffers.size(); ++b) {
      Buffer buffer = from_.buffers[b];
      first_.push_back(static_cast<std::int32_t>(to_.buffers.size()));
      buffer.copies = 1, buffer.goes_on = false;
      for (std::int32_t k = 0; k < from_.buffers[b].copies; ++k) {
        if (from_.buffers[b].copies > 1) buffer.name = fmt::format("{}.{}", from_.buffers[b].name, k);
        to_.buffers.push_back(buffer);
      }
    }
  }

  Program take() {
    for (const Template& body : from_.templates) {
      Template& long_form = to_.templates.emplace_back(Template{body.name, body.pass, body.chunk, {}});
      const auto first = static_cast<std::int32_t>(to_.instructions.size());
      for (const Block& block : body.blocks)
        for (std::int32_t k = block.first; k < block.first + block.times; ++k) add(block, k);
      const auto count = static_cast<std::int32_t>(to_.instructions.size()) - first;
      if (count > 0) long_form.blocks = {{.body = {first, count}}};
    }
    for (RankClass& ranks : to_.classes) unroll(ranks);
    if (from_.hash != 0) to_.hash = hash_of(to_);  // a program whose hash was left out gets none here either
    return std::move(to_);
  }

 private:
  BufferId buffer_at(BufferId buffer, std::int32_t copy) const {
    return buffer == BufferId{-1} ? buffer : static_cast<BufferId>(first_[index(buffer)] + copy);
  }

  ViewId view_at(ViewId id, std::int32_t iteration) {
    if (id == ViewId{-1}) return id;
    View view = from_.view(id);
    const Copy copy = locate(from_, view, iteration);
    std::vector<LongView>& known = views_[index(id)];
    for (const LongView& one : known)
      if (one.buffer == copy.buffer && one.copy == copy.number) return one.view;
    known.push_back({copy.buffer, copy.number, static_cast<ViewId>(to_.views.size())});
    view.buffer = buffer_at(copy.buffer, copy.number);
    view.copy = view.step = view.ring = 0;
    view.tensor = TensorId{-1};
    to_.views.push_back(view);
    return known.back().view;
  }

  Span uses_at(std::span<const Use> uses, std::int32_t iteration) {
    const Span span{static_cast<std::int32_t>(to_.uses.size()), static_cast<std::int32_t>(uses.size())};
    for (Use use : uses) {
      use.view = view_at(use.view, iteration);
      to_.uses.push_back(use);
    }
    return span;
  }

  /// An iteration. A collective and the product that it runs beside stand in the same one.
  void add(const Block& block, std::int32_t iteration) {
    const std::size_t first = to_.instructions.size();
    const std::span<const Instruction> body = from_.instructions_of(block);
    for (const Instruction& instruction : body) add(instruction, iteration);
    for (std::size_t i = 0; i < body.size(); ++i) {
      const std::int32_t beside = body[i].comm.beside;
      if (beside < 0) continue;
      for (std::size_t p = 0; p < body.size(); ++p) {
        const std::int32_t place = beside - body[p].operators.first;
        if (place >= 0 && place < body[p].operators.count)
          to_.instructions[first + i].comm.beside = to_.instructions[first + p].operators.first + place;
      }
    }
  }

  void add(const Instruction& instruction, std::int32_t iteration) {
    Instruction one = instruction;
    one.operators.first = static_cast<std::int32_t>(to_.operators.size());
    for (const Operator& op : from_.operators_of(instruction)) {
      const Span uses = uses_at(from_.uses_of(op), iteration);
      to_.operators.push_back({op.op, uses, op.fused});
    }
    one.uses = uses_at(from_.uses_of(instruction), iteration);
    to_.instructions.push_back(one);
  }

  void unroll(RankClass& ranks) {
    const RankClass shared = ranks;
    std::vector<std::int32_t> slots;
    for (std::int32_t b = 0; b < shared.buffers.count; ++b)
      slots.insert(
          slots.end(),
          static_cast<std::size_t>(from_.buffers[static_cast<std::size_t>(shared.buffers.first + b)].copies),
          shared.slots[static_cast<std::size_t>(b)]);
    ranks.buffers = {first_[static_cast<std::size_t>(shared.buffers.first)],
                     static_cast<std::int32_t>(slots.size())};
    ranks.slots = std::move(slots);
    HostBuffers& h = ranks.host;
    for (BufferId* id : {&h.ids, &h.targets, &h.rope_table, &h.control, &h.losses, &h.scalars})
      *id = buffer_at(*id, 0);
    const auto [found, is_new] =
        tensors_.try_emplace(shared.tensors.first, Span{static_cast<std::int32_t>(to_.tensors.size()), 0});
    if (is_new) {
      for_each_tensor(from_, shared, [&](const TrainedTensor& tensor, std::int32_t copy, const std::string&) {
        TrainedTensor one = tensor;
        if (one.layer >= 0) one.layer += copy * one.layer_step;
        one.copies = one.layer_step = 1;
        for (ViewId* view : {&one.weight, &one.gradient, &one.tied_gradient}) *view = view_at(*view, copy);
        for (BufferId* id : {&one.master, &one.first_moment, &one.second_moment}) *id = buffer_at(*id, copy);
        to_.tensors.push_back(std::move(one));
      });
      found->second.count = static_cast<std::int32_t>(to_.tensors.size()) - found->second.first;
    }
    ranks.tensors = found->second;
  }

  const Program& from_;
  Program to_;
  std::vector<std::int32_t> first_;  // by buffer: that of its first copy
  struct LongView {                  // of a copy
    BufferId buffer{};
    std::int32_t copy{};
    ViewId view{};
  };
  std::vector<std::vector<LongView>> views_;  // by view
  std::map<std::int32_t, Span> tensors_;      // by where those of a kind of stage begin
};

}  // namespace

Program unroll(const Program& program) { return Unroll(program).take(); }

}  // namespace ds::program
