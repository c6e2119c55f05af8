#pragma once
// What a prediction or a run says, as JSON for programs and as a trace for Perfetto. Tables for people are drawn by the
// command line. Every file carries `schema` and `provenance`; numbers are finite or left out.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "simulator/cost/evidence.h"
#include "simulator/memory/memory.h"
#include "simulator/program/program.h"
#include "simulator/program/timeline.h"
#include "simulator/workload/job.h"

namespace ds::report {

/// Who wrote a file, with what: no time stamp, so equal input gives equal bytes.
struct Provenance {
  std::string program;  // "ds-sim run"
  std::string version, commit;
  std::vector<std::string> command;
  std::string profile, profile_hash;
  std::uint64_t seed{};
};
nlohmann::ordered_json to_json(const Provenance& provenance);

/// Standard deviations to each side of a prediction: 95 % if errors are normal.
inline constexpr double kInterval = 1.96;

/// Everything that the report of one prediction is made of.
struct Predicted {
  const workload::Job& job;
  const program::Program& program;
  const std::vector<memory::Parts>& memory;  // by rank class, at its peak
  Bytes peak;                                // of the rank that needs most
  const program::StepSummary& summary;
  double sigma{};  // relative, of the step time
  std::optional<cost::Evidence> evidence;
  std::string depth;             // "event", "analytic"
  FlopsPerSecond peak_per_rank;  // what mfu is a share of
  std::string peak_source;
  std::vector<workload::Assumption> assumptions;  // of the prediction, beside the job's
};

/// The rates that follow from a step time. FLOP and `uncut_mfu` by the Megatron-LM formula, as publications have them (Narayanan
/// et al. 2021, section 5.1): products of weights and of attention, the latter uncut by causality; backward twice forward.
/// `mfu` and `hfu` are shares of the peak that a machine can reach: of attention they count the causal triangle.
struct Rates {
  double tokens_per_s{}, tokens_per_s_per_gpu{}, tflops_per_gpu{}, mfu{}, hfu{}, uncut_mfu{};
  double flops_per_token{};
};
Rates rates(const workload::Job& job, Seconds step_time, FlopsPerSecond peak_per_rank);

/// The report of `ds-sim run`.
nlohmann::ordered_json run_report(const Predicted& predicted, const Provenance& provenance);

nlohmann::ordered_json to_json(const program::TimeParts& t);
nlohmann::ordered_json to_json(const memory::Parts& m);

/// One timeline of a trace file: each of its ranks is a process in Perfetto's words, with a track for each lane.
struct Track {
  std::string name;  // "predicted", "measured"
  const program::Timeline& timeline;
};
/// `json`: Trace Event Format, which every viewer reads; `perfetto`: packets of ui.perfetto.dev, for large runs.
enum class TraceFormat : std::uint8_t { json, perfetto };

/// Slices of one track never overlap; times begin at 0. Each rank has a counter of the bytes that live in it by the program.
/// `ranks`: which are shown; none: all that the timelines have. Of a rank that a timeline lacks, that of its class is shown,
/// which does the same at the same time.
std::string trace(const program::Program& program, const std::vector<Track>& tracks,
                  const Provenance& provenance, TraceFormat format = TraceFormat::json,
                  const std::vector<std::int32_t>& ranks = {});

}  // namespace ds::report
