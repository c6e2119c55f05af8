#pragma once
// What a trace shows, before it is written in anybody's format: processes (ranks), their lanes, slices, arrows from sends to
// receives, and the memory of each rank. Times are nanoseconds from 0; slices of one lane follow one another.

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/report/report.h"

namespace ds::report {

/// A rank of one of the timelines.
struct TraceProcess {
  std::int64_t number{};
  std::string name;
};

struct TraceLane {
  std::int64_t process{};
  std::size_t lane{};
  std::string name;
};

struct TraceSlice {
  std::int64_t process{};
  std::size_t lane{};
  std::int64_t begin{}, end{};
  std::string_view name;  // of TraceEvents::names
  const program::Row* row{};
  std::string_view category;  // the template
};

/// Ends lie within the slices of the send and of the receive.
struct TraceArrow {
  struct End {
    std::int64_t process{};
    std::size_t lane{};
    std::int64_t at{};
  };
  End from, to;
};

/// Bytes alive from there on.
struct TraceMemory {
  std::int64_t process{}, at{}, bytes{};
};

struct TraceEvents {
  std::vector<std::string> names;  // by instruction of the program
  std::vector<TraceProcess> processes;
  std::vector<TraceLane> lanes;
  std::vector<TraceSlice> slices;  // lane by lane, each in order
  std::vector<TraceArrow> arrows;
  std::vector<TraceMemory> memory;  // process by process, each in order
};

TraceEvents trace_events(const program::Program& program, const std::vector<Track>& tracks,
                         const std::vector<std::int32_t>& ranks);

/// As JSON, in one line.
std::string text_of(const Provenance& provenance);

/// Trace Event Format (Google, "Trace Event Format", JSON object form).
std::string as_json(const TraceEvents& events, const Provenance& provenance);
/// Perfetto's own (perfetto.dev, protos/perfetto/trace/trace_packet.proto): a third of the size, read some ten times as fast.
std::string as_protobuf(const TraceEvents& events, const Provenance& provenance);

}  // namespace ds::report
