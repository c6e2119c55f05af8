// The rules of a trace, over random plans: what a viewer would drop, or draw wrongly, never stands in one.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "simulator/report/report.h"
#include "tests/simulator/engine/random_plans.h"
#include "tests/support/sanitizer.h"

namespace ds::report {
namespace {

using Json = nlohmann::json;
using engine::Durations;

struct Slice {
  double begin{}, end{};
};
using Lane = std::pair<std::int64_t, std::int64_t>;  // process, thread

/// A trace as a viewer takes it in, in nanoseconds.
struct Shown {
  std::map<std::int64_t, std::string> processes;
  std::map<Lane, std::string> lanes;
  std::map<Lane, std::vector<Slice>> slices;
  std::map<std::int64_t,
           std::pair<std::optional<std::pair<Lane, double>>, std::optional<std::pair<Lane, double>>>>
      arrows;
  std::map<std::int64_t, std::vector<std::pair<double, std::int64_t>>> memory;
};

Shown shown(const std::string& text) {
  Shown result;
  const Json file = Json::parse(text);
  for (const Json& event : file["traceEvents"]) {
    const std::string phase = event["ph"];
    const Lane lane{event["pid"], event.value("tid", 0)};
    const auto at = [&](const char* key) { return std::round(event[key].get<double>() * 1000); };
    if (phase == "M" && event["name"] == "process_name") result.processes[lane.first] = event["args"]["name"];
    if (phase == "M" && event["name"] == "thread_name") result.lanes[lane] = event["args"]["name"];
    if (phase == "X") result.slices[lane].push_back({at("ts"), at("ts") + at("dur")});
    if (phase == "s") result.arrows[event["id"]].first = {lane, at("ts")};
    if (phase == "f") result.arrows[event["id"]].second = {lane, at("ts")};
    if (phase == "C") result.memory[lane.first].emplace_back(at("ts"), event["args"]["bytes"]);
  }
  return result;
}

bool inside(const Shown& trace, const std::pair<Lane, double>& end) {
  const auto lane = trace.slices.find(end.first);
  return lane != trace.slices.end() && std::ranges::any_of(lane->second, [&](const Slice& slice) {
           return slice.begin <= end.second && end.second <= slice.end;
         });
}

void expect_rules(const Shown& trace) {
  std::set<std::string> names;
  for (const auto& [number, name] : trace.processes) EXPECT_TRUE(names.insert(name).second) << name;
  for (const auto& [lane, slices] : trace.slices) {
    EXPECT_TRUE(trace.processes.contains(lane.first));
    ASSERT_TRUE(trace.lanes.contains(lane));
    EXPECT_FALSE(trace.lanes.at(lane).empty());
    EXPECT_FALSE(std::isdigit(trace.lanes.at(lane).front())) << "a lane has a name: " << trace.lanes.at(lane);
    double end = 0;
    for (const Slice& slice : slices) {
      EXPECT_GE(slice.begin, end) << "slices of a lane follow one another";
      EXPECT_GE(slice.end, slice.begin);
      end = slice.end;
    }
  }
  for (const auto& [id, ends] : trace.arrows) {
    ASSERT_TRUE(ends.first && ends.second);
    EXPECT_TRUE(inside(trace, *ends.first) && inside(trace, *ends.second));
    EXPECT_LE(ends.first->second, ends.second->second) << "what is received was sent before";
  }
  EXPECT_EQ(trace.memory.size(), trace.processes.size());
  for (const auto& [process, points] : trace.memory) {
    double before = -1;
    for (const auto& [at, bytes] : points) {
      EXPECT_GT(at, before);
      EXPECT_GT(bytes, 0);
      before = at;
    }
  }
}

struct World {
  program::Program program;
  engine::Played played;
};

template <class Law>
void for_each_plan(int count, Law&& law) {
  for (std::uint64_t seed = 0; count > 0; ++seed) {
    engine::Draw draw(seed);
    const workload::Job job = engine::job_of(engine::random_plan(draw));
    if (workload::first_violation(job)) continue;
    --count;
    SCOPED_TRACE(seed);
    program::Program program = program::lower(job);
    const Durations durations = engine::random_durations(draw, program, 0.05, 0.5);
    engine::Played played = engine::play(program, durations, {.rows = engine::Rows::all});
    law(World{std::move(program), std::move(played)});
  }
}

TEST(Trace, KeepsTheRulesOfItsViewer) {
  std::size_t arrows = 0;
  for_each_plan(support::fewer(60), [&](const World& world) {
    const Shown trace = shown(report::trace(world.program, {{"predicted", world.played.timeline}}, {}));
    EXPECT_EQ(trace.processes.size(), world.program.classes.size());
    expect_rules(trace);
    arrows += trace.arrows.size();
  });
  EXPECT_GT(arrows, support::fewer(100U));
}

/// Of ranks that do the same, one has been played; any of them can be shown.
TEST(Trace, ShowsTheRanksThatAreAskedFor) {
  for_each_plan(support::fewer(20), [](const World& world) {
    const std::int32_t last = world.program.grid.ranks() - 1;
    const std::vector<std::int32_t> asked = last > 0 ? std::vector{0, last} : std::vector{0};
    const Shown trace = shown(
        report::trace(world.program, {{"predicted", world.played.timeline}}, {}, TraceFormat::json, asked));
    ASSERT_EQ(trace.processes.size(), asked.size());
    EXPECT_NE(trace.processes.rbegin()->second.find("rank " + std::to_string(last)), std::string::npos);
    expect_rules(trace);
  });
}

/// A reader of the wire format, by the encoding's own page: calls fn(field, number, bytes) for each field of a message.
template <class Fn>
void for_each_field(std::string_view message, Fn&& fn) {
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(0));
      message.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
  };
  while (!message.empty()) {
    const std::uint64_t key = varint();
    std::uint64_t number = 0;
    std::string_view bytes;
    switch (key & 7U) {
      case 0: number = varint(); break;
      case 1:
        for (unsigned i = 0; i < 8; ++i)
          number |= static_cast<std::uint64_t>(static_cast<unsigned char>(message.at(i))) << (8 * i);
        message.remove_prefix(8);
        break;
      case 2: {
        const std::uint64_t length = varint();
        bytes = message.substr(0, length);
        ASSERT_EQ(bytes.size(), length);
        message.remove_prefix(length);
        break;
      }
      default: FAIL() << "no such wire type";
    }
    fn(key >> 3U, number, bytes);
  }
}

