// Predicted against published times of collectives on GPUs; how long a prediction takes, and settling fair rates.
//
//   build/bin/bench_collective [--by-size]
//
// Prints a row per measured curve of profiles/measured/nccl_tests.json: predicted / measured by size, and the mean
// absolute error of sizes up to 1 MiB and of larger ones. `fitted` curves shaped the constants, `held out` ones did not.
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "simulator/base/file.h"
#include "simulator/base/random.h"
#include "simulator/cost/collective_time.h"
#include "simulator/network/fair_share.h"
#include "simulator/workload/presets.h"
#include "simulator/workload/reader.h"

namespace {

using namespace ds;
using collective::Algorithm;
using collective::Collective;
using cost::CommunicationModel;
using Json = nlohmann::json;

workload::Cluster cluster_of(const Json& json) {
  const Document document = parse_document(json.dump(), "cluster");
  std::vector<workload::Assumption> assumptions;
  return workload::read_cluster(document.root(), {}, workload::Defaults(assumptions));
}

struct Errors {
  double sum{};
  int count{};
  void add(double ratio) {
    sum += std::abs(ratio - 1);
    ++count;
  }
  std::string text() const { return count == 0 ? "-" : fmt::format("{:.1f} %", 100 * sum / count); }
};

constexpr std::int64_t kLarge = 1 << 20;

void accuracy(bool by_size) {
  const Json file = Json::parse(read_file(workload::profiles_directory() / "measured" / "nccl_tests.json"));
  std::map<std::string, std::pair<Errors, Errors>> by_role;
  fmt::print("{:34} {:9} {:>9} {:>9}  at the largest size\n", "curve", "role", "to 1 MiB", "above");
  for (const Json& curve : file["collectives"]) {
    const CommunicationModel model(cluster_of(curve["cluster"]));
    Collective what{};
    for (const Collective one : collective::kCollectives)
      if (collective::name_of(one) == curve["op"].get<std::string>()) what = one;
    const network::Group group{.members = {{curve["ranks"].get<std::int32_t>(), 1}}, .siblings = {}};
    Errors small, large;
    std::string sizes;
    double ratio = 0;
    for (std::size_t i = 0; i < curve["bytes"].size(); ++i) {
      const Bytes bytes{curve["bytes"][i].get<std::int64_t>()};
      const cost::CommunicationTime time = model.collective(what, Algorithm::automatic, group, bytes);
      const double measured = curve["time_s"][i];
      ratio = time.estimate.seconds.value / measured;
      (bytes.value <= kLarge ? small : large).add(ratio);
      auto& total = by_role[curve["role"]];
      (bytes.value <= kLarge ? total.first : total.second).add(ratio);
      sizes +=
          fmt::format("    {:>12} {:>10.1f} us {:>10.1f} us {:>6.2f}  {} {}\n", bytes.value, 1e6 * measured,
                      1e6 * time.estimate.seconds.value, ratio, name_of(time.algorithm), time.protocol);
    }
    fmt::print("{:34} {:9} {:>9} {:>9}  {:.2f}\n", curve["id"].get<std::string>(),
               curve["role"].get<std::string>(), small.text(), large.text(), ratio);
    if (by_size) fmt::print("{}", sizes);
  }
  for (const auto& [role, errors] : by_role)
    fmt::print("{:34} {:9} {:>9} {:>9}\n", "mean over points", role, errors.first.text(),
               errors.second.text());
}

/// Of processor time: others use this machine too.
double milliseconds_since(std::clock_t start) {
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// The first answer for a group, played, and a further one for another size, remembered.
void speed() {
  fmt::print("\n{:44} {:>12} {:>14}\n", "dgx-h100, all_reduce, 8 groups side by side", "first", "further");
  for (const std::int32_t ranks : {8, 64, 512, 4096}) {
    const CommunicationModel model(cluster_of({{"node", "dgx-h100"}, {"nodes", ranks}}));
    const network::Group across{.members = {{ranks, 8}}, .siblings = {{8, 1}}};
    const network::Group whole{.members = {{ranks, 1}}, .siblings = {{8, ranks}}};
    for (const auto& [name, group] :
         {std::pair("over nodes", across), std::pair("within, then over nodes", whole)}) {
      std::clock_t start = std::clock();
      model.collective(Collective::all_reduce, Algorithm::automatic, group, Bytes{1 << 20});
      const double first = milliseconds_since(start);
      constexpr int kFurther = 1000;
      start = std::clock();
      for (int i = 0; i < kFurther; ++i)
        model.collective(Collective::all_reduce, Algorithm::automatic, group, Bytes{i + (1 << 20)});
      fmt::print("{:44} {:>9.3f} ms {:>11.2f} us\n", fmt::format("{} ranks {}", ranks, name), first,
                 1e3 * milliseconds_since(start) / kFurther);
    }
  }
}

/// One event of an event loop: a flow ends, another begins, rates are settled.
void sharing() {
  fmt::print("\n{:44} {:>12}\n", "fair sharing, each flow over 4 of n links", "an event");
  for (const std::int32_t flows : {16, 128, 1024}) {
    const RandomStream random(1, 0);
    std::uint64_t index = 0;
    network::FairShare share(std::vector<double>(flows, 1.0));
    std::vector<std::int32_t> alive;
    const auto begin = [&] {
      std::int32_t links[4];
      for (std::int32_t i = 0; i < 4; ++i)
        links[i] = i * (flows / 4) + static_cast<std::int32_t>(random.below(flows / 4, index++));
      alive.push_back(share.add(links));
    };
    while (std::ssize(alive) < flows) begin();
    share.settle();
    constexpr int kEvents = 2000;
    const std::clock_t start = std::clock();
    for (int event = 0; event < kEvents; ++event) {
      std::swap(alive[random.below(alive.size(), index++)], alive.back());
      share.remove(alive.back());
      alive.pop_back();
      begin();
      share.settle();
    }
    fmt::print("{:44} {:>9.2f} us\n", fmt::format("{} flows", flows),
               1e3 * milliseconds_since(start) / kEvents);
  }
}

}  // namespace

int main(int argc, char** argv) {
  accuracy(argc > 1 && std::string_view(argv[1]) == "--by-size");
  speed();
  sharing();
}
