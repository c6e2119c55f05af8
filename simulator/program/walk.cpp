// From positions in a template to instructions, and from copies to names.
#include "simulator/program/walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/base/error.h"

namespace ds::program {

Instances::Instances(const Program& program, const RankClass& ranks)
    : buffers_(static_cast<std::size_t>(ranks.buffers.first)), first_{0}, slots_(ranks.slots) {
  for (const Buffer& buffer : program.buffers_of(ranks)) {
    const std::int32_t slots = slots_[first_.size() - 1];
    first_.push_back(first_.back() +
                     static_cast<std::size_t>(buffer.copies) * static_cast<std::size_t>(slots));
  }
}

std::int32_t length_of(const Template& body) {
  std::int32_t length = 0;
  for (const Block& block : body.blocks) length += block.body.count * block.times;
  return length;
}

Issued issued_at(const Template& body, std::int32_t position) {
  for (const Block& block : body.blocks) {
    const std::int32_t all = block.body.count * block.times;
    if (position < all)
      return {static_cast<InstructionId>(block.body.first + position % block.body.count),
              block.first + position / block.body.count};
    position -= all;
  }
  ensure(false, "a position lies within its template");
  return {};
}

std::vector<TemplateId> templates_of(const Program& program, const RankClass& ranks) {
  std::vector<TemplateId> list;
  std::vector<bool> seen(program.templates.size(), false);
  for (const Phase& phase : ranks.phases)
    for (const Call& call : phase.calls) {
      if (seen[index(call.body)]) continue;
      seen[index(call.body)] = true;
      list.push_back(call.body);
    }
  return list;
}

std::vector<Call> healthy_calls(const RankClass& ranks) {
  std::vector<Call> calls;
  for (const Phase& phase : ranks.phases)
    if (phase.when != When::overflow) calls.insert(calls.end(), phase.calls.begin(), phase.calls.end());
  return calls;
}

std::string name_of(const RankClass& ranks, const TrainedTensor& tensor, std::int32_t copy) {
  if (tensor.layer < 0) return tensor.name;
  const std::int32_t first = ranks.first_layer[static_cast<std::size_t>(tensor.chunk)];
  return fmt::format("layers.{}.{}", first + tensor.layer + copy * tensor.layer_step, tensor.name);
}

}  // namespace ds::program