/// Fields as in perfetto.dev, protos/perfetto/trace: packets with a time (8) and an event (11) of a track (11 of it).
TEST(Trace, IsTheSameInPerfettosOwnFormat) {
  for_each_plan(support::fewer(20), [](const World& world) {
    const std::vector<Track> tracks{{"predicted", world.played.timeline}};
    const Shown json = shown(report::trace(world.program, tracks, {}));
    std::size_t slices = 0, begun = 0, ended = 0, counts = 0, flows = 0, landed = 0, described = 0;
    std::map<std::uint64_t, std::uint64_t> time_of, depth_of;  // by track
    for_each_field(
        report::trace(world.program, tracks, {}, TraceFormat::perfetto),
        [&](std::uint64_t packet, std::uint64_t, std::string_view content) {
          ASSERT_EQ(packet, 1U);
          std::uint64_t time = 0, track = 0, type = 0;
          for_each_field(content, [&](std::uint64_t field, std::uint64_t number, std::string_view inner) {
            if (field == 8) time = number;
            if (field == 60) ++described;
            if (field != 11) return;
            for_each_field(inner, [&](std::uint64_t one, std::uint64_t value, std::string_view) {
              if (one == 9) type = value;
              if (one == 11) track = value;
              flows += one == 47 ? 1 : 0, landed += one == 48 ? 1 : 0;
            });
          });
          if (type == 0 || track == 0) return;
          EXPECT_GE(time, time_of[track]);
          time_of[track] = time;
          begun += type == 1 ? 1 : 0, ended += type == 2 ? 1 : 0, counts += type == 4 ? 1 : 0;
          if (type == 1) {
            EXPECT_EQ(depth_of[track]++, 0U) << "slices of a lane do not nest";
          }
          if (type == 2) {
            EXPECT_EQ(--depth_of[track], 0U);
          }
        });
    for (const auto& [lane, list] : json.slices) slices += list.size();
    std::size_t memory = 0;
    for (const auto& [process, list] : json.memory) memory += list.size();
    EXPECT_EQ(begun, slices);
    EXPECT_EQ(ended, slices);
    EXPECT_EQ(counts, memory);
    EXPECT_EQ(described, 2 * json.processes.size() + json.lanes.size());
    EXPECT_EQ(flows, json.arrows.size());
    EXPECT_EQ(landed, json.arrows.size());
  });
}

}  // namespace
}  // namespace ds::report
