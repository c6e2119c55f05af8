#include "simulator/engine/price.h"

#include <algorithm>
#include <vector>

#include "simulator/program/rows.h"

namespace ds::engine {
namespace {

using program::Axis;
using program::Kind;
using program::Members;

/// Axes of the plan that a group varies, in the words of a placement. Pipeline stages are at other work.
std::vector<std::string_view> names_of(const program::Group& group) {
  std::vector<std::string_view> names;
  if (group.has(Axis::tp)) names.emplace_back("tp");
  if (group.has(Axis::cp)) names.emplace_back("cp");
  if (group.has(Axis::dp_shard) || group.has(Axis::dp_replica)) names.emplace_back("dp");
  if (group.has(Axis::pp)) names.emplace_back("pp");
  return names;
}

/// The network's group of the ranks around `first`.
network::Group around(const workload::Job& job, const program::Coordinates& extents,
                      const program::Group& group, std::int32_t first) {
  const std::vector<network::Axis> axes{
      {"tp", extents.tp}, {"cp", extents.cp}, {"dp", extents.dp}, {"pp", extents.pp}};
  network::Group result = network::group_over(job.plan.placement, axes, names_of(group), {"pp"});
  if (group.members == Members::ends && group.has(Axis::pp) && extents.pp > 1)
    for (network::Extent& extent : result.members)
      if (extent.count == extents.pp) extent = {2, extent.stride * (extents.pp - 1)};
  result.first = group.has(Axis::pp) ? 0 : first;
  return result;
}

}  // namespace

cost::Communication communication_of(const program::Program& program, const workload::Job& job,
                                     const program::RankClass& ranks,
                                     const program::Instruction& instruction) {
  const program::Comm& comm = instruction.comm;
  const std::int32_t first = program::rank_at(program, ranks.first);
  cost::Communication result{.what = comm.what,
                             .group = around(job, program.extents, comm.group, first),
                             .bytes = {static_cast<std::int64_t>(comm.bytes.expected_bytes)}};
  if (instruction.kind == Kind::collective) return result;
  // A message: from the rank that sends to the one that receives.
  const std::int32_t other =
      program::shifted(program, first, instruction.kind == Kind::send ? comm.shift : -comm.shift);
  const std::int32_t from = instruction.kind == Kind::send ? first : other;
  const std::int32_t to = instruction.kind == Kind::send ? other : first;
  result.message = true;
  result.group.first = from;
  result.group.members = {{2, to - from}};
  return result;
}

namespace {

/// A message of activations that all tensor-parallel ranks hold is sent in shares, and gathered where it arrives
/// (Narayanan et al. 2021, section 4.1).
Seconds in_shares(cost::Communication message, const program::Program& program, const workload::Job& job,
                  const cost::Machine& machine) {
  cost::Communication gather{
      .what = collective::Collective::all_gather,
      .group = around(job, program.extents, program::kTensorGroup, message.group.ranks().back()),
      .bytes = message.bytes};
  message.bytes.value /= program.extents.tp;
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
const program::Operator* partner(const program::Program& program,
                                 const std::vector<program::Instruction>& body, std::size_t at) {
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
        shares_(job.habits.pipeline_scatter_gather && program.extents.tp > 1 && !job.plan.sequence_parallel),
        pieces_(!job.cluster.cpu() && job.plan.overlap.tp_comm && job.plan.sequence_parallel &&
                program.extents.tp > 1) {
    durations.communications.resize(program.templates.size());
    durations.loads.resize(program.templates.size());
  }

  void price(const program::RankClass& ranks, program::TemplateId id) {
    const std::vector<program::Instruction>& body = program_.templates[program::index(id)].body;
    std::vector<Seconds>& times = durations_.communications[program::index(id)];
    if (!times.empty()) return;
    times.resize(body.size());
    std::vector<Load>& loads = durations_.loads[program::index(id)];
    loads.resize(body.size());
    known_.clear();
    for (std::size_t i = 0; i < body.size(); ++i) {
      if (program::computes(body[i].kind)) continue;
      const Known& known = alone(ranks, body[i]);
      loads[i] = known.load;
      times[i] = known.seconds;
      if (pieces_ && body[i].comm.group == program::kTensorGroup)
        times[i] = beside_product(times[i], body, i);
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
    const cost::Communication communication = communication_of(program_, job_, ranks, instruction);
    return known_.emplace_back(&instruction, load_of(communication, job_),
                               communication.message && shares_
                                   ? in_shares(communication, program_, job_, machine_)
                                   : machine_.time(communication).seconds);
  }

  Seconds beside_product(Seconds alone, const std::vector<program::Instruction>& body, std::size_t at) const {
    const program::Operator* product = partner(program_, body, at);
    if (product == nullptr) return alone;
    return left_over(alone, durations_.operators[program::index(product->op)], program_.extents.tp);
  }

  const program::Program& program_;
  const workload::Job& job_;
  const cost::Machine& machine_;
  Durations& durations_;
  bool shares_, pieces_;
  std::vector<Known> known_;
};

}  // namespace

Durations price(const program::Program& program, const workload::Job& job, const cost::Machine& machine) {
  Durations durations;
  durations.operators.reserve(program.ops.size());
  for (const ops::Op& op : program.ops) durations.operators.push_back(machine.time(op).seconds);
  Communications communications(program, job, machine, durations);
  for (const program::RankClass& ranks : program.classes)
    for (const program::Phase& phase : ranks.phases)
      for (const program::Call& call : phase.calls) communications.price(ranks, call.body);
  return durations;
}

}  // namespace ds::engine
