// ds-sim as people and scripts meet it: reports, traces, lists, and what it says to a wrong command line.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/cli/e2e/world.h"

namespace ds::e2e {
namespace {

using Json = nlohmann::json;

constexpr double kExact = 1e-9;  // relative

/// What is the same in all jobs here; `changes` are --set words.
struct Variant {
  const char* name;
  Words changes;
};
const Variant kVariants[] = {
    {"gpt", {}},
    {"llama", {"model=llama-3m"}},
    {"a micro-batch of one", {"plan.micro_batch=1"}},
    {"one micro-batch", {"plan.micro_batch=8"}},
    {"recompute", {"plan.recompute=full"}},
    {"llama, recompute, gpipe", {"model=llama-3m", "plan.recompute=full", "plan.schedule=gpipe"}},
    {"fp64", {"plan.precision=fp64"}},
    {"llama, fp64, unfused", {"model=llama-3m", "plan.precision=fp64", "plan.attention=unfused"}},
    {"unfused", {"plan.attention=unfused", "plan.recompute=full"}},
    {"gpipe", {"plan.schedule=gpipe"}},
    {"a whole run", {"train.tokens=1e9", "prices.gpu_hour_usd=2"}},
    {"failures",
     {"train.tokens=1e9", "simulate.failures.per_node_day=0.1", "simulate.failures.checkpoint_write_s=1"}},
    {"odd sizes", {"train.sequence_length=77", "train.global_batch=9", "plan.micro_batch=3"}},
};

/// No null either: it is what the JSON library writes for what is not finite.
void expect_finite(const Json& json, const std::string& where) {
  EXPECT_FALSE(json.is_null()) << where;
  EXPECT_TRUE(!json.is_number() || std::isfinite(json.get<double>())) << where;
  if (json.is_structured())
    for (const auto& [key, value] : json.items()) expect_finite(value, fmt::format("{}.{}", where, key));
}

double sum(const Json& parts) {
  double total = 0;
  for (const auto& part : parts) total += part.get<double>();
  return total;
}

void expect_to_add_up(const Json& report) {
  const double step = report["step_time_s"];
  const Json& memory = report["memory"];
  EXPECT_NEAR(sum(report["time_s"]), step, kExact * step);
  EXPECT_EQ(sum(memory["per_stage"][0]), memory["peak_bytes"]);
  EXPECT_EQ(memory["fits"], memory["peak_bytes"] <= memory["capacity_bytes"]);
  EXPECT_GE(report["hfu"], report["mfu"]);
  EXPECT_LE(report["step_time_interval_s"][0], step);
  EXPECT_GE(report["step_time_interval_s"][1], step);
  double classes = 0;
  for (const Json& c : report["classes"]) classes += c["predicted_s"].get<double>();
  EXPECT_NEAR(classes, step, kExact * step);  // one rank never waits
}

struct Interval {
  double start_us{}, end_us{};
};

/// Complete events by process and thread, ordered by start.
std::map<std::pair<int, int>, std::vector<Interval>> tracks(const Json& trace) {
  std::map<std::pair<int, int>, std::vector<Interval>> result;
  for (const Json& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const double start = event["ts"], length = event["dur"];
    EXPECT_GE(length, 0);
    result[{event["pid"], event["tid"]}].push_back({start, start + length});
  }
  for (auto& [track, intervals] : result) std::ranges::stable_sort(intervals, {}, &Interval::start_us);
  return result;
}

class Sim : public World {
 protected:
  std::string job() const {
    return write("job.json", R"({"model":"gpt-3m","cluster":{"node":"localhost","nodes":1},)"
                             R"("train":{"sequence_length":128,"global_batch":8},"plan":{"micro_batch":4}})");
  }
  Words words(const Variant& variant, const Words& more) const {
    Words all{"run", job()};
    for (const std::string& change : variant.changes) all.insert(all.end(), {"--set", change});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Json report(const Variant& variant, const Words& more = {}) const {
    Words all = words(variant, {"--report", "-"});
    all.insert(all.end(), more.begin(), more.end());
    const Ended ended = sim(all);
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(ended.err, "");
    EXPECT_EQ(schema_faults("report", ended.out), "");
    return Json::parse(ended.out);
  }
};

TEST_F(Sim, ReportsKeepTheSchemaAndAddUp) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name);
    const Json r = report(variant);
    expect_finite(r, "report");
    expect_to_add_up(r);
  }
}

