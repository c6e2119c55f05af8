#include "tests/kernels/play.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "simulator/base/random.h"

namespace ds::kernels::test {
namespace {

constexpr std::size_t kAround = 64;  // bytes of canary on each side
constexpr unsigned char kCanary = 0xA5;

bool from_forward(const ops::Operand& x, const ops::Operands& forward) {
  return x.access == ops::Access::read && forward.find(x.name) >= 0;
}

struct Ids {  // number of rows that an id may name, per operator
  std::int64_t operator()(const ops::Embedding& e) const { return e.shards * e.vocab; }
  std::int64_t operator()(const ops::CrossEntropy& c) const { return c.vocab; }
  std::int64_t operator()(const ops::SoftmaxStatistics& s) const { return s.vocab; }
  template <class Other>
  std::int64_t operator()(const Other&) const {
    return 1;
  }
};

/// Experts that tokens go to, as many different ones for each; none where the operator takes no such choice.
Values chosen_experts(const ops::What& what, const RandomStream& random) {
  ops::ExpertRows rows;
  if (const auto* dispatch = std::get_if<ops::Dispatch>(&what)) rows = dispatch->rows();
  if (const auto* combine = std::get_if<ops::Combine>(&what)) rows = combine->rows();
  if (const auto* spread = std::get_if<ops::SpreadProbabilities>(&what)) rows = spread->rows();
  Values chosen;
  for (std::int64_t t = 0; t < rows.tokens; ++t)
    for (std::int64_t k = 0; k < rows.top_k; ++k) {
      const auto experts = static_cast<std::uint64_t>(rows.experts);
      // Without a capacity evenly.
      const std::uint64_t first = rows.capacity > 0 ? random.below(experts, static_cast<std::size_t>(t))
                                                    : static_cast<std::uint64_t>(t * rows.top_k);
      chosen.push_back(static_cast<double>((first + static_cast<std::uint64_t>(k)) % experts));
    }
  return chosen;
}

/// What a shard of the loss takes from all shards: its own statistics, and of others those of random logits.
Values statistics_of_shards(const Play& loss, std::uint64_t seed) {
  const auto& c = std::get<ops::CrossEntropy>(loss.op().what);
  Values all;
  for (std::int64_t shard = 0; shard < c.shards; ++shard) {
    const ops::SoftmaxStatistics what{c.tokens, c.vocab, c.columns, c.shards, shard * c.columns};
    Play one({what, ops::Pass::forward, loss.op().type}, seed + static_cast<std::uint64_t>(shard));
    one.write("targets", loss.read("targets"));
    if (what.first == c.first) one.write("logits", loss.read("logits"));
    one.run(Library::reference);
    const Values found = one.read("statistics");
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

}  // namespace

Play::Play(const ops::Op& op, std::uint64_t seed, std::int64_t offset) : op_(op), list_(ops::operands(op)) {
  for (const ops::Operand& x : list_) {
    Buffer buffer;
    buffer.bytes = static_cast<std::size_t>(x.bytes().value);
    buffer.memory.assign(buffer.bytes + 2 * kAround + 64 + static_cast<std::size_t>(offset), kCanary);
    const auto address = reinterpret_cast<std::uintptr_t>(buffer.memory.data());
    buffer.begin = (address + kAround + 63) / 64 * 64 - address + static_cast<std::size_t>(offset);
    buffers_.push_back(std::move(buffer));
  }
  fill(seed);
}

void Play::fill(std::uint64_t seed) {
  const bool backward = op_.pass == ops::Pass::input_gradient || op_.pass == ops::Pass::weight_gradient;
  const ops::Operands forward = backward ? ops::operands(with(op_, ops::Pass::forward)) : ops::Operands{};
  for (int i = 0; i < list_.size(); ++i) {
    const ops::Operand& x = list_[i];
    // What has the same name in both passes has the same stream, so that x is x in forward and backward.
    const RandomStream random(seed, std::hash<std::string_view>{}(x.name));
    Values values(static_cast<std::size_t>(x.shape.elements()));
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] = random.normal(k);
      if (x.role == ops::Role::tokens)
        values[k] =
            static_cast<double>(random.below(static_cast<std::uint64_t>(std::visit(Ids{}, op_.what)), k));
      if (x.name == "second_moment") values[k] = std::abs(values[k]);
      if (x.role == ops::Role::table) values[k] = std::sin(values[k]);
    }
    if (x.name == "chosen" && x.access == ops::Access::read && !std::holds_alternative<ops::Route>(op_.what))
      values = chosen_experts(op_.what, random);
    if (x.name == "control") values = {0.01, 3};
    if (x.name == "scalars" && x.access == ops::Access::read) values = {1, 2, 0.75, 1};
    if (x.access == ops::Access::write && x.role != ops::Role::workspace)
      continue;  // stays canary: all must be written
    write(x.name, values);
  }
  if (has("statistics") && std::holds_alternative<ops::CrossEntropy>(op_.what))
    write("statistics", statistics_of_shards(*this, seed));
  if (!backward || std::holds_alternative<ops::Rope>(op_.what)) return;
  Play before(with(op_, ops::Pass::forward), seed);
  before.run(Library::reference);
  for (const ops::Operand& x : list_)
    if (from_forward(x, forward)) write(x.name, before.read(x.name));
}

void Play::run(Run kernel) {
  std::vector<void*> addresses;
  for (Buffer& buffer : buffers_) addresses.push_back(buffer.data());
  const std::vector<Buffer> before = buffers_;
  Queue queue;
  kernel(op_, addresses, queue);
  expect_canaries();
  for (int i = 0; i < list_.size(); ++i)
    if (list_[i].access == ops::Access::read) {
      EXPECT_EQ(buffers_[static_cast<std::size_t>(i)], before[static_cast<std::size_t>(i)])
          << list_[i].name << " is only read";
    }
}

void Play::expect_canaries() const {
  for (int i = 0; i < list_.size(); ++i) {
    const Buffer& b = buffers_[static_cast<std::size_t>(i)];
    const auto is_canary = [](unsigned char c) { return c == kCanary; };
    EXPECT_TRUE(
        std::all_of(b.memory.begin(), b.memory.begin() + static_cast<std::ptrdiff_t>(b.begin), is_canary))
        << "in front of " << list_[i].name;
    EXPECT_TRUE(std::all_of(b.memory.begin() + static_cast<std::ptrdiff_t>(b.begin + b.bytes), b.memory.end(),
                            is_canary))
        << "behind " << list_[i].name;
  }
}

Values Play::read(std::string_view name) const {
  const int i = list_.find(name);
  const Buffer& buffer = buffers_.at(static_cast<std::size_t>(i));
  Values values(static_cast<std::size_t>(list_[i].shape.elements()));
  const auto take = [&](auto type) {
    std::vector<decltype(type)> typed(values.size());
    std::memcpy(typed.data(), buffer.data(), buffer.bytes);
    std::ranges::transform(typed, values.begin(), [](auto x) { return static_cast<double>(x); });
  };
  if (list_[i].type == DataType::fp64)
    take(double{});
  else if (list_[i].type == DataType::fp32)
    take(float{});
  else
    take(std::int32_t{});
  return values;
}

void Play::write(std::string_view name, const Values& values) {
  const int i = list_.find(name);
  Buffer& buffer = buffers_.at(static_cast<std::size_t>(i));
  const auto put = [&](auto type) {
    std::vector<decltype(type)> typed(values.size());
    std::ranges::transform(values, typed.begin(), [](double x) { return static_cast<decltype(type)>(x); });
    ASSERT_EQ(buffer.bytes, typed.size() * sizeof(type));
    std::memcpy(buffer.data(), typed.data(), buffer.bytes);
  };
  if (list_[i].type == DataType::fp64)
    put(double{});
  else if (list_[i].type == DataType::fp32)
    put(float{});
  else
    put(std::int32_t{});
}

std::vector<std::string> Play::result_names() const {
  std::vector<std::string> names;
  for (const ops::Operand& x : list_)
    if (x.access != ops::Access::read && x.role != ops::Role::workspace) names.emplace_back(x.name);
  return names;
}

std::vector<std::vector<unsigned char>> Play::results() const {
  std::vector<std::vector<unsigned char>> all;
  for (const std::string& name : result_names()) {
    const Buffer& b = buffers_[static_cast<std::size_t>(list_.find(name))];
    all.emplace_back(b.data(), b.data() + b.bytes);
  }
  return all;
}

ops::Op with(ops::Op op, DataType type) {
  op.type = type;
  return op;
}
ops::Op with(ops::Op op, ops::Pass pass) {
  op.pass = pass;
  if (pass == ops::Pass::forward) op.accumulate = false;
  return op;
}

void expect_near(const Values& a, const Values& b, double tolerance, std::string_view what) {
  ASSERT_EQ(a.size(), b.size());
  double largest = 0.1, worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(b[i])) largest = std::max(largest, std::abs(b[i]));
    if (a[i] == b[i]) continue;  // infinities too, whose difference is not a number
    const double difference = std::abs(a[i] - b[i]);
    worst = difference <= worst ? worst : difference;  // not-a-number counts as worse than any
  }
  EXPECT_TRUE(worst <= tolerance * largest) << what << " differs by " << worst << ", largest " << largest;
}

std::string describe(const ops::Op& op) {
  std::string text =
      fmt::format("{} {}{} [", ops::class_name(op), name_of(op.type), op.accumulate ? " accumulating" : "");
  for (const ops::Operand& x : ops::operands(op)) {
    text += fmt::format(" {}", x.name);
    for (int i = 0; i < x.shape.rank; ++i)
      text += fmt::format("{}{}", i == 0 ? " " : "x", x.shape.size[static_cast<std::size_t>(i)]);
  }
  return text + " ]";
}

}  // namespace ds::kernels::test
