// The encoding of what a rank leaves in its mailbox: every field once, for both ways.
#include "executor/ranks/rank_result.h"

#include <cstdint>

#include "executor/ranks/coding.h"
#include "simulator/base/error.h"

namespace ds::executor {
namespace {

constexpr std::uint64_t kMagic = 0x31'6c'69'61'6d'73'64;  // "dsmail1"

/// Every field once, in one order for both ways.
template <class Coder, class Result>
void code(Coder& coder, Result& result) {
  coder.list(result.steps);
  coder.value(result.held_back_before);
  coder.value(result.held_back_after);
  coder.value(result.arena);
  coder.value(result.resident);
  coder.value(result.stopped);
}

template <class Coder, class Step>
void code_step(Coder& coder, Step& step) {
  coder.value(step.step);
  coder.value(step.begin);
  for (auto* timeline : {&step.wall, &step.cpu}) {
    coder.list(timeline->rows);
    coder.value(timeline->length);
  }
}

}  // namespace

std::vector<std::byte> encode(const RankResult& result) {
  ensure(result.result.measured.size() <= 1, "one measured step stands for all");
  Writer writer;
  writer.value(kMagic);
  code(writer, result.result);
  writer.value(!result.result.measured.empty());
  if (!result.result.measured.empty()) code_step(writer, result.result.measured.front());
  writer.value(result.error.has_value());
  if (result.error) {
    writer.value(result.error->status);
    writer.list(result.error->message);
  }
  return writer.take();
}

RankResult decode(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  std::uint64_t magic = 0;
  reader.value(magic);
  if (magic != kMagic) throw MachineError("a rank's result is not one of this version");
  RankResult result;
  code(reader, result.result);
  bool there = false;
  reader.value(there);
  if (there) code_step(reader, result.result.measured.emplace_back());
  reader.value(there);
  if (there) {
    reader.value(result.error.emplace().status);
    reader.list(result.error->message);
  }
  reader.end();
  return result;
}

}  // namespace ds::executor
