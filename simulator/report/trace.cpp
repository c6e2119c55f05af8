// Trace Event Format (Google, "Trace Event Format", JSON object form), which Perfetto reads: a process for each rank of a
// timeline, in it a track for each lane, and arrows from sends to their receives. A track's slices never overlap: begin and end
// are rounded to nanoseconds, not lengths, so neighbours stay neighbours.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "simulator/program/rows.h"
#include "simulator/report/report.h"

namespace ds::report {
namespace {

using program::Instruction;
using program::Kind;
using program::Row;

/// Of time 0: when the first instruction that is shown begins.
std::int64_t nanoseconds(Seconds time, Seconds zero) { return std::llround((time - zero).value * 1e9); }

/// In microseconds, as the format has it.
std::string micro(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

class TraceWriter {
 public:
  TraceWriter(const program::Program& program, const std::vector<Track>& tracks)
      : program_(program), tracks_(tracks) {}

  std::string write(const Provenance& provenance) {
    fmt::format_to(out(),
                   "{{\"displayTimeUnit\":\"ms\",\"schema\":\"ds-trace-1\",\"provenance\":{},\n"
                   "\"traceEvents\":[\n",
                   to_json(provenance).dump());
    for (std::size_t t = 0; t < tracks_.size(); ++t) write(t);
    // The list ends with an event that says nothing, since JSON allows no comma at the end.
    fmt::format_to(out(),
                   "{{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"process_labels\","
                   "\"args\":{{\"labels\":\"\"}}}}\n]}}\n");
    return fmt::to_string(text_);
  }

 private:
  std::back_insert_iterator<fmt::memory_buffer> out() { return std::back_inserter(text_); }
  const Instruction& instruction(const Row& row) const { return program::instruction_of(program_, row); }
  /// Ranks one after the other, in each its timelines.
  std::int64_t process(std::size_t track, std::int32_t rank) const {
    return rank * std::ssize(tracks_) + static_cast<std::int64_t>(track);
  }
  std::size_t lane(const Row& row) const { return program::index(instruction(row).lane); }

  void write(std::size_t track) {
    const std::vector<Row>& rows = tracks_[track].timeline.rows;
    if (rows.empty()) return;
    const Seconds zero = std::ranges::min_element(rows, {}, &Row::start)->start;
    std::set<std::int32_t> ranks;
    std::map<std::pair<std::int32_t, std::size_t>, const Row*> first;  // by rank and lane
    for (const Row& row : rows) {
      ranks.insert(row.rank);
      first.try_emplace({row.rank, lane(row)}, &row);
    }
    for (const std::int32_t rank : ranks) name_process(track, rank);
    for (const auto& [where, row] : first) name_lane(track, where.first, where.second, *row);
    for (const Row& row : rows) slice(track, row, zero);
    arrows(track, rows, zero);
  }

  void name_process(std::size_t track, std::int32_t rank) {
    const std::string name = fmt::format("{}: rank {}, stage {}", tracks_[track].name, rank,
                                         program_.grid.coordinate(program::Axis::pp, rank));
    metadata(process(track, rank), 0, "process_name", "name", nlohmann::json(name).dump());
    metadata(process(track, rank), 0, "process_sort_index", "sort_index",
             fmt::format("{}", process(track, rank)));
  }

  /// By what is done there first: a lane does one kind of thing.
  void name_lane(std::size_t track, std::int32_t rank, std::size_t lane, const Row& row) {
    const Instruction& one = instruction(row);
    std::string name = "compute";
    if (lane > 0) {
      name = program::class_name(program_, one);
      if (program::is_message(one.kind))
        name += program_.lanes[lane].direction > 0 ? ", forward" : ", backward";
      else
        name = name.substr(0, name.find(' '));  // of the group
    }
    metadata(process(track, rank), lane, "thread_name", "name", nlohmann::json(name).dump());
    metadata(process(track, rank), lane, "thread_sort_index", "sort_index", fmt::format("{}", lane));
  }

  void metadata(std::int64_t process, std::size_t thread, const char* what, const char* key,
                const std::string& value) {
    fmt::format_to(out(), "{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"{}\",\"args\":{{\"{}\":{}}}}},\n",
                   process, thread, what, key, value);
  }

  void slice(std::size_t track, const Row& row, Seconds zero) {
    const program::Template& body = program_.templates[program::index(row.body)];
    const std::int64_t begin = nanoseconds(row.start, zero), end = nanoseconds(row.end, zero);
    fmt::format_to(out(),
                   "{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{},\"name\":\"{}\",\"cat\":\"{}\","
                   "\"args\":{{\"step\":{},\"call\":{},\"instruction\":{},\"micro_batch\":{}}}}},\n",
                   process(track, row.rank), lane(row), micro(begin), micro(end - begin),
                   program::class_name(program_, instruction(row)), body.name, row.step, row.call,
                   row.instruction, row.micro);
  }

  /// The k-th message that a rank sends another one along a pipeline is the k-th that this one receives.
  void arrows(std::size_t track, const std::vector<Row>& rows, Seconds zero) {
    using Channel = std::tuple<program::Group, std::int32_t, std::int32_t>;  // from, to
    struct Ends {
      std::vector<const Row*> sent, received;
    };
    std::map<Channel, Ends> channels;
    for (const Row& row : rows) {
      const Instruction& one = instruction(row);
      if (!program::is_message(one.kind)) continue;
      const bool sends = one.kind == Kind::send;
      const std::int32_t other =
          program_.grid.neighbour(one.comm.group, row.rank, sends ? one.comm.shift : -one.comm.shift);
      Ends& ends =
          sends ? channels[{one.comm.group, row.rank, other}] : channels[{one.comm.group, other, row.rank}];
      (sends ? ends.sent : ends.received).push_back(&row);
    }
    for (auto& [channel, ends] : channels) {
      if (ends.sent.size() != ends.received.size()) continue;  // one end is not shown
      for (std::vector<const Row*>* const list : {&ends.sent, &ends.received})
        std::ranges::stable_sort(*list, {}, [](const Row* row) { return row->start; });
      for (std::size_t k = 0; k < ends.sent.size(); ++k) {
        arrow_end('s', track, *ends.sent[k], zero);
        arrow_end('f', track, *ends.received[k], zero);
        ++arrow_;
      }
    }
  }

  /// Within the slice that it belongs to: where a send begins, and where a receive, which may have waited for long, is about to
  /// end.
  void arrow_end(char phase, std::size_t track, const Row& row, Seconds zero) {
    const std::int64_t begin = nanoseconds(row.start, zero), end = nanoseconds(row.end, zero);
    fmt::format_to(out(),
                   "{{\"ph\":\"{}\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{},\"name\":\"message\",\"cat\":"
                   "\"message\"{}}},\n",
                   phase, arrow_, process(track, row.rank), lane(row),
                   micro(phase == 's' ? begin : std::max(begin, end - 1)),
                   phase == 'f' ? R"(,"bp":"e")" : "");
  }

  const program::Program& program_;
  const std::vector<Track>& tracks_;
  fmt::memory_buffer text_;
  std::int64_t arrow_{0};
};

}  // namespace

std::string trace(const program::Program& program, const std::vector<Track>& tracks,
                  const Provenance& provenance) {
  return TraceWriter(program, tracks).write(provenance);
}

}  // namespace ds::report
