// Rows become slices, messages arrows, and calls what lives in them.
#include "simulator/report/trace_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "simulator/memory/live_bytes.h"
#include "simulator/program/rows.h"

namespace ds::report {
namespace {

using program::Instruction;
using program::Kind;
using program::Row;

class TraceReader {
 public:
  TraceReader(const program::Program& program, const std::vector<Track>& tracks,
              const std::vector<std::int32_t>& ranks)
      : program_(program), tracks_(tracks), ranks_(ranks) {
    for (const Instruction& one : program.instructions)
      events_.names.push_back(program::class_name(program, one));
  }

  TraceEvents read() {
    for (std::size_t t = 0; t < tracks_.size(); ++t) read(t);
    std::ranges::stable_sort(events_.processes, {}, &TraceProcess::number);
    return std::move(events_);
  }

 private:
  /// Rows of one rank; `shown` is the rank, which may be alike to the one that the rows are of.
  struct Rank {
    std::int32_t shown{};
    std::vector<const Row*> rows;
  };

  const Instruction& instruction(const Row& row) const { return program::instruction_of(program_, row); }
  std::size_t lane(const Row& row) const { return program::index(instruction(row).lane); }
  /// Ranks one after the other, in each its timelines.
  std::int64_t process(std::size_t track, std::int32_t rank) const {
    return rank * std::ssize(tracks_) + static_cast<std::int64_t>(track);
  }
  std::int64_t nanoseconds(Seconds time) const { return std::llround((time - zero_).value * 1e9); }

  void read(std::size_t track) {
    const std::vector<Row>& rows = tracks_[track].timeline.rows;
    if (rows.empty()) return;
    zero_ = std::ranges::min_element(rows, {}, &Row::start)->start;
    const std::vector<Rank> ranks = shown(rows);
    for (const Rank& rank : ranks) {
      events_.processes.push_back(
          {process(track, rank.shown), fmt::format("{}: rank {}, stage {}", tracks_[track].name, rank.shown,
                                                   program_.grid.coordinate(program::Axis::pp, rank.shown))});
      add_lanes(track, rank);
      add_memory(track, rank);
    }
    add_arrows(track, ranks);
  }

  /// The ranks that are asked for, each with its own rows or those of one that does the same; all that have rows where none is.
  std::vector<Rank> shown(const std::vector<Row>& rows) const {
    std::map<std::int32_t, std::vector<const Row*>> of_rank;
    for (const Row& row : rows)
      if (instruction(row).operators.count > 0 || !program::computes(instruction(row).kind))
        of_rank[row.rank].push_back(&row);
    std::vector<Rank> all;
    for (const std::int32_t rank : ranks_) {
      auto found = of_rank.find(rank);
      if (found == of_rank.end())
        found = of_rank.find(program_.classes[program::class_of(program_, rank)].first);
      if (found != of_rank.end()) all.push_back({rank, found->second});
    }
    if (ranks_.empty())
      for (auto& [rank, list] : of_rank) all.push_back({rank, std::move(list)});
    return all;
  }

  void add_lanes(std::size_t track, const Rank& rank) {
    std::map<std::size_t, std::vector<const Row*>> lanes;
    for (const Row* row : rank.rows) lanes[lane(*row)].push_back(row);
    for (auto& [number, list] : lanes) {
      std::ranges::stable_sort(list, {}, [](const Row* row) { return row->start; });
      events_.lanes.push_back({process(track, rank.shown), number, lane_name(number, *list.front())});
      for (const Row* row : list)
        events_.slices.push_back({.process = process(track, rank.shown),
                                  .lane = number,
                                  .begin = nanoseconds(row->start),
                                  .end = nanoseconds(row->end),
                                  .name = events_.names[program::index(row->id)],
                                  .row = row,
                                  .category = program_.templates[program::index(row->body)].name});
    }
  }

