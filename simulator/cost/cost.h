#pragma once
// Seconds of an operator that runs alone, with how sure that is and where it comes from.
//
//   const Profile profile = read_profile("localhost.json");      // or rough_profile() where nothing was measured
//   const OperatorModel model(profile);
//   Estimate e = model.time(op);                                 // e.seconds, e.sigma (relative), e.source
//
// A profile holds measured points of one machine, by operator class and type, made by `ds-exec calibrate`.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "simulator/collective/collective.h"
#include "simulator/ops/ops.h"

namespace ds::cost {

/// `published`: from rates of links and what others have measured over them.
enum class Source : std::uint8_t { measured, scaled, roofline, published };

struct Estimate {
  Seconds seconds;
  double sigma{};  // relative standard deviation
  Source source{};
};

/// One operator, measured.
struct Point {
  ops::What what;
  double seconds{};
  double sigma{};  // relative, over the rounds
};

/// All points of one operator class ("linear forward") in one type.
struct Table {
  std::string kind;  // as ops::kind_name
  ops::Pass pass{};
  DataType type{};
  bool accumulate{};
  std::vector<Point> points;
  std::int64_t active{1};  // ranks that computed at once, each on a core of its own
};

/// A communication between ranks of one host, measured alone: a collective over all of them, or a message between two.
struct CommunicationPoint {
  bool message{};
  collective::Collective what{};
  std::int64_t ranks{};
  Bytes bytes;  // of the whole
  double seconds{};
  double sigma{};  // relative, over the rounds
};

struct Profile {
  std::string machine;  // processor's name
  std::int64_t cores{1};
  double memory_bytes{};
  std::string instruction_set;  // of the kernels that were measured
  std::string blas;
  FlopsPerSecond gemm_peak;         // best fp32 GEMM rate of one core
  BytesPerSecond memory_bandwidth;  // of one core, streaming
  std::int64_t rounds{};
  std::string clock;  // "thread CPU seconds"
  std::vector<Table> tables;
  std::vector<CommunicationPoint> communications;  // empty in profiles of one rank alone
  std::string path, hash;                          // the file it was read from; not written
};

Profile read_profile(const std::filesystem::path& file);
/// JSON text; `provenance` is a JSON object as text.
std::string to_json(const Profile& profile, const std::string& provenance);

/// For a machine that was never measured: the roofline of a common server core (AVX2 at 3 GHz), far from sure.
Profile rough_profile();

/// What a class's time depends on: sizes that are compared by their logarithm, and the work that divides the time.
struct Features {
  std::vector<double> log_sizes;
  double work{};   // FLOP of matrix products, bytes of everything else
  bool product{};  // which of the two
};
Features features(const ops::Op& op);

class OperatorModel {
 public:
  /// `active`: ranks that compute at once. The tables of the nearest number of them that was measured serve.
  explicit OperatorModel(const Profile& profile, std::int64_t active = 1);
  Estimate time(const ops::Op& op) const;

 private:
  struct Fitted {
    const Table* table;
    std::vector<Features> features;  // by point
    double sigma;                    // spread of a typical point over the rounds
  };
  const Fitted* find(const ops::Op& op, DataType type) const;
  /// What no product of that work beats: every FLOP at the best rate that a matrix product reached.
  Seconds at_peak(const Features& x, DataType type) const;
  const Profile& profile_;
  std::vector<Fitted> tables_;
};

/// log(seconds / work) at `x` from measured points: a straight line through the neighbours, near ones weighing most
/// (locally weighted regression, Cleveland 1979), slopes held back where points are few. Never more than a tenth
/// faster than the fastest point.
double local_log_rate(const std::vector<Features>& points, const std::vector<Point>& measured,
                      const Features& x);

}  // namespace ds::cost
