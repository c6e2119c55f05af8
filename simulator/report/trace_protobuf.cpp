// A trace as Perfetto's packets. The few messages that it takes are written by hand; numbers of fields are those of
// perfetto.dev, protos/perfetto/trace: trace_packet.proto, track_event/track_event.proto, track_event/track_descriptor.proto.
#include <algorithm>
#include <map>
#include <tuple>

#include "simulator/report/trace_events.h"

namespace ds::report {
namespace {

/// A message of the wire format: fields one after the other (protobuf.dev, "Encoding").
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value) {
    varint(std::uint64_t{field} << 3U);
    varint(value);
    return *this;
  }
  Message& fixed64(std::uint32_t field, std::uint64_t value) {
    varint((std::uint64_t{field} << 3U) | 1U);
    for (unsigned shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>((value >> shift) & 0xffU);
    return *this;
  }
  Message& text(std::uint32_t field, std::string_view value) {
    varint((std::uint64_t{field} << 3U) | 2U);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(std::uint32_t field, const Message& inner) { return text(field, inner.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) bytes_ += static_cast<char>((value & 0x7fU) | 0x80U);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

constexpr std::uint32_t kPacket = 1;  // Trace
constexpr std::uint32_t kTimestamp = 8, kSequence = 10, kEvent = 11, kInterned = 12, kFlags = 13,
                        kDescriptor = 60;  // TracePacket
constexpr std::uint32_t kUuid = 1, kName = 2, kProcess = 3, kThread = 4, kParent = 5,
                        kCounter = 8;  // TrackDescriptor
constexpr std::uint32_t kAnnotation = 4, kType = 9, kNameId = 10, kTrack = 11, kCategory = 22, kValue = 30,
                        kFlow = 47, kFlowEnd = 48;                       // TrackEvent
constexpr std::uint64_t kBegin = 1, kEnd = 2, kInstant = 3, kCount = 4;  // TrackEvent.Type
constexpr std::uint64_t kCleared = 1, kNeeded = 2;                       // TracePacket.SequenceFlags
constexpr std::uint64_t kSizeBytes = 3;                                  // CounterDescriptor.Unit

class ProtobufTrace {
 public:
  /// Everything is one sequence of packets; names are sent once and then meant by their numbers.
  void describe(const TraceProcess& process) {
    Message inner;
    inner.number(1, pid(process.number)).text(6, process.name);
    Message track;
    track.number(kUuid, process_track(process.number)).message(kProcess, inner);
    packet(Message().message(kDescriptor, track));
    Message memory;
    memory.number(kUuid, memory_track(process.number)).number(kParent, process_track(process.number));
    memory.text(kName, "memory").message(kCounter, Message().number(3, kSizeBytes));
    packet(Message().message(kDescriptor, memory));
  }
  void describe(const TraceLane& lane) {
    Message thread;
    thread.number(1, pid(lane.process))
        .number(2, pid(lane.process) * kMostLanes + lane.lane)
        .text(5, lane.name);
    Message track;
    track.number(kUuid, lane_track(lane.process, lane.lane)).number(kParent, process_track(lane.process));
    packet(Message().message(kDescriptor, track.message(kThread, thread)));
  }
  void add(const TraceSlice& slice, const std::vector<std::uint64_t>& sent,
           const std::vector<std::uint64_t>& received) {
    Message event;
    event.number(kType, kBegin).number(kTrack, lane_track(slice.process, slice.lane));
    event.text(kCategory, slice.category);
    for (const auto& [name, value] : {std::pair("step", slice.row->step), std::pair("call", slice.row->call),
                                      std::pair("micro_batch", slice.row->micro)})
      event.message(kAnnotation,
                    Message().text(10, name).number(4, static_cast<std::uint64_t>(std::int64_t{value})));
    for (const std::uint64_t flow : sent) event.fixed64(kFlow, flow);
    for (const std::uint64_t flow : received) event.fixed64(kFlowEnd, flow);
    named(slice.begin, event, slice.name);
    Message end;
    end.number(kType, kEnd).number(kTrack, lane_track(slice.process, slice.lane));
    at(slice.end, end);
  }
  void add(const TraceMemory& memory) {
    Message event;
    event.number(kType, kCount).number(kTrack, memory_track(memory.process));
    at(memory.at, event.number(kValue, static_cast<std::uint64_t>(memory.bytes)));
  }
  /// Who wrote the file, as an event of its own.
  void about(const Provenance& provenance) {
    Message event;
    event.number(kType, kInstant).number(kTrack, 0).text(kCategory, "provenance");
    named(0, event, text_of(provenance));
  }
  std::string finish() { return std::move(bytes_); }

 private:
  static constexpr std::uint64_t kMostLanes = 256;
  /// Perfetto takes process 0 for the idle one.
  static std::uint64_t pid(std::int64_t process) { return static_cast<std::uint64_t>(process) + 1; }
  static std::uint64_t process_track(std::int64_t process) { return pid(process) * (kMostLanes + 2); }
  static std::uint64_t memory_track(std::int64_t process) { return process_track(process) + kMostLanes + 1; }
  static std::uint64_t lane_track(std::int64_t process, std::size_t lane) {
    return process_track(process) + 1 + lane;
  }

  void packet(Message content) {
    content.number(kSequence, 1).number(kFlags, first_ ? kCleared | kNeeded : kNeeded);
    first_ = false;
    bytes_ += Message().message(kPacket, content).bytes();
  }
  void at(std::int64_t time, const Message& event) {
    packet(Message().number(kTimestamp, static_cast<std::uint64_t>(time)).message(kEvent, event));
  }
  void named(std::int64_t time, Message event, std::string_view name) {
    const auto [found, is_new] = names_.try_emplace(std::string(name), names_.size() + 1);
    Message content;
    content.number(kTimestamp, static_cast<std::uint64_t>(time))
        .message(kEvent, event.number(kNameId, found->second));
    if (is_new)  // InternedData.event_names
      content.message(kInterned, Message().message(2, Message().number(1, found->second).text(2, name)));
    packet(std::move(content));
  }

  std::string bytes_;
  bool first_{true};
  std::map<std::string, std::uint64_t> names_;
};

/// Flows by the slice in which an end lies: (process, lane, time of it).
using Flows =
    std::map<std::pair<std::int64_t, std::size_t>, std::vector<std::pair<std::int64_t, std::uint64_t>>>;

Flows sorted(Flows flows) {
  for (auto& [lane, list] : flows) std::ranges::sort(list);
  return flows;
}

std::vector<std::uint64_t> within(const Flows& flows, const TraceSlice& slice) {
  std::vector<std::uint64_t> found;
  const auto lane = flows.find({slice.process, slice.lane});
  if (lane == flows.end()) return found;
  auto next = std::ranges::lower_bound(lane->second, std::pair(slice.begin, std::uint64_t{0}));
  for (; next != lane->second.end() && next->first < std::max(slice.end, slice.begin + 1); ++next)
    found.push_back(next->second);
  return found;
}

}  // namespace

std::string as_protobuf(const TraceEvents& events, const Provenance& provenance) {
  ProtobufTrace trace;
  for (const TraceProcess& process : events.processes) trace.describe(process);
  for (const TraceLane& lane : events.lanes) trace.describe(lane);
  trace.about(provenance);
  Flows sent, received;
  for (std::size_t a = 0; a < events.arrows.size(); ++a) {
    const TraceArrow& arrow = events.arrows[a];
    sent[{arrow.from.process, arrow.from.lane}].emplace_back(arrow.from.at, a + 1);
    received[{arrow.to.process, arrow.to.lane}].emplace_back(arrow.to.at, a + 1);
  }
  sent = sorted(std::move(sent)), received = sorted(std::move(received));
  for (const TraceSlice& slice : events.slices)
    trace.add(slice, within(sent, slice), within(received, slice));
  for (const TraceMemory& memory : events.memory) trace.add(memory);
  return trace.finish();
}

}  // namespace ds::report