  /// By what is done there first: a lane does one kind of thing.
  std::string lane_name(std::size_t lane, const Row& row) const {
    if (lane == 0) return "compute";
    if (instruction(row).kind == program::Kind::copy)
      return program_.lanes[lane].unit == program::Unit::copy_out ? "to the host" : "from the host";
    const std::string name = events_.names[program::index(row.id)];
    if (!program::is_message(instruction(row).kind)) return name.substr(0, name.find(' '));  // of the group
    return name + (program_.lanes[lane].direction > 0 ? ", forward" : ", backward");
  }

  /// In each call the most that lives at once, from when it begins to compute.
  void add_memory(std::size_t track, const Rank& rank) {
    const std::size_t c = program::class_of(program_, rank.shown);
    const auto [found, is_new] = live_.try_emplace(c);
    if (is_new) found->second = memory::live_bytes_of_calls(program_, c);
    std::map<std::int64_t, std::int64_t> bytes;  // by time
    std::pair<std::int32_t, std::int32_t> last{-1, -1};
    for (const Row* row : rank.rows) {
      if (lane(*row) != 0 || std::pair(row->step, row->call) == last) continue;
      last = {row->step, row->call};
      std::int64_t& now = bytes[nanoseconds(row->start)];
      now = std::max(now, found->second.at(static_cast<std::size_t>(row->call)).value);
    }
    for (const auto& [at, level] : bytes) events_.memory.push_back({process(track, rank.shown), at, level});
  }

  /// The k-th message that a rank sends another one along a pipeline is the k-th that this one receives. Of two stages each is
  /// the other's neighbour in both directions.
  void add_arrows(std::size_t track, const std::vector<Rank>& ranks) {
    using Channel = std::tuple<program::Group, std::int8_t, std::int32_t, std::int32_t>;  // shift, from, to
    struct Ends {
      std::vector<const Row*> sent, received;
    };
    std::map<Channel, Ends> channels;
    for (const Rank& rank : ranks)
      for (const Row* row : rank.rows) {
        const Instruction& one = instruction(*row);
        if (!program::is_message(one.kind)) continue;
        const bool sends = one.kind == Kind::send;
        const std::int32_t other =
            program_.grid.neighbour(one.comm.group, rank.shown, sends ? one.comm.shift : -one.comm.shift);
        Ends& ends = sends ? channels[{one.comm.group, one.comm.shift, rank.shown, other}]
                           : channels[{one.comm.group, one.comm.shift, other, rank.shown}];
        (sends ? ends.sent : ends.received).push_back(row);
      }
    for (auto& [channel, ends] : channels) {
      if (ends.sent.size() != ends.received.size()) continue;  // one end is not shown
      for (std::vector<const Row*>* const list : {&ends.sent, &ends.received})
        std::ranges::stable_sort(*list, {}, [](const Row* row) { return row->start; });
      const auto& [group, shift, from, to] = channel;
      // Where a send begins, and where a receive, which may have waited for long, is about to end.
      for (std::size_t k = 0; k < ends.sent.size(); ++k) {
        const Row &sent = *ends.sent[k], &received = *ends.received[k];
        const std::int64_t arrives = std::max(nanoseconds(received.start), nanoseconds(received.end) - 1);
        events_.arrows.push_back({{process(track, from), lane(sent), nanoseconds(sent.start)},
                                  {process(track, to), lane(received), arrives}});
      }
    }
  }

  const program::Program& program_;
  const std::vector<Track>& tracks_;
  const std::vector<std::int32_t>& ranks_;
  TraceEvents events_;
  Seconds zero_;  // of time: when the first instruction of the timeline begins
  std::map<std::size_t, std::vector<Bytes>> live_;  // by class
};

}  // namespace

TraceEvents trace_events(const program::Program& program, const std::vector<Track>& tracks,
                         const std::vector<std::int32_t>& ranks) {
  return TraceReader(program, tracks, ranks).read();
}

std::string trace(const program::Program& program, const std::vector<Track>& tracks,
                  const Provenance& provenance, TraceFormat format, const std::vector<std::int32_t>& ranks) {
  const TraceEvents events = trace_events(program, tracks, ranks);
  switch (format) {
    case TraceFormat::json: return as_json(events, provenance);
    case TraceFormat::perfetto: return as_protobuf(events, provenance);
  }
  return {};
}

}  // namespace ds::report
