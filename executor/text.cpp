// Reads and splits a text, draws samples from it, and counts letters for the baseline.
#include "executor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "simulator/base/error.h"
#include "simulator/base/file.h"
#include "simulator/base/random.h"

namespace ds::executor {
namespace {

constexpr double kTrainShare = 0.9;
constexpr std::uint64_t kSamplerStream = 1;

std::size_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

}  // namespace

Text read_text(const std::filesystem::path& file, const workload::Job& job) {
  Text text{read_file(file, kMaxTextBytes), 0};
  text.train_bytes = static_cast<std::int64_t>(kTrainShare * static_cast<double>(text.bytes.size()));
  const std::int64_t need = job.train.sequence_length + 1;
  const auto held_back = static_cast<std::int64_t>(text.bytes.size()) - text.train_bytes;
  if (std::min(held_back, text.train_bytes) < need)
    throw InputError(file.string(),
                     fmt::format("is too short: it has {} bytes, of which {} are held back to test on",
                                 text.bytes.size(), held_back),
                     fmt::format("both parts need train.sequence_length + 1 = {} bytes", need));
  const auto highest = std::ranges::max_element(text.bytes, [](char a, char b) {
    return static_cast<unsigned char>(a) < static_cast<unsigned char>(b);
  });
  if (const auto byte = static_cast<std::int64_t>(static_cast<unsigned char>(*highest));
      byte >= job.model.vocab)
    throw InputError(
        "model.vocab",
        fmt::format("{} is too small for {}, which holds byte {}", job.model.vocab, file.string(), byte),
        "256 holds every byte");
  return text;
}

Sampler::Sampler(const Text& text, const workload::Job& job)
    : text_(text),
      seed_(job.seed),
      sequence_(job.train.sequence_length),
      rows_(job.plan.micro_batch),
      micro_batches_(job.micro_batches()),
      global_batch_(job.train.global_batch) {}

void Sampler::window(std::string_view part, std::int64_t start, std::int32_t* ids,
                     std::int32_t* targets) const {
  for (std::int64_t t = 0; t < sequence_; ++t) {
    const auto at = static_cast<std::size_t>(start + t);
    ids[t] = static_cast<unsigned char>(part[at]);
    targets[t] = static_cast<unsigned char>(part[at + 1]);
  }
}

void Sampler::draw(std::int64_t step, std::int64_t dp, std::int64_t micro, std::span<std::int32_t> ids,
                   std::span<std::int32_t> targets) const {
  const RandomStream random(seed_, kSamplerStream);
  const std::string_view part = text_.train();
  const auto starts = static_cast<std::uint64_t>(static_cast<std::int64_t>(part.size()) - sequence_);
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::int64_t in_batch = (dp * micro_batches_ + micro) * rows_ + row;
    const auto index = static_cast<std::uint64_t>(step * global_batch_ + in_batch);
    window(part, static_cast<std::int64_t>(random.below(starts, index)),
           &ids[static_cast<std::size_t>(row * sequence_)],
           &targets[static_cast<std::size_t>(row * sequence_)]);
  }
}

void Sampler::held_back(std::int64_t round, std::int64_t rounds, std::int64_t dp, std::int64_t micro,
                        std::span<std::int32_t> ids, std::span<std::int32_t> targets) const {
  const std::string_view part = text_.held_back();
  const std::int64_t windows = rounds * global_batch_;
  const std::int64_t last_start = static_cast<std::int64_t>(part.size()) - sequence_ - 1;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::int64_t number = round * global_batch_ + (dp * micro_batches_ + micro) * rows_ + row;
    const std::int64_t start = windows > 1 ? last_start * number / (windows - 1) : 0;
    window(part, start, &ids[static_cast<std::size_t>(row * sequence_)],
           &targets[static_cast<std::size_t>(row * sequence_)]);
  }
}

Baseline baseline(const Text& text) {
  constexpr std::size_t kBytes = 256;
  const std::string_view train = text.train(), test = text.held_back();
  std::array<double, kBytes> single{};
  std::vector<double> pair(kBytes * kBytes, 0.0);
  for (std::size_t i = 0; i < train.size(); ++i) {
    single[byte_at(train, i)] += 1;
    if (i > 0) pair[byte_at(train, i - 1) * kBytes + byte_at(train, i)] += 1;
  }
  Baseline result;
  const double n = static_cast<double>(train.size()) + kBytes;
  for (std::size_t i = 1; i < test.size(); ++i) {
    const std::size_t before = byte_at(test, i - 1), here = byte_at(test, i);
    result.letters -= std::log((single[here] + 1) / n);
    result.pairs -= std::log((pair[before * kBytes + here] + 1) / (single[before] + kBytes));
  }
  const auto count = static_cast<double>(test.size() - 1);
  return {result.letters / count, result.pairs / count};
}

}  // namespace ds::executor
