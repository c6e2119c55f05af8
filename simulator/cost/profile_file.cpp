// Profiles as files: what `ds-exec calibrate` writes and `localhost` reads.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "simulator/base/file.h"
#include "simulator/base/hash.h"
#include "simulator/base/json.h"
#include "simulator/cost/cost.h"
#include "simulator/cost/profile_limits.h"
#include "simulator/ops/fields.h"
#include "simulator/workload/limits.h"

namespace ds::cost {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "ds-profile-1";
constexpr Named<ops::Pass> kPasses[] = {{"forward", ops::Pass::forward},
                                        {"input gradient", ops::Pass::input_gradient},
                                        {"weight gradient", ops::Pass::weight_gradient},
                                        {"update", ops::Pass::update}};
constexpr Named<DataType> kTypes[] = {{"fp64", DataType::fp64}, {"fp32", DataType::fp32}};

/// fn(name, field) for what time depends on: how ranks share the work stays out of profiles.
template <class What, class Fn>
void for_each_size(What& what, Fn&& fn) {
  ops::for_each_field(what, [&](const char* name, auto& field) {
    if (ops::is_of_shape(name)) fn(name, field);
  });
}

Json shape_json(const ops::What& what) {
  Json shape = Json::object();
  std::visit(
      [&](const auto& w) { for_each_size(w, [&](const char* name, auto field) { shape[name] = field; }); },
      what);
  return shape;
}

void read_field(const Cursor& at, bool& field) { field = at.boolean(); }
void read_field(const Cursor& at, std::int64_t& field) { field = at.count(0, kMostSize); }
void read_field(const Cursor& at, double& field) { field = at.real(0, 1); }

/// Its largest tensor in floating point: whole numbers may overflow before this has been checked.
double largest_tensor(const ops::Op& op) {
  double largest = 0;
  for (const ops::Operand& one : ops::operands(op)) {
    double elements = 1;
    for (int d = 0; d < one.shape.rank; ++d)
      elements *= static_cast<double>(one.shape.size[static_cast<std::size_t>(d)]);
    largest = std::max(largest, elements);
  }
  return largest;
}

ops::What read_shape(const Cursor& at, ops::What what) {
  std::visit(
      [&](auto& w) {
        std::vector<std::string_view> keys;
        for_each_size(w, [&](const char* name, auto&) { keys.emplace_back(name); });
        at.only(keys);
        // A flag that an operator has got since the profile was measured was off.
        for_each_size(w, [&](const char* name, auto& field) {
          constexpr bool kFlag = std::is_same_v<std::remove_reference_t<decltype(field)>, bool>;
          if (!kFlag || at.find(name)) read_field(at.member(name), field);
        });
      },
      what);
  return what;
}

/// The operator of that name with fields still empty; "unfused attention" is attention that keeps its scores.
ops::What operator_named(const Cursor& at) {
  const std::string name = at.text();
  for (ops::What what : ops::catalogue()) {
    if (name == ops::kind_name(what)) return what;
    if (auto* attention = std::get_if<ops::Attention>(&what)) {
      attention->flash = !attention->flash;
      if (name == ops::kind_name(what)) return what;
    }
  }
  at.fail_value("the name of an operator");
}

Table read_table(const Cursor& at) {
  at.only({"operator", "pass", "type", "accumulate", "active", "points"});
  const ops::What what = operator_named(at.member("operator"));
  Table table{.kind = std::string(ops::kind_name(what)),
              .pass = at.member("pass").one_of(kPasses),
              .type = at.member("type").one_of(kTypes),
              .accumulate = at.member("accumulate").boolean()};
  if (const auto active = at.find("active")) table.active = active->count(1, kMostCores);
  if (!ops::has_pass(what, table.pass)) at.member("pass").fail_value("a pass that this operator has");
  for (const Cursor& point : at.member("points").list(1)) {
    point.only({"shape", "seconds", "sigma"});
    table.points.push_back({read_shape(point.member("shape"), what),
                            point.member("seconds").within(kMeasuredTime),
                            point.member("sigma").within(kSpread)});
    const ops::Op op{table.points.back().what, table.pass, table.type, table.accumulate};
    if (const double elements = largest_tensor(op); elements > workload::kMaxTensorElements)
      point.member("shape").fail(fmt::format("gives a tensor of {:.1e} elements, at most {:.0e} are read",
                                             elements, workload::kMaxTensorElements));
    const Features known = features(op);
    if (!(known.work > 0) || !std::ranges::all_of(known.log_sizes, [](double x) { return std::isfinite(x); }))
      point.member("shape").fail("has a size that is 0", "sizes are above 0");
  }
  return table;
}

constexpr std::string_view kMessage = "send";

CommunicationPoint read_communication(const Cursor& at) {
  at.only({"what", "ranks", "bytes", "seconds", "sigma"});
  CommunicationPoint point{.ranks = at.member("ranks").count(1, kMostCores),
                           .bytes = {at.member("bytes").count(1, static_cast<std::int64_t>(kMemory.most))},
                           .seconds = at.member("seconds").within(kMeasuredTime),
                           .sigma = at.member("sigma").within(kSpread)};
  const std::string name = at.member("what").text();
  point.message = name == kMessage;
  if (point.message) return point;
  for (const collective::Collective what : collective::kCollectives)
    if (name == collective::name_of(what)) {
      point.what = what;
      return point;
    }
  at.member("what").fail_value("the name of a collective, or send");
}

Json communications_json(const std::vector<CommunicationPoint>& points) {
  Json list = Json::array();
  for (const CommunicationPoint& point : points)
    list.push_back({{"what", point.message ? kMessage : collective::name_of(point.what)},
                    {"ranks", point.ranks},
                    {"bytes", point.bytes.value},
                    {"seconds", point.seconds},
                    {"sigma", point.sigma}});
  return list;
}

}  // namespace

