#include "executor/interpreter.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "simulator/base/error.h"

namespace ds::executor {

using program::Kind;
using program::When;

namespace {

constexpr std::size_t kCompute = 0;  // lane 0 of every class

}  // namespace

Interpreter::Interpreter(const program::Program& program, std::int32_t rank, const Binding& binding,
                         Device& device, Links* links, kernels::Library library)
    : program_(program),
      ranks_(program.classes[program::class_of(program, rank)]),
      rank_(rank),
      binding_(binding),
      device_(device),
      links_(links),
      ops_(program.ops),
      kernels_(program.ops.size(), nullptr),
      scoreboard_(program, ranks_),
      lanes_(program.lanes.size()) {
  const program::Coordinates at = program.grid.at(rank);
  for (ops::Op& op : ops_) op = ops::at(op, {.tensor = at.tp, .data = at.dp});
  for (const program::TemplateId body : program::templates_of(program, ranks_))
    program::for_each_distinct(
        program.templates[program::index(body)], [&](program::InstructionId id, std::int32_t) {
          for (const program::Operator& op : program.operators_of(program.instruction(id)))
            kernels_[program::index(op.op)] = kernels::find(program.op(op.op), library);
        });
}

std::vector<double> Interpreter::scalars() {
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

StepResult Interpreter::run_step(std::int32_t step, MeasuredStep* measured) {
  const Instant begin = now();
  measuring_ = measured != nullptr;
  std::int32_t number = 0;
  for (const program::Phase& phase : ranks_.phases) {
    if (!condition_holds(phase.when)) continue;
    for (const program::Call& call : phase.calls) issue_call(call, number++, step);
    run_lanes();
  }
  if (measured != nullptr) {
    measured->step = step, measured->begin = begin;
    report(*measured);
  }
  const std::vector<double> results = scalars();
  return {.loss = results[0], .grad_norm = results[1], .finite = results[3] != 0};
}

double Interpreter::run_forward() {
  measuring_ = false;
  constexpr std::int32_t kNoStep = -1;
  std::int32_t number = 0;
  for (const program::Phase& phase : ranks_.phases)
    for (const program::Call& call : phase.calls)
      if (program_.body(call).pass == program::Pass::forward) issue_call(call, number++, kNoStep);
  run_lanes();
  drain();  // a peer may wait for the last message
  if (ranks_.host.losses == program::BufferId{-1}) return 0;
  double loss = 0;
  for (std::int32_t m = 0; m < program_.micro_batches; ++m)
    loss += device_.read_values<double>(binding_.slot(ranks_.host.losses, m), 1)[0];
  return loss;
}

void Interpreter::issue_call(const program::Call& call, std::int32_t number, std::int32_t step) {
  std::int32_t position = 0;
  program::for_each_instruction(program_.body(call), [&](program::InstructionId id, std::int32_t iteration) {
    const program::Instruction& instruction = program_.instruction(id);
    Lane& lane = lanes_[static_cast<std::size_t>(instruction.lane)];
    lane.queue.push_back({.instruction = &instruction,
                          .iteration = iteration,
                          .call = call,
                          .row = {.rank = rank_,
                                  .step = step,
                                  .call = number,
                                  .instruction = position++,
                                  .body = call.body,
                                  .id = id,
                                  .micro = call.micro[0]},
                          .waits = {},
                          .ticket = {}});
    scoreboard_.issue(instruction, iteration, call, ++lane.issued, lane.queue.back().waits);
  });
}

bool Interpreter::may_start(const Pending& pending) const {
  return std::ranges::all_of(pending.waits, [&](const program::Position& position) {
    return lanes_[static_cast<std::size_t>(position.lane)].ended >= position.ended;
  });
}

void Interpreter::run_lanes() {
  Lane& compute = lanes_[kCompute];
  Event before = device_.record(QueueId::compute);
  while (!compute.queue.empty()) {
    progress();
    Pending& next = compute.queue.front();
    bool waited = false;
    for (; !may_start(next); waited = true) {
      ::sched_yield();
      progress();
    }
    if (measuring_) next.begin = waited ? device_.record(QueueId::compute) : before;
    run_compute(next);
    if (measuring_) before = device_.record(QueueId::compute);
    end(compute, before);
  }
}

void Interpreter::drain() {
  const auto idle = [](const Lane& lane) { return lane.queue.empty(); };
  for (progress(); !std::ranges::all_of(lanes_, idle); progress()) ::sched_yield();
}

void Interpreter::run_compute(Pending& pending) {
  if (links_ != nullptr) links_->note(pending.row);
  switch (pending.instruction->kind) {
    case Kind::compute:
    case Kind::optimizer: run_operators(pending); return;
    case Kind::send:
    case Kind::receive:
    case Kind::collective: {
      Communicator& communicator = links_->of(pending.instruction->kind, pending.instruction->comm);
      const Ticket ticket = communicator.start(exchange_of(pending));
      // A wait may sleep, which it must not while another lane has work of its own to do.
      while (others_have_work() && !communicator.poll(ticket)) {
        progress();
        ::sched_yield();
      }
      communicator.wait(ticket);
      return;
    }
    case Kind::copy: ensure(false, "copies to the host have not been lowered");
  }
}

/// A message that is on its way needs nothing more of its sender; one that waits behind it has to be sent off.
bool Interpreter::others_have_work() const {
  return std::ranges::any_of(lanes_.begin() + kCompute + 1, lanes_.end(), [](const Lane& lane) {
    if (lane.queue.empty()) return false;
    const Pending& front = lane.queue.front();
    return lane.queue.size() > 1 || !front.ticket || front.instruction->kind != Kind::send;
  });
}

void Interpreter::progress() {
  for (std::size_t l = kCompute + 1; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    while (!lane.queue.empty()) {
      Pending& front = lane.queue.front();
      if (!front.ticket) {
        if (!may_start(front)) break;
        if (measuring_) front.begin = device_.record(QueueId::compute);
        front.ticket = links_->of(front.instruction->kind, front.instruction->comm).start(exchange_of(front));
      }
      if (!links_->of(front.instruction->kind, front.instruction->comm).poll(*front.ticket)) break;
      end(lane, measuring_ ? device_.record(QueueId::compute) : Event{});
    }
  }
}

void Interpreter::end(Lane& lane, Event ended) {
  if (measuring_) marked_.push_back({lane.queue.front().row, lane.queue.front().begin, ended});
  lane.queue.pop_front();
  ++lane.ended;
}

Exchange Interpreter::exchange_of(const Pending& pending) const {
  const program::Comm& comm = pending.instruction->comm;
  const std::span<const program::Use> uses = program_.uses_of(*pending.instruction);
  ensure(!uses.empty(), "a communication uses memory");
  const program::View& first = program_.view(uses.front().view);
  const program::View& last = program_.view(uses.back().view);
  Exchange exchange{.what = Exchange::What::collective,
                    .collective = comm.what,
                    .algorithm = static_cast<collective::Algorithm>(std::max<int>(comm.algorithm, 0)),
                    .type = first.type,
                    .elements = std::max(first.shape.elements(), last.shape.elements()),
                    .from = binding_.offset(uses.front(), pending.iteration, pending.call),
                    .to = binding_.offset(uses.back(), pending.iteration, pending.call)};
  if (pending.instruction->kind == Kind::send) exchange.what = Exchange::What::send;
  if (pending.instruction->kind == Kind::receive) exchange.what = Exchange::What::receive;
  return exchange;
}

void Interpreter::run_operators(const Pending& pending) {
  for (const program::Operator& op : program_.operators_of(*pending.instruction)) {
    std::array<Bytes, ops::kMaxOperands> offsets{};
    const std::span<const program::Use> uses = program_.uses_of(op);
    for (std::size_t u = 0; u < uses.size(); ++u) offsets[u] = binding_.offset(uses[u], pending.iteration, pending.call);
    device_.launch(QueueId::compute, kernels_[program::index(op.op)], ops_[program::index(op.op)],
                   std::span(offsets).first(uses.size()));
  }
}

void MeasuredStep::add(program::Row row, Instant start, Instant end) {
  const Instant from = start - begin, to = end - begin;
  row.start = from.wall, row.end = to.wall;
  wall.rows.push_back(row);
  row.start = from.cpu, row.end = to.cpu;
  cpu.rows.push_back(row);
}

void Interpreter::report(MeasuredStep& measured) {
  std::vector<Marked> late;
  for (const Marked& marked : marked_) {
    if (marked.row.step == measured.step)
      measured.add(marked.row, device_.time_of(marked.begin), device_.time_of(marked.end));
    else
      late.push_back(marked);
  }
  marked_ = std::move(late);
}

std::vector<LateRow> Interpreter::take_late() {
  std::vector<LateRow> late;
  for (const Marked& marked : marked_)
    late.push_back({marked.row, device_.time_of(marked.begin), device_.time_of(marked.end)});
  marked_.clear();
  const bool idle = std::ranges::all_of(lanes_, [](const Lane& lane) { return lane.queue.empty(); });
  if (idle) device_.forget_events();
  return late;
}

}  // namespace ds::executor
