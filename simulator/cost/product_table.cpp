// Reads the tables of measured products, and interpolates in one.
#include "simulator/cost/product_table.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "simulator/base/error.h"
#include "simulator/workload/presets.h"

namespace ds::cost {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kResultBytes = 2;  // of a number in 16 bits
constexpr std::array<std::string_view, 3> kNumbers{"16 bits", "fp8", "fp8 by blocks"};
constexpr std::array<std::string_view, 3> kPasses{"forward", "input_gradient", "weight_gradient"};
// Rate of a backward product over that of its layer's forward, where it was not measured: medians over 61 and 144 layers
// (github.com/MooreThreads/SimuMax at 4dcaae513ba7: data gradient 0.99 and 1.00, weight gradient 0.97 and 0.95).
constexpr std::array<double, 3> kRateOfPass{1, 1, 0.96};

/// The tables' files, in the order of their names.
std::vector<fs::path> files() {
  std::vector<fs::path> list;
  for (const auto& entry : fs::directory_iterator(workload::profiles_directory() / "kernels" / "products"))
    if (entry.path().extension() == ".json") list.push_back(entry.path());
  std::ranges::sort(list);
  return list;
}

/// Seconds of a layer's product at the rates of a datasheet. `factor_bytes`: of a number that is multiplied.
double roofline(const ops::Linear& layer, FlopsPerSecond peak, BytesPerSecond memory,
                std::int64_t factor_bytes) {
  const auto t = static_cast<double>(layer.tokens), n = static_cast<double>(layer.outputs),
             k = static_cast<double>(layer.inputs);
  const double bytes = static_cast<double>(factor_bytes) * (t * k + k * n) + kResultBytes * t * n;
  return std::max(2 * t * n * k / peak.value, bytes / memory.value);
}

bool names(const Cursor& list, const std::string& name) {
  return std::ranges::any_of(list.list(), [&](const Cursor& entry) { return entry.text() == name; });
}

}  // namespace

Features ProductTable::features_of(const ops::Linear& layer) const {
  const auto size = [](std::int64_t n) { return std::log(static_cast<double>(n)); };
  return {.log_sizes = {size(layer.tokens), size(layer.outputs), size(layer.inputs)},
          .work = roofline(layer, peak_, memory_, factor_bytes_),
          .product = true};
}

std::optional<ProductTable> ProductTable::of(const workload::Node& node, Numbers numbers) {
  std::optional<Document> found;
  for (const fs::path& file : files()) {
    Document document = read_document(file);
    const Cursor root = document.root();
    root.only({"name", "gpus", "machines", "numbers", "peak_flops_per_s", "memory_bytes_per_s", "passes",
               "source"});
    const auto given = root.find("numbers");
    const std::size_t which = given ? given->choose(kNumbers) : 0;
    if (which != static_cast<std::size_t>(numbers)) continue;
    const bool machine = names(root.member("machines"), node.name);
    if (machine || (!found && names(root.member("gpus"), node.gpu))) found.emplace(std::move(document));
    if (machine) break;
  }
  if (!found) return std::nullopt;
  const Cursor root = found->root();
  ProductTable table;
  table.peak_ = {root.member("peak_flops_per_s").positive()};
  table.memory_ = {root.member("memory_bytes_per_s").positive()};
  if (numbers != Numbers::in_16_bits) table.factor_bytes_ = 1;
  const Cursor passes = root.member("passes");
  passes.only(kPasses);
  for (std::size_t p = 0; p < kPasses.size(); ++p) {
    const auto rows = passes.find(kPasses[p]);
    if (!rows) continue;
    for (const Cursor& row : rows->list(1)) {
      const std::vector<Cursor> entry = row.list(4, 4);
      const ops::Linear layer{
          .tokens = entry[0].count(), .inputs = entry[2].count(), .outputs = entry[1].count()};
      const Features features = table.features_of(layer);
      const double flop = 2 * static_cast<double>(layer.tokens) * static_cast<double>(layer.outputs) *
                          static_cast<double>(layer.inputs);
      const double seconds = flop / (table.peak_.value * entry[3].positive());
      table.curves_[p].features.push_back(features);
      table.curves_[p].points.push_back({.what = layer, .seconds = seconds});
    }
  }
  ensure(!table.curves_[0].points.empty(), "a table of products has forward products");
  return table;
}

Seconds ProductTable::time(const ops::Linear& layer, ops::Pass pass, FlopsPerSecond peak,
                           BytesPerSecond memory) const {
  return {slowdown(layer, pass) * roofline(layer, peak, memory, factor_bytes_)};
}

double ProductTable::slowdown(const ops::Linear& layer, ops::Pass pass) const {
  const std::size_t p = pass == ops::Pass::forward ? 0 : pass == ops::Pass::input_gradient ? 1 : 2;
  return slowdowns_->of({layer.tokens, layer.outputs, layer.inputs, p},
                        [&] { return interpolated(layer, p); });
}

double ProductTable::interpolated(const ops::Linear& layer, std::size_t p) const {
  const bool measured = !curves_[p].points.empty();
  const Curve& curve = curves_[measured ? p : 0];
  const double log_rate = local_log_rate(curve.features, curve.points, features_of(layer));
  return std::max(1.0, std::exp(log_rate) / (measured ? 1 : kRateOfPass[p]));
}

}  // namespace ds::cost