TEST_F(Sim, RecomputingCostsTimeAndHfuButNotMfu) {
  const Json plain = report(kVariants[0]), again = report({"", {"plan.recompute=full"}});
  EXPECT_EQ(plain["hfu"], plain["mfu"]);
  EXPECT_GT(again["hfu"], again["mfu"]);
  EXPECT_GT(again["step_time_s"], plain["step_time_s"]);
  EXPECT_LT(again["memory"]["peak_bytes"], plain["memory"]["peak_bytes"]);
}

TEST_F(Sim, BothDepthsAgree) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name);
    const Json analytic = report(variant, {"--depth", "analytic"}),
               event = report(variant, {"--depth", "event"});
    EXPECT_EQ(analytic["depth"], "analytic");
    EXPECT_EQ(event["depth"], "event");
    EXPECT_EQ(analytic["memory"]["peak_bytes"], event["memory"]["peak_bytes"]);
    const double step = event["step_time_s"];
    EXPECT_NEAR(analytic["step_time_s"], step, kExact * step);
    for (const auto& [part, seconds] : event["time_s"].items())
      EXPECT_NEAR(analytic["time_s"][part], seconds.get<double>(), kExact * step) << part;
  }
}

TEST_F(Sim, EqualQuestionsGiveEqualBytes) {
  for (const Variant& variant : kVariants) {
    const Words words = this->words(variant, {"--report", path("r.json"), "-q"});
    ASSERT_EQ(sim(words).status, 0);
    const std::string first = read(path("r.json"));
    ASSERT_EQ(sim(words, {.environment = {"LC_ALL=de_DE.UTF-8", "TZ=Asia/Tokyo"}}).status, 0);
    EXPECT_EQ(read(path("r.json")), first) << variant.name;
  }
}

TEST_F(Sim, QuietMeansThatNothingIsPrinted) {
  const Ended ended = sim(words(kVariants[0], {"-q", "--report", path("r.json")}));
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out + ended.err, "");
  EXPECT_TRUE(std::filesystem::exists(path("r.json")));
}

TEST_F(Sim, APlanThatDoesNotFitIsAnHonestNoWithAReport) {
  const Ended ended = sim(words({"",
                                 {"model={\"family\":\"gpt\",\"layers\":64,\"hidden\":65536,\"heads\":64,"
                                  "\"ffn_hidden\":262144,\"vocab\":256}"}},
                                {"--report", path("r.json")}));
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_NE(ended.out.find("does not fit"), std::string::npos);
  EXPECT_EQ(schema_faults("report", read(path("r.json"))), "");
  EXPECT_EQ(Json::parse(read(path("r.json")))["memory"]["fits"], false);
}

TEST_F(Sim, TraceEventsOfATrackNeverOverlap) {
  for (const Variant& variant : {kVariants[0], kVariants[5]}) {
    const Ended ended =
        sim(words(variant, {"--depth", "event", "--trace", path("t.json"), "--report", path("r.json")}));
    ASSERT_EQ(ended.status, 0) << ended.err;
    const Json trace = Json::parse(read(path("t.json")));
    EXPECT_TRUE(trace.contains("schema") && trace.contains("provenance"));
    const auto all = tracks(trace);
    ASSERT_EQ(all.size(), 1U);
    double last = 0;
    for (const auto& [start, end] : all.begin()->second) {
      EXPECT_GE(std::llround(start * 1e3), std::llround(last * 1e3));
      last = end;
    }
    const double step_us = Json::parse(read(path("r.json")))["step_time_s"].get<double>() * 1e6;
    EXPECT_NEAR(last, step_us, 1e-6 * step_us + 0.01);
  }
}

