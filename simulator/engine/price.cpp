#include "simulator/engine/price.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

using program::Axis;
using program::Kind;

/// The group in the words of the network.
network::Group around(const program::Grid& grid, const program::Group& group, std::int32_t rank) {
  const auto extents = [](std::vector<program::Extent> list) {
    std::ranges::sort(list, {}, &program::Extent::stride);
    std::vector<network::Extent> result;
    for (const program::Extent& extent : list) result.push_back({extent.count, extent.stride});
    return result;
  };
  program::Grid::Strides strides = grid.strides(group, rank);
  return {strides.first, extents(std::move(strides.members)), extents(std::move(strides.siblings))};
}

}  // namespace

cost::Communication communication_of(const program::Program& program, const program::RankClass& ranks,
                                     const program::Instruction& instruction) {
  const program::Comm& comm = instruction.comm;
  const program::Grid& grid = program.grid;
  cost::Communication result{.what = comm.what,
                             .group = around(grid, comm.group, ranks.first),
                             .bytes = {static_cast<std::int64_t>(comm.bytes.expected_bytes)}};
  if (instruction.kind == Kind::collective) return result;
  // A message: from the rank that sends to the one that receives.
  const bool sends = instruction.kind == Kind::send;
  const std::int32_t other = grid.neighbour(comm.group, ranks.first, sends ? comm.shift : -comm.shift);
  const std::int32_t from = sends ? ranks.first : other, to = sends ? other : ranks.first;
  result.message = true;
  result.group.first = from;
  result.group.members = {{2, to - from}};
  return result;
}

namespace {

/// A message of activations that all tensor-parallel ranks hold is sent in shares, and gathered where it arrives
/// (Narayanan et al. 2021, section 4.1).
Seconds in_shares(cost::Communication message, const program::Program& program,
                  const cost::Machine& machine) {
  cost::Communication gather{
      .what = collective::Collective::all_gather,
      .group = around(program.grid, program::kTensorGroup, message.group.ranks().back()),
      .bytes = message.bytes};
  message.bytes.value /= program.grid.size(Axis::tp);
  return machine.time(message).seconds + machine.time(gather).seconds;
}

/// Alone, a communication between GPUs fills the rank's part of the way that is its bottleneck: the card where it leaves
/// the node, else the link inside. Between processes it is work of the rank itself.
Load load_of(const cost::Communication& communication, const workload::Job& job) {
  if (job.cluster.cpu() || communication.group.size() == 1) return {};
  const std::int64_t per_node = job.cluster.groups.front().node.gpus_per_node;
  return communication.group.leaves_node(per_node) ? Load{.card = 1} : Load{.link = 1};
}

/// The matrix product that a collective is cut into pieces with: the next one behind a gather, the last one before a
/// reduction. None where another communication of the lane stands between.
const program::Operator* partner(const program::Program& program, std::span<const program::Instruction> body,
                                 std::size_t at) {
  const bool after = body[at].comm.what == collective::Collective::all_gather;
  for (std::size_t i = at; after ? ++i < body.size() : i-- > 0;) {
    const bool communicates = !program::computes(body[i].kind);
    if (communicates && body[i].lane == body[at].lane) return nullptr;
    if (communicates) continue;  // beside the lane: a bucket that is reduced
    for (const program::Operator& one : program.operators_of(body[i]))
      if (std::holds_alternative<ops::Linear>(program.op(one.op).what)) return &one;
  }
  return nullptr;
}

/// What is left to wait for of a tensor-parallel collective that runs beside its product piece by piece: one piece of
/// `ranks`, or what the product is too short to hide (Wang et al. 2023, "Overlap communication with dependent
/// computation via decomposition", section 4).
Seconds left_over(Seconds communication, Seconds product, std::int32_t ranks) {
  const double piece = communication.value / ranks;
  return {std::max(piece, communication.value - product.value * (ranks - 1) / ranks)};
}

/// Prices what communicates in the bodies of a program's templates.
class Communications {
 public:
  Communications(const program::Program& program, const workload::Job& job, const cost::Machine& machine,
                 Durations& durations)
      : program_(program),
        job_(job),
        machine_(machine),
        durations_(durations),
        shares_(job.habits.pipeline_scatter_gather && program.grid.size(Axis::tp) > 1 && !job.plan.sequence_parallel),
        pieces_(!job.cluster.cpu() && job.plan.overlap.tp_comm && job.plan.sequence_parallel &&
                program.grid.size(Axis::tp) > 1) {
    durations.communications.resize(program.instructions.size());
    durations.loads.resize(program.instructions.size());
    done_.resize(program.templates.size(), false);
  }

  void price(const program::RankClass& ranks, program::TemplateId id) {
    if (done_[program::index(id)]) return;
    done_[program::index(id)] = true;
    known_.clear();
    for (const program::Block& block : program_.templates[program::index(id)].blocks) {
      const std::span<const program::Instruction> body = program_.instructions_of(block);
      for (std::size_t i = 0; i < body.size(); ++i) {
        if (program::computes(body[i].kind)) continue;
        const std::size_t at = static_cast<std::size_t>(block.body.first) + i;
        const Known& known = alone(ranks, body[i]);
        durations_.loads[at] = known.load;
        durations_.communications[at] = known.seconds;
        if (pieces_ && body[i].comm.group == program::kTensorGroup)
          durations_.communications[at] = beside_product(known.seconds, body, i);
      }
    }
  }

 private:
  /// A communication of the template that was priced already; a layer has the same ones as the layer before.
  struct Known {
    const program::Instruction* instruction;
    Load load;
    Seconds seconds;
  };

  const Known& alone(const program::RankClass& ranks, const program::Instruction& instruction) {
    const auto same = [&](const Known& known) {
      const program::Instruction& other = *known.instruction;
      return other.kind == instruction.kind && other.comm.what == instruction.comm.what &&
             other.comm.group == instruction.comm.group && other.comm.shift == instruction.comm.shift &&
             other.comm.bytes.expected_bytes == instruction.comm.bytes.expected_bytes;
    };
    const auto found = std::ranges::find_if(known_, same);
    if (found != known_.end()) return *found;
    const cost::Communication communication = communication_of(program_, ranks, instruction);
    return known_.emplace_back(&instruction, load_of(communication, job_),
                               communication.message && shares_
                                   ? in_shares(communication, program_, machine_)
                                   : machine_.time(communication).seconds);
  }

  Seconds beside_product(Seconds alone, std::span<const program::Instruction> body, std::size_t at) const {
    const program::Operator* product = partner(program_, body, at);
    if (product == nullptr) return alone;
    return left_over(alone, durations_.operators[program::index(product->op)], program_.grid.size(Axis::tp));
  }

  const program::Program& program_;
  const workload::Job& job_;
  const cost::Machine& machine_;
  Durations& durations_;
  bool shares_, pieces_;
  std::vector<bool> done_;  // by template
  std::vector<Known> known_;
};

}  // namespace

Durations price(const program::Program& program, const workload::Job& job, const cost::Machine& machine) {
  Durations durations;
  durations.operators.reserve(program.ops.size());
  for (const ops::Op& op : program.ops) durations.operators.push_back(machine.time(op).seconds);
  Communications communications(program, job, machine, durations);
  for (const program::RankClass& ranks : program.classes)
    for (const program::TemplateId body : program::templates_of(program, ranks))
      communications.price(ranks, body);
  return durations;
}

}  // namespace ds::engine
