// A trace as JSON: begin and end are rounded to nanoseconds, not lengths, so neighbours stay neighbours.
#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "simulator/report/trace_events.h"

namespace ds::report {
namespace {

/// In microseconds, as the format has it.
std::string micro(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

std::string in_quotes(std::string_view text) { return nlohmann::json(text).dump(); }

class JsonTrace {
 public:
  explicit JsonTrace(const Provenance& provenance) {
    fmt::format_to(out(),
                   "{{\"displayTimeUnit\":\"ms\",\"schema\":\"ds-trace-1\",\"provenance\":{},\n"
                   "\"traceEvents\":[\n",
                   text_of(provenance));
  }

  std::string finish() {
    // The list ends with an event that says nothing, since JSON allows no comma at the end.
    fmt::format_to(out(),
                   "{{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"process_labels\","
                   "\"args\":{{\"labels\":\"\"}}}}\n]}}\n");
    return fmt::to_string(text_);
  }

  void add(const TraceProcess& process) {
    metadata(process.number, 0, "process_name", "name", in_quotes(process.name));
    metadata(process.number, 0, "process_sort_index", "sort_index", fmt::format("{}", process.number));
  }
  void add(const TraceLane& lane) {
    metadata(lane.process, lane.lane, "thread_name", "name", in_quotes(lane.name));
    metadata(lane.process, lane.lane, "thread_sort_index", "sort_index", fmt::format("{}", lane.lane));
  }
  void add(const TraceSlice& slice) {
    fmt::format_to(out(),
                   "{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{},\"name\":\"{}\",\"cat\":\"{}\","
                   "\"args\":{{\"step\":{},\"call\":{},\"instruction\":{},\"micro_batch\":{}}}}},\n",
                   slice.process, slice.lane, micro(slice.begin), micro(slice.end - slice.begin), slice.name,
                   slice.category, slice.row->step, slice.row->call, slice.row->instruction,
                   slice.row->micro);
  }
  void add(const TraceArrow& arrow) {
    arrow_end('s', arrow.from, "");
    arrow_end('f', arrow.to, R"(,"bp":"e")");
    ++arrow_;
  }
  void add(const TraceMemory& memory) {
    fmt::format_to(out(),
                   "{{\"ph\":\"C\",\"pid\":{},\"ts\":{},\"name\":\"memory\",\"args\":{{\"bytes\":{}}}}},\n",
                   memory.process, micro(memory.at), memory.bytes);
  }

 private:
  std::back_insert_iterator<fmt::memory_buffer> out() { return std::back_inserter(text_); }

  void metadata(std::int64_t process, std::size_t thread, const char* what, const char* key,
                const std::string& value) {
    fmt::format_to(out(), "{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"{}\",\"args\":{{\"{}\":{}}}}},\n",
                   process, thread, what, key, value);
  }
  void arrow_end(char phase, const TraceArrow::End& end, const char* more) {
    fmt::format_to(out(),
                   "{{\"ph\":\"{}\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{},\"name\":\"message\",\"cat\":"
                   "\"message\"{}}},\n",
                   phase, arrow_, end.process, end.lane, micro(end.at), more);
  }

  fmt::memory_buffer text_;
  std::int64_t arrow_{0};
};

}  // namespace

std::string text_of(const Provenance& provenance) { return to_json(provenance).dump(); }

std::string as_json(const TraceEvents& events, const Provenance& provenance) {
  JsonTrace trace(provenance);
  const auto add = [&](const auto& list) {
    for (const auto& one : list) trace.add(one);
  };
  add(events.processes), add(events.lanes), add(events.slices), add(events.arrows), add(events.memory);
  return trace.finish();
}

}  // namespace ds::report