/// What a viewer of a trace shows beside its slices.
struct Named {
  std::set<std::string> ranks, lanes;
  std::set<std::pair<int, int>> tracks;
};
Named names_of(const Json& trace) {
  Named named;
  for (const Json& event : trace["traceEvents"]) {
    if (event["ph"] != "M" || !event["args"].contains("name")) continue;
    const auto name = event["args"]["name"].get<std::string>();
    if (event["name"] == "process_name") named.ranks.insert(name);
    if (event["name"] != "thread_name") continue;
    named.lanes.insert(name);
    named.tracks.insert({event["pid"].get<int>(), event["tid"].get<int>()});
  }
  return named;
}

/// How many arrows a trace has; they go forward in time.
std::size_t expect_arrows(const Json& trace) {
  std::map<std::int64_t, double> sent, received;
  for (const Json& event : trace["traceEvents"]) {
    if (event["ph"] == "s") sent[event["id"].get<std::int64_t>()] = event["ts"].get<double>();
    if (event["ph"] == "f") received[event["id"].get<std::int64_t>()] = event["ts"].get<double>();
  }
  EXPECT_EQ(received.size(), sent.size());
  for (const auto& [id, time] : received) EXPECT_GE(time + 1e-3, sent.at(id));
  return received.size();
}

void expect_order(const std::vector<Interval>& slices) {
  for (std::size_t i = 1; i < slices.size(); ++i)
    EXPECT_LE(std::llround(slices[i - 1].end_us * 1e3), std::llround(slices[i].start_us * 1e3));
}

/// What Perfetto's import asks for, and what people look for: a named track for each lane of each rank, times from 0, arrows
/// that go forward in time from slice to slice.
TEST_F(Sim, TracesOfPipelinesFollowTheRulesOfTheirViewer) {
  const std::string pipeline =
      write("pipeline.json", R"({"model": {"family": "gpt", "layers": 8, "hidden": 1024, "heads": 16,
      "ffn_hidden": 4096, "vocab": 50000}, "cluster": {"node": "dgx-h100", "nodes": 2},
      "train": {"sequence_length": 512, "global_batch": 16}, "plan": {"tp": 2, "pp": 4, "micro_batch": 1,
      "overlap": {"p2p": true, "grad_reduce": true}}})");
  ASSERT_EQ(sim({"run", pipeline, "--trace", path("t.json")}).status, 0);
  const Json trace = Json::parse(read(path("t.json")));
  const Named named = names_of(trace);
  EXPECT_EQ(named.ranks,
            (std::set<std::string>{"predicted: rank 0, stage 0", "predicted: rank 4, stage 1",
                                   "predicted: rank 8, stage 2", "predicted: rank 12, stage 3"}));
  EXPECT_EQ(named.lanes, (std::set<std::string>{"compute", "dp", "pp send, forward", "pp send, backward",
                                                "pp receive, forward", "pp receive, backward"}));
  EXPECT_EQ(expect_arrows(trace),
            2U * 3U * 8U);  // both ways, three borders, 16 sequences over two data-parallel ranks
  double first = 1e300;
  for (const auto& [track, slices] : tracks(trace)) {
    EXPECT_TRUE(named.tracks.contains(track));
    first = std::min(first, slices.front().start_us);
    expect_order(slices);
  }
  EXPECT_EQ(first, 0);
}

