// Programs as text, and the names under which reports and traces list instructions.
#include <fmt/format.h>

#include <iterator>

#include "simulator/program/rows.h"
#include "simulator/program/walk.h"

namespace ds::program {
namespace {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::compute: return "compute";
    case Kind::send: return "send";
    case Kind::receive: return "receive";
    case Kind::collective: return "collective";
    case Kind::copy: return "copy";
    case Kind::optimizer: return "optimizer";
    case Kind::launches: return "launches";
  }
  return "?";
}

std::string_view name_of(Life life) {
  switch (life) {
    case Life::run: return "run";
    case Life::step: return "step";
    case Life::slot: return "slot";
    case Life::call: return "call";
  }
  return "?";
}

std::string_view name_of(const Group& group) {
  if (group.members == Members::ends) return "pp ends";
  if (group.members == Members::mirror) return "pp mirrors";
  if (group.members == Members::opposite) return "pp opposite";
  if (group.has(Axis::tp) && group.has(Axis::pp)) return "world";
  if (group == kContextGroup) return "cp";
  if (group.has(Axis::tp)) return "tp";
  if (group == kCopiesOfHeads) return "tp copies";
  if (group == kRowGroup) return "tp row";
  if (group == kColumnGroup) return "tp column";
  if (group.has(Axis::dp_shard)) return "dp";
  if (group.has(Axis::dp_replica)) return "dp replicas";
  if (group.has(Axis::ep)) return "ep";
  if (group.has(Axis::edp)) return "edp";
  if (group.has(Axis::edp_replica)) return "edp replicas";
  if (group.has(Axis::etp)) return "etp";
  if (group.has(Axis::pp)) return "pp";
  return "?";
}

std::string_view name_of(When when) {
  switch (when) {
    case When::always: return "always";
    case When::finite: return "when finite";
    case When::overflow: return "on overflow";
  }
  return "?";
}

std::string_view sign_of(Access access) {
  switch (access) {
    case Access::read: return "";
    case Access::write: return "=";
    case Access::add: return "+";
  }
  return "?";
}

std::string shape_text(const ops::Shape& shape) {
  std::string text;
  for (int i = 0; i < shape.rank; ++i)
    text += fmt::format("{}{}", i > 0 ? "x" : "", shape.size[static_cast<std::size_t>(i)]);
  return text;
}

std::string use_text(const Program& program, const Use& use) {
  const View& view = program.view(use.view);
  const Buffer& buffer = program.buffer(view.buffer);
  const bool tensor = index(view.tensor) < program.tensors.size();
  std::string text = fmt::format("{}{}", sign_of(use.access), buffer.name);
  if (view.ring > 0)
    text += fmt::format("<({}+k)%{}>", view.copy, view.ring);
  else if (view.step != 0)
    text += fmt::format("<{}{}k>", view.copy, view.step > 0 ? "+" : "-");
  if (tensor) text += fmt::format("@{}", view.offset.value);
  if (use.instance == kAllSlots)
    text += "[*]";
  else if (use.instance < 0)
    text += use.instance == kMicro1 ? "[n]" : "[m]";
  return text + fmt::format("({})", shape_text(view.shape));
}

using Text = fmt::memory_buffer;
auto end_of(Text& text) { return std::back_inserter(text); }

void buffers_text(Text& text, const Program& program) {
  fmt::format_to(end_of(text), "buffers: {}\n  {:<44} {:>5} {:>6} {:>14} {:>6}\n", program.buffers.size(),
                 "name", "life", "type", "bytes", "copies");
  for (const Buffer& b : program.buffers)
    fmt::format_to(end_of(text), "  {:<44} {:>5} {:>6} {:>14} {:>6}\n", b.name, name_of(b.life),
                   ds::name_of(b.type), b.size.bound.value, b.copies);
}

void template_text(Text& text, const Program& program, const Template& body) {
  fmt::format_to(end_of(text), "\ntemplate {}: {} instructions\n", body.name, length_of(body));
  for (const Block& block : body.blocks) {
    if (block.times > 1) fmt::format_to(end_of(text), "  {} times:\n", block.times);
    std::int32_t i = block.body.first;
    for (const Instruction& instruction : program.instructions_of(block)) {
      fmt::format_to(end_of(text), "  {:>4} {:<9} {:<28}", i++, name_of(instruction.kind),
                     class_name(program, instruction));
      for_each_use(program, instruction,
                   [&](const Use& use) { fmt::format_to(end_of(text), " {}", use_text(program, use)); });
      fmt::format_to(end_of(text), "\n");
    }
  }
}

void class_text(Text& text, const Program& program, const RankClass& ranks) {
  const Coordinates at = program.grid.at(ranks.first);
  fmt::format_to(end_of(text), "\nclass of {} rank(s), first at tp {} cp {} dp {} pp {}\n", ranks.members,
                 at.tp, at.cp, at.dp, at.pp);
  fmt::format_to(end_of(text), "  slots:");
  for (std::size_t b = 0; b < ranks.slots.size(); ++b)
    if (ranks.slots[b] > 1)
      fmt::format_to(end_of(text), " {} {}", program.buffers_of(ranks)[b].name, ranks.slots[b]);
  fmt::format_to(end_of(text), "\n");
  for (const Phase& phase : ranks.phases) {
    fmt::format_to(end_of(text), "  {}:", name_of(phase.when));
    for (const Call& call : phase.calls) {
      fmt::format_to(end_of(text), " | {}", program.body(call).name);
      if (call.micro[0] >= 0) fmt::format_to(end_of(text), " {}", call.micro[0]);
      if (call.micro[1] >= 0) fmt::format_to(end_of(text), " {}", call.micro[1]);
    }
    fmt::format_to(end_of(text), "\n");
  }
}

}  // namespace

std::string class_name(const Program& program, const Instruction& instruction) {
  const std::span<const Operator> operators = program.operators_of(instruction);
  if (!operators.empty()) return ops::class_name(program.op(operators.front().op));
  if (computes(instruction.kind)) return "wait for a gradient";
  if (instruction.kind == Kind::launches) return "wait for the host";
  const std::string_view group = name_of(instruction.comm.group);
  if (instruction.kind != Kind::collective) return fmt::format("{} {}", group, name_of(instruction.kind));
  return fmt::format("{} {}", group, collective::name_of(instruction.comm.what));
}

std::string to_text(const Program& program) {
  Text text;
  fmt::format_to(end_of(text), "program {:016x}, {} micro-batches a step\n", program.hash,
                 program.micro_batches);
  fmt::format_to(end_of(text),
                 "operands: name reads, =name writes, +name adds; [m] the micro-batch's slot, [*] all slots, "
                 "@n at byte n of a bucket, <n+k> copy n + k in iteration k\n\n");
  buffers_text(text, program);
  for (const Template& body : program.templates) template_text(text, program, body);
  for (const RankClass& ranks : program.classes) class_text(text, program, ranks);
  return fmt::to_string(text);
}

}  // namespace ds::program
