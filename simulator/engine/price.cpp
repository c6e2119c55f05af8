// Seconds of operators and communications, asked of the machine.
#include "simulator/engine/price.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::engine {
namespace {

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
                             .rows = comm.rows,
                             .bytes = {static_cast<std::int64_t>(comm.bytes.expected_bytes)}};
  if (comm.algorithm >= 0) result.algorithm = static_cast<collective::Algorithm>(comm.algorithm);
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

/// No engine is handed what it cannot add up.
Seconds checked(Seconds seconds) {
  ensure(std::isfinite(seconds.value) && seconds.value >= 0, "durations are finite and not negative");
  return seconds;
}

/// Alone, a communication between GPUs fills the rank's part of the way that is its bottleneck: the card where it leaves
/// the node, else the link inside. Between processes it is work of the rank itself.
Load load_of(const cost::Communication& communication, const cost::Machine& machine) {
  if (!machine.shares_links() || communication.group.size() == 1) return {};
  return communication.group.leaves_node(machine.ranks_per_node()) ? Load{.card = 1} : Load{.link = 1};
}

/// How much of the communications next to a product is hidden where they run beside it piece by piece: all but one piece of
/// `ranks`, as far as the product lasts (Wang et al. 2023, "Overlap communication with dependent computation via
/// decomposition", section 4). A gather before it and a reduction behind it share what it can hide.
Seconds hidden_time(Seconds communications, Seconds product, std::int64_t ranks) {
  const auto pieces = static_cast<double>(ranks);
  return {std::min(communications.value, product.value) * (pieces - 1) / pieces};
}

/// Prices what the ranks of a class communicate.
class Communications {
 public:
  Communications(const program::Program& program, const cost::Machine& machine,
                 const std::vector<Seconds>& operators)
      : program_(program), machine_(machine), operators_(operators) {}

  void price(const program::RankClass& ranks, std::vector<Seconds>& seconds, std::vector<Load>& loads) {
    seconds.assign(program_.instructions.size(), {});
    loads.assign(program_.instructions.size(), {});
    known_.clear();
    for (const program::TemplateId body : program::templates_of(program_, ranks)) {
      program::for_each_distinct(program_.templates[program::index(body)],
                                 [&](program::InstructionId id, std::int32_t) {
                                   const program::Instruction& instruction = program_.instruction(id);
                                   if (!program::communicates(instruction.kind)) return;
                                   const Known& known = alone(ranks, instruction);
                                   loads[program::index(id)] = known.load;
                                   seconds[program::index(id)] = known.seconds;
                                   if (instruction.comm.beside >= 0)
                                     run_beside(instruction.comm.beside, id, known);
                                 });
      for (const Beside& beside : beside_) hide(beside, seconds);
      beside_.clear();
      for (const program::Block& block : program_.templates[program::index(body)].blocks)
        price_launches(block, seconds);
    }
  }

 private:
  /// How much longer the host takes to launch work of micro-batches in the compute lane than that takes: all since the block's begin,
  /// up to what stands behind the wait, which is the last of it. The host may run ahead in the layers of a block, all of which are
  /// alike; at the begin of a pass it is not ahead, since frameworks wait for messages. Where it waits for how many rows each expert
  /// has, it is not ahead from there on: see behind_from.
  void price_launches(const program::Block& block, std::vector<Seconds>& seconds) {
    launched_.clear();
    std::size_t known = 0;  // from here on the host knows sizes for which it has waited
    bool between[2] = {
        false,
        false};  // dispatch and combine: of the first micro-batch, of the second in calls that have two
    Seconds* wait = nullptr;
    for (std::int32_t i = block.body.first; i < block.body.first + block.body.count; ++i) {
      const auto id = static_cast<program::InstructionId>(i);
      const program::Instruction& one = program_.instruction(id);
      if (launched_beside(one))
        launched_.push_back({machine_.launch_of_communication(between[is_of_second(one)]), {}});
      if (!program::is_own_work(one)) continue;
      if (one.kind == Kind::launches) {
        wait = &seconds[program::index(id)];
        continue;
      }
      if (one.kind == Kind::collective)
        launched_.push_back(
            {machine_.launch_of_communication(between[is_of_second(one)]), seconds[program::index(id)]});
      for (const program::Operator& op : program_.operators_of(one)) {
        const ops::Op& what = program_.op(op.op);
        bool& among_experts = between[is_of_second(op)];
        if (ops::moves_rows_of_experts(what.what)) among_experts = !among_experts;
        const bool sends =
            std::holds_alternative<ops::Dispatch>(what.what) && what.pass == ops::Pass::forward;
        if (sends && machine_.host_waits_for_sizes()) known = launched_.size();
        if (!op.fused)
          launched_.push_back({machine_.launch(what, among_experts), operators_[program::index(op.op)]});
      }
      if (wait == nullptr) continue;
      *std::exchange(wait, nullptr) = behind_from(known);
      launched_.clear();
      known = 0;
    }
  }

  /// An instruction or an operator: whether it works on the second micro-batch of a call.
  template <class Work>
  bool is_of_second(const Work& work) const {
    return std::ranges::any_of(program_.uses_of(work),
                               [](const program::Use& use) { return use.instance == program::kMicro1; });
  }