TEST_F(Sim, DumpNamesEveryTemplateThatIsCalled) {
  const Ended ended = sim(words(kVariants[0], {"--dump-program", "-", "--trace", path("t.json")}));
  ASSERT_EQ(ended.status, 0) << ended.err;
  std::set<std::string> called;
  const Json trace = Json::parse(read(path("t.json")));
  for (const Json& event : trace["traceEvents"])
    if (event["ph"] == "X") called.insert(event["cat"]);
  EXPECT_GE(called.size(), 4U);  // forward, backward, norm, update
  for (const std::string& name : called)
    EXPECT_NE(ended.out.find(name), std::string::npos) << name << " in\n" << ended.out.substr(0, 1000);
  EXPECT_EQ(ended.out.find("step time"), std::string::npos);  // nothing for people in between
  ASSERT_EQ(sim(words(kVariants[0], {"--dump-program", path("p.txt")})).status, 0);
  EXPECT_EQ(read(path("p.txt")), ended.out);
}

TEST_F(Sim, ListsWhatIsShippedAndAccepted) {
  const Ended presets = sim({"presets"});
  EXPECT_EQ(presets.status, 0);
  for (const char* name : {"gpt-3m", "gpt3-175b", "dgx-a100-80g", "megatron-te"})
    EXPECT_NE(presets.out.find(name), std::string::npos) << name;
  const Ended limits = sim({"limits"});
  EXPECT_EQ(limits.status, 0);
  EXPECT_GT(lines(limits.out).size(), 5U);
  for (const char* schema : {"job", "report", "exec-report", "profile"}) {
    const Ended ended = sim({"schema", schema});
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_EQ(Json::parse(ended.out)["$id"], std::string("ds/") + schema + "/1");
  }
  EXPECT_TRUE(complains(sim({"schema", "nothing"}), 2, "nothing"));
  EXPECT_TRUE(complains(sim({"schema", "../models/gpt-3m"}), 2));
}

TEST_F(Sim, HelpAndVersionAreNoErrors) {
  for (const auto& ended : {sim({"--help"}), exec({"--help"}), tune({"--help"}), sim({"run", "--help"})}) {
    EXPECT_EQ(ended.status, 0);
    EXPECT_GT(lines(ended.out).size(), 3U);
    EXPECT_EQ(ended.err, "");
  }
  for (const auto& ended : {sim({"--version"}), exec({"--version"}), tune({"--version"})}) {
    EXPECT_EQ(ended.status, 0);
    EXPECT_TRUE(ended.out.starts_with("ds ")) << ended.out;
    EXPECT_NE(ended.out.find("commit"), std::string::npos);
  }
}

TEST_F(Sim, AWrongCommandLineIsRefusedInOneLine) {
  const std::string job = this->job();
  for (const Words& words :
       std::initializer_list<Words>{{},
                                    {"runn"},
                                    {"run"},
                                    {"run", job, "--reprot", "x"},
                                    {"run", job, "more"},
                                    {"run", job, "--seed", "-1"},
                                    {"run", job, "--seed", "x"},
                                    {"run", job, "--jobs", "0"},
                                    {"run", job, "--depth", "deep"},
                                    {"run", job, "--set", "plan.tp"},
                                    {"run", job, "--set", "plan.tpp=2"},
                                    {"run", job, "--set", "plan.micro_batch=3"},
                                    {"run", job, "--report"},
                                    {"run", job, "--depth", "analytic", "--trace", path("t")},
                                    {"schema"}}) {
    SCOPED_TRACE(testing::PrintToString(words));
    EXPECT_TRUE(complains(sim(words), 2));
  }
  EXPECT_TRUE(complains(exec({"walk"}), 2, "walk"));
  EXPECT_TRUE(complains(exec({"calibrate", "--rounds", "1"}), 2, "rounds"));
  EXPECT_TRUE(complains(tune({"--fast"}), 2, "--fast"));
}

TEST_F(Sim, OutputsThatCannotBeFilesAreRefusedBeforeAnyWork) {
  for (const char* option : {"--report", "--trace", "--dump-program"}) {
    SCOPED_TRACE(option);
    EXPECT_TRUE(complains(sim(words(kVariants[0], {option, path("cache")})), 2, option));
    EXPECT_TRUE(complains(sim(words(kVariants[0], {option, path("none/x.json")})), 2, option));
  }
  EXPECT_TRUE(
      complains(sim(words(kVariants[0], {"--report", "-", "--dump-program", "-"})), 2, "--dump-program"));
}

