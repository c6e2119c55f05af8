// Issues a rank's instructions. How far they have come is the affair of lane_events.h, when they ran that of
// measured_step.h.
#include "executor/interpreter.h"

#include <algorithm>
#include <array>

#include "simulator/base/error.h"

namespace ds::executor {

using program::Kind;
using program::When;

namespace {

constexpr std::size_t kCompute = 0;  // lane 0 of every class

/// Instructions of the compute lane that the host is ahead of the device: enough that a GPU never waits for the host, and
/// few enough that what is in between stays in a core's cache. Other lanes have no bound of their own: a message that waits
/// for its receiver must not keep the host from issuing what the receiver waits for.
constexpr std::size_t kMostAhead = 64;

}  // namespace

Interpreter::Interpreter(const program::Program& program, std::int32_t rank, const Binding& binding,
                         Device& device, Communicators* communicators, kernels::Library library)
    : program_(program),
      ranks_(program.classes[program::class_of(program, rank)]),
      rank_(rank),
      binding_(binding),
      device_(device),
      communicators_(communicators),
      library_(library),
      ops_(program.ops),
      kernels_(program.ops.size(), nullptr),
      scoreboard_(program, ranks_),
      lanes_(device, program.lanes.size()),
      rows_(device) {
  const program::Coordinates at = program.grid.at(rank);
  const ops::RankPosition position{.tensor = at.tp,
                                   .data = program.grid.index(program::kDataGroup, rank),
                                   .context = at.cp,
                                   .expert_data = program.grid.index(program::kExpertDataGroup, rank)};
  for (ops::Op& op : ops_) op = ops::at(op, position);
}

std::vector<double> Interpreter::scalars() {
  lanes_.follow(kCompute, 0);
  computed_.reset();
  constexpr std::int64_t kCount = 4;  // {loss, gradient norm, clip factor, finite}
  return device_.read_values<double>(binding_.slot(ranks_.host.scalars), kCount);
}

bool Interpreter::condition_holds(When when) {
  switch (when) {
    case When::always: return true;
    case When::finite: return scalars()[3] != 0;
    case When::overflow: return scalars()[3] == 0;
  }
  return false;
}

void Interpreter::begin_run(bool measuring) {
  measuring_ = measuring;
  computed_.reset();
  // Some plans always have a lane that is busy; their events are kept until somebody drains.
  if (rows_.empty() && lanes_.idle()) device_.recycle_events();
}

StepResult Interpreter::run_step(std::int32_t step, MeasuredStep* measured) {
  const Instant begin = now();
  begin_run(measured != nullptr);
  std::int32_t number = 0;
  for (const program::Phase& phase : ranks_.phases) {
    if (!condition_holds(phase.when)) continue;
    for (const program::Call& call : phase.calls) issue_call(call, number++, step);
  }
  const std::vector<double> results = scalars();
  if (measured != nullptr) {
    measured->step = step, measured->begin = begin;
    rows_.report(*measured);
  }
  return {.loss = results[0], .grad_norm = results[1], .finite = results[3] != 0};
}

double Interpreter::run_forward() {
  begin_run(false);
  constexpr std::int32_t kNoStep = -1;
  std::int32_t number = 0;
  for (const program::Phase& phase : ranks_.phases)
    for (const program::Call& call : phase.calls)
      if (program_.body(call).pass == program::Pass::forward) issue_call(call, number++, kNoStep);
  drain();  // a peer may wait for the last message
  if (ranks_.host.losses == program::BufferId{-1}) return 0;
  double loss = 0;
  for (std::int32_t m = 0; m < program_.micro_batches; ++m)
    loss += device_.read_values<double>(binding_.slot(ranks_.host.losses, m), 1)[0];
  return loss;
}

std::vector<LateRow> Interpreter::take_late() { return rows_.take_ended(); }

void Interpreter::drain() { lanes_.follow_all(); }

void Interpreter::issue_call(const program::Call& call, std::int32_t number, std::int32_t step) {
  std::int32_t position = 0;
  program::for_each_instruction(program_.body(call), [&](program::InstructionId id, std::int32_t iteration) {
    issue({program_.instruction(id), iteration, call}, {.rank = rank_,
                                                        .step = step,
                                                        .call = number,
                                                        .instruction = position++,
                                                        .body = call.body,
                                                        .id = id,
                                                        .micro = call.micro[0]});
  });
}

void Interpreter::issue(const Occurrence& one, const program::Row& row) {
  const auto lane = static_cast<std::size_t>(one.instruction.lane);
  const auto queue = static_cast<QueueId>(lane);
  if (lane == kCompute) lanes_.follow(kCompute, kMostAhead);
  bool waits = false;
  waits_.clear();
  scoreboard_.issue(one.instruction, one.iteration, one.call, lanes_.next(lane), waits_);
  for (const program::Position& position : waits_)
    if (const std::optional<Event> event = lanes_.awaited(position)) {
      device_.wait(queue, *event);
      waits = true;
    }
  // What waits for nothing begins where the one before it in the lane has ended.
  Event begin{};
  if (measuring_) begin = lane == kCompute && !waits && computed_ ? *computed_ : device_.record(queue);
  if (lane == kCompute && communicators_ != nullptr)
    device_.announce(queue, *communicators_,
                     {.step = row.step, .call = row.call, .instruction = row.instruction});
  issue_work(one, queue);
  const Event end = device_.record(queue);
  lanes_.issued(lane, end);
  if (lane == kCompute) computed_ = end;
  if (measuring_) rows_.add(row, begin, end);
}

void Interpreter::issue_work(const Occurrence& one, QueueId queue) {
  switch (one.instruction.kind) {
    case Kind::compute:
    case Kind::optimizer:
    case Kind::copy: issue_operators(one, queue); return;
    case Kind::launches: return;  // a real host takes its time anyway
    case Kind::send:
    case Kind::receive:
    case Kind::collective:
      ensure(communicators_ != nullptr, "a program that communicates has communicators");
      communicators_->issue(one.instruction, exchange_of(one), queue);
      return;
  }
}

void Interpreter::issue_operators(const Occurrence& one, QueueId queue) {
  for (const program::Operator& op : program_.operators_of(one.instruction)) {
    std::array<Bytes, ops::kMaxOperands> offsets{};
    const std::span<const program::Use> uses = program_.uses_of(op);
    for (std::size_t u = 0; u < uses.size(); ++u)
      offsets[u] = binding_.offset(uses[u], one.iteration, one.call);
    kernels::Run& kernel = kernels_[program::index(op.op)];
    if (kernel == nullptr) kernel = kernels::find(program_.op(op.op), library_);
    device_.launch(queue, kernel, ops_[program::index(op.op)], std::span(offsets).first(uses.size()));
  }
}

Exchange Interpreter::exchange_of(const Occurrence& one) const {
  const program::Comm& comm = one.instruction.comm;
  const std::span<const program::Use> uses = program_.uses_of(one.instruction);
  ensure(!uses.empty(), "a communication uses memory");
  const program::View& first = program_.view(uses.front().view);
  const program::View& last = program_.view(uses.back().view);
  Exchange exchange{.what = ExchangeKind::collective,
                    .collective = comm.what,
                    .algorithm = static_cast<collective::Algorithm>(std::max<int>(comm.algorithm, 0)),
                    .type = first.type,
                    .heads = comm.heads,
                    .elements = std::max(first.shape.elements(), last.shape.elements()),
                    .from = binding_.offset(uses.front(), one.iteration, one.call),
                    .to = binding_.offset(uses.back(), one.iteration, one.call)};
  exchange.adds =
      comm.what == collective::Collective::reduce_scatter && uses.back().access == program::Access::add;
  if (one.instruction.kind == Kind::send) exchange.what = ExchangeKind::send;
  if (one.instruction.kind == Kind::receive) exchange.what = ExchangeKind::receive;
  return exchange;
}

}  // namespace ds::executor