  /// What other lanes communicate within a layer the host launches, too, but no work of the compute lane stands behind it there.
  static bool launched_beside(const program::Instruction& one) {
    const program::Group& group = one.comm.group;
    return program::is_beside_work(one) && !group.has(program::Axis::pp) && !group.has(program::Axis::tp);
  }

  /// How much longer than its work the device takes for the work of a layer, all of which the host has launched one after the other. Where
  /// the host has waited for the device (`known` > 0), nothing is in the queue from there on, to the same place in the next layer: the
  /// device begins each only once it is launched.
  Seconds behind_from(std::size_t known) const {
    Seconds host{}, device{}, behind{};
    for (std::size_t i = 0; i < launched_.size(); ++i) {
      const Launched& one = launched_[(known + i) % launched_.size()];
      host += one.host;
      if (known > 0) behind = std::max(behind, host - device);
      device += one.device;
    }
    return std::max(behind, host - device);
  }

  /// What the host takes to launch it, and the device to do it.
  struct Launched {
    Seconds host, device;
  };

  /// A communication of the class that was priced already: many are alike.
  struct Known {
    const program::Instruction* instruction;
    Load load;
    Seconds seconds;
    std::int64_t ranks{};
  };

  const Known& alone(const program::RankClass& ranks, const program::Instruction& instruction) {
    const auto same = [&](const Known& known) {
      const program::Instruction& other = *known.instruction;
      return other.kind == instruction.kind && other.comm.what == instruction.comm.what &&
             other.comm.group == instruction.comm.group && other.comm.rows == instruction.comm.rows &&
             other.comm.shift == instruction.comm.shift &&
             other.comm.algorithm == instruction.comm.algorithm &&
             other.comm.bytes.expected_bytes == instruction.comm.bytes.expected_bytes;
    };
    const auto found = std::ranges::find_if(known_, same);
    if (found != known_.end()) return *found;
    const cost::Communication communication = communication_of(program_, ranks, instruction);
    return known_.emplace_back(&instruction, load_of(communication, machine_),
                               checked(machine_.time(communication).seconds), communication.group.size());
  }

  /// What runs beside one product: a gather in front, a reduction behind, or both.
  struct Beside {
    std::int32_t product;  // operator
    Seconds communications;
    std::int64_t ranks;
    std::vector<program::InstructionId> instructions;
  };

  void run_beside(std::int32_t product, program::InstructionId id, const Known& known) {
    auto found = std::ranges::find(beside_, product, &Beside::product);
    if (found == beside_.end()) found = beside_.insert(found, {product, {}, known.ranks, {}});
    found->communications += known.seconds;
    found->instructions.push_back(id);
  }

  /// In pieces only if that is worth what the product takes longer, of which each communication then has its share by time.
  void hide(const Beside& beside, std::vector<Seconds>& seconds) const {
    const program::OpId product = program_.operators[static_cast<std::size_t>(beside.product)].op;
    const Seconds whole = operators_[program::index(product)];
    const Seconds saved =
        hidden_time(beside.communications, whole, beside.ranks) - cut_up(product, beside.ranks, whole);
    if (saved <= Seconds{}) return;
    for (const program::InstructionId id : beside.instructions) {
      double& own = seconds[program::index(id)].value;
      own -= saved.value * (own / beside.communications.value);
    }
  }

  /// How much longer a product takes in pieces of its rows: each fills the GPU less well.
  Seconds cut_up(program::OpId id, std::int64_t pieces, Seconds whole) const {
    ops::Op op = program_.op(id);
    auto* product = std::get_if<ops::Linear>(&op.what);
    if (product == nullptr || product->tokens % pieces != 0 || op.pass == ops::Pass::weight_gradient)
      return {};
    product->tokens /= pieces;
    const double longer = static_cast<double>(pieces) * machine_.time(op).seconds.value - whole.value;
    return {std::max(longer, 0.0)};
  }

  const program::Program& program_;
  const cost::Machine& machine_;
  const std::vector<Seconds>& operators_;
  std::vector<Known> known_;
  std::vector<Beside> beside_;      // of the template
  std::vector<Launched> launched_;  // of the block
};

}  // namespace

Durations price(const program::Program& program, const cost::Machine& machine) {
  return price(program, machine, {});
}

Durations price(const program::Program& program, const cost::Machine& machine,
                std::vector<Seconds> operators) {
  Durations durations{.operators = std::move(operators)};
  durations.operators.reserve(program.ops.size());
  for (std::size_t o = durations.operators.size(); o < program.ops.size(); ++o)
    durations.operators.push_back(checked(machine.time(program.ops[o]).seconds));
  Communications communications(program, machine, durations.operators);
  std::vector<Seconds> seconds;
  std::vector<Load> loads;
  std::vector<std::vector<Seconds>>& tables = durations.communications.tables;
  for (const program::RankClass& ranks : program.classes) {
    communications.price(ranks, seconds, loads);
    // Of classes that have their instructions in common, most are as far from their neighbours as the one before.
    std::size_t table = tables.size();
    if (table > 0 && tables.back() == seconds && durations.loads.back() == loads)
      --table;
    else
      tables.push_back(seconds), durations.loads.push_back(loads);
    durations.communications.table_of.push_back(static_cast<std::int32_t>(table));
  }
  return durations;
}

}  // namespace ds::engine