TEST_F(Sim, AFullDiskIsToldByTheFilesNameAndTheOldFileStays) {
  const std::string report = write("r.json", "old");
  const Ended ended = sim(words(kVariants[0], {"--report", report}), {.file_bytes = 512});
  EXPECT_TRUE(complains(ended, 3, "r.json: cannot write: File too large"));
  EXPECT_EQ(read(report), "old");
  EXPECT_EQ(entries(), (Words{"cache", "job.json", "r.json"}));
  EXPECT_TRUE(complains(sim(words(kVariants[0], {"--report", "/dev/full"})), 3, "No space left"));
  const Ended full = sim(words(kVariants[0], {}), {.output_file = "/dev/full"});
  EXPECT_TRUE(complains(full, 3, "standard output"));
}

TEST_F(Sim, DevicesAreWrittenToAndNotReplaced) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const int reader = ::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK);
  const Ended ended = sim(words(kVariants[0], {"-q", "--report", path("fifo")}));
  EXPECT_EQ(ended.status, 0) << ended.err;
  std::string text(1 << 16, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(reader, text.data(), text.size()))));
  ::close(reader);
  EXPECT_EQ(schema_faults("report", text), "");
  EXPECT_TRUE(std::filesystem::is_fifo(path("fifo")));
}

TEST_F(Sim, AReportGoesWhereALinkPointsAndKeepsItsPermissions) {
  const std::string target = write("real.json", "old");
  using std::filesystem::perms;
  const perms unusual = perms::owner_read | perms::owner_write | perms::group_read;
  std::filesystem::permissions(target, unusual);
  std::filesystem::create_symlink("real.json", path("link.json"));
  ASSERT_EQ(sim(words(kVariants[0], {"-q", "--report", path("link.json")})).status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(path("link.json")));
  EXPECT_EQ(schema_faults("report", read(target)), "");
  EXPECT_EQ(std::filesystem::status(target).permissions(), unusual);
}

TEST_F(Sim, AClosedPipeEndsQuietly) {
  for (const Words& words : {Words{"presets"}, this->words(kVariants[0], {"--report", "-"})}) {
    const Ended ended = sim(words, {.closed_output = true});
    EXPECT_EQ(ended.err, "");
    EXPECT_FALSE(ended.dumped_core);
    EXPECT_TRUE(ended.status == 0 || ended.signal == SIGPIPE) << ended.status;
  }
}

TEST_F(Sim, WritesATraceInTheFormatOfItsName) {
  const std::vector<std::string> words = {"run", DS_SOURCE_DIR "/profiles/jobs/gpt3-175b-512-a100.json",
                                          "--set", "train.global_batch=64", "--trace"};
  const auto traced = [&](const std::string& name, const std::string& ranks) {
    std::vector<std::string> all = words;
    all.push_back(path(name));
    if (!ranks.empty()) all.insert(all.end(), {"--trace-ranks", ranks});
    return sim(all);
  };
  const Ended plain = traced("t.json", "0,70-71");
  EXPECT_NE(plain.out.find("0,70-71 of 512 ranks"), std::string::npos) << plain.out;
  std::size_t processes = 0;
  const Json trace = Json::parse(read(path("t.json")));
  for (const Json& event : trace["traceEvents"]) processes += event["name"] == "process_name" ? 1 : 0;
  EXPECT_EQ(processes, 3U);
  EXPECT_EQ(traced("t.pftrace", "").status, 0);
  EXPECT_EQ(read(path("t.pftrace")).front(), '\x0a');  // field 1, a message
  EXPECT_EQ(traced("t.json.gz", "0").status, 0);
  EXPECT_EQ(read(path("t.json.gz")).substr(0, 2), "\x1f\x8b");
  for (const char* wrong : {"512", "3-1", "a", "1,,2", "-"})
    EXPECT_TRUE(complains(traced("t.json", wrong), 2, "--trace-ranks")) << wrong;
}

