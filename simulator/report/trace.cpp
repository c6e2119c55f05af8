// Trace Event Format (Google, "Trace Event Format", JSON object form), which Perfetto reads. Complete events only, so
// nothing overlaps on a track; microseconds.
#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "simulator/program/rows.h"
#include "simulator/report/report.h"

namespace ds::report {
namespace {

constexpr double kMicro = 1e6;

void metadata(fmt::memory_buffer& text, std::size_t process, const std::string& name) {
  fmt::format_to(
      std::back_inserter(text),
      "{{\"ph\":\"M\",\"pid\":{},\"tid\":0,\"name\":\"process_name\",\"args\":{{\"name\":{}}}}},\n", process,
      nlohmann::json(name).dump());
}

void event(fmt::memory_buffer& text, const program::Program& program, std::size_t process,
           const program::Row& row) {
  const program::Template& body = program.templates[program::index(row.body)];
  const std::string name = program::class_name(program, program::instruction_of(program, row));
  fmt::format_to(
      std::back_inserter(text),
      "{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{:.3f},\"dur\":{:.3f},\"name\":\"{}\",\"cat\":\"{}\","
      "\"args\":{{\"step\":{},\"call\":{},\"instruction\":{},\"micro_batch\":{}}}}},\n",
      process, row.rank, row.start.value * kMicro, (row.end - row.start).value * kMicro, name, body.name,
      row.step, row.call, row.instruction, row.micro);
}

}  // namespace

std::string trace(const program::Program& program, const std::vector<Track>& tracks,
                  const Provenance& provenance) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text),
                 "{{\"displayTimeUnit\":\"ms\",\"schema\":\"ds-trace-1\",\"provenance\":{},\n"
                 "\"traceEvents\":[\n",
                 to_json(provenance).dump());
  for (std::size_t t = 0; t < tracks.size(); ++t) {
    metadata(text, t, tracks[t].name);
    for (const program::Row& row : tracks[t].timeline.rows) event(text, program, t, row);
  }
  // The list ends with an event that says nothing, since JSON allows no comma at the end.
  fmt::format_to(std::back_inserter(text),
                 "{{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"process_sort_index\","
                 "\"args\":{{\"sort_index\":0}}}}\n]}}\n");
  return fmt::to_string(text);
}

}  // namespace ds::report