Profile read_profile(const std::filesystem::path& file) {
  const Document document = read_document(file);
  const Cursor root = document.root();
  root.only({"schema", "provenance", "machine", "clock", "rounds", "tables", "communications"});
  if (const Cursor schema = root.member("schema"); schema.text() != kSchema)
    schema.fail_value(fmt::format("\"{}\"", kSchema));
  const Cursor machine = root.member("machine");
  machine.only({"processor", "cores", "memory_bytes", "instruction_set", "blas", "gemm_flops_per_s",
                "memory_bytes_per_s"});
  Profile profile{.machine = machine.member("processor").text(),
                  .cores = machine.member("cores").count(1, kMostCores),
                  .memory_bytes = machine.member("memory_bytes").within(kMemory),
                  .instruction_set = machine.member("instruction_set").text(),
                  .blas = machine.member("blas").text(),
                  .gemm_peak = {machine.member("gemm_flops_per_s").within(kFlopRate)},
                  .memory_bandwidth = {machine.member("memory_bytes_per_s").within(kByteRate)},
                  .rounds = root.member("rounds").count(),
                  .clock = root.member("clock").text(),
                  .path = file.string(),
                  .hash = hex(hash_of(read_file(file)))};
  for (const Cursor& table : root.member("tables").list()) profile.tables.push_back(read_table(table));
  if (const auto points = root.find("communications"))
    for (const Cursor& point : points->list()) profile.communications.push_back(read_communication(point));
  return profile;
}

std::string to_json(const Profile& profile, const std::string& provenance) {
  Json tables = Json::array();
  for (const Table& table : profile.tables) {
    Json points = Json::array();
    for (const Point& point : table.points)
      points.push_back(
          {{"shape", shape_json(point.what)}, {"seconds", point.seconds}, {"sigma", point.sigma}});
    tables.push_back({{"operator", table.kind},
                      {"pass", ops::name_of(table.pass)},
                      {"type", ds::name_of(table.type)},
                      {"accumulate", table.accumulate},
                      {"active", table.active},
                      {"points", std::move(points)}});
  }
  const Json root = {{"schema", kSchema},
                     {"provenance", Json::parse(provenance)},
                     {"machine",
                      {{"processor", profile.machine},
                       {"cores", profile.cores},
                       {"memory_bytes", profile.memory_bytes},
                       {"instruction_set", profile.instruction_set},
                       {"blas", profile.blas},
                       {"gemm_flops_per_s", profile.gemm_peak.value},
                       {"memory_bytes_per_s", profile.memory_bandwidth.value}}},
                     {"clock", profile.clock},
                     {"rounds", profile.rounds},
                     {"tables", std::move(tables)},
                     {"communications", communications_json(profile.communications)}};
  return root.dump(1) + "\n";
}

}  // namespace ds::cost