/// The dgx-a100-80g has constants of its own, which stand in place of its GPU's.
TEST_F(Sim, ExplainsFittedConstantsAndFirstWhatIsOfThisJob) {
  const Ended ended = sim({"run", DS_SOURCE_DIR "/profiles/jobs/gpt3-175b-512-a100.json", "--explain"});
  EXPECT_NE(ended.out.find("fitted on step times: "), std::string::npos) << ended.out;
  const std::size_t special = ended.out.rfind("(as the software does)"), plain = ended.out.find("(default)");
  ASSERT_NE(plain, std::string::npos);
  EXPECT_LT(special, plain);
}

/// Constants that were fitted on whole steps can be left out; the report says so, and the interval is that of runs without them.
TEST_F(Sim, LeavesFittedConstantsOutWhereAsked) {
  const std::string job = DS_SOURCE_DIR "/tests/golden/gpu-8b-64-h100/job.json";
  const auto report = [&](const char* level) {
    return Json::parse(sim({"run", job, "--fitted", level, "--json"}).out);
  };
  const Json none = report("none"), family = report("family"), all = report("all");
  EXPECT_LT(none["step_time_s"], family["step_time_s"]);
  EXPECT_NE(family["step_time_s"], all["step_time_s"]);
  const auto said = [](const Json& of) {
    for (const Json& one : of["assumptions"])
      if (one["path"] == "cost.fitted") return one["value"].get<std::string>();
    return std::string();
  };
  EXPECT_EQ(said(none), "none");
  EXPECT_EQ(said(all), "");
  const std::string told = sim({"run", job, "--fitted", "none", "--explain"}).out;
  EXPECT_EQ(told.find("fitted on step times"), std::string::npos) << told;
  const Ended wrong = sim({"run", job, "--fitted", "some"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.err.find("--fitted: is some; none, family and all are possible"), std::string::npos)
      << wrong.err;
}

/// What bounds the step, and what a change would bring: as much as the same change says of itself.
TEST_F(Sim, ExplainsWhatBoundsAPlanAndWhatChangesWouldBring) {
  const std::string job = DS_SOURCE_DIR "/tests/golden/gpu-8b-64-h100/job.json";
  const std::string told = sim({"run", job, "--explain"}).out;
  EXPECT_NE(told.find("without matrix products a step would take 1."), std::string::npos) << told;
  const auto line = [&](const std::string& start) {
    for (const std::string& one : lines(told))
      if (one.starts_with(start)) return one;
    return std::string();
  };
  EXPECT_NE(line("waits "), "") << told;
  for (const std::string change : {"plan.vpp=2", "plan.pp=2", "plan.recompute=full"}) {
    const std::string shown = line(change);
    const Ended changed = sim({"run", job, "--set", change});
    const std::string step = lines(changed.out).at(1);  // "step time  2.53 s ± ..."
    const std::string seconds = step.substr(11, step.find(" ±") - 11);
    EXPECT_NE(shown.find(" " + seconds + " "), std::string::npos) << shown << " and " << step;
  }
}

/// A plan that does not fit is told what would, and given degrees stay those of all ranks.
TEST_F(Sim, ExplainsWhatWouldMakeAPlanFit) {
  const Words large{"run",      DS_SOURCE_DIR "/tests/golden/gpu-8b-64-h100/job.json",
                    "--set",    "plan.tp=1",
                    "--set",    "plan.pp=1",
                    "--explain"};
  Words given = large;
  given.insert(given.end(), {"--set", "plan.dp=64", "--set", "plan.micro_batch=2"});
  const Ended ended = sim(given);
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_NE(ended.out.find("what would make it fit"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("plan.tp=2 plan.dp=32 "), std::string::npos) << ended.out;
}

}  // namespace
}  // namespace ds::e2e
