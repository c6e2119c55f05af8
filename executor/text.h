#pragma once
// Text to train on: the bytes of a file as tokens, the last tenth held back, and a sampler without state.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "simulator/workload/job.h"

namespace ds::executor {

/// Largest text that is read.
inline constexpr std::int64_t kMaxTextBytes = 8LL << 30;

struct Text {
  std::string bytes;
  std::int64_t train_bytes{};  // the rest is held back

  std::string_view train() const {
    return std::string_view(bytes).substr(0, static_cast<std::size_t>(train_bytes));
  }
  std::string_view held_back() const {
    return std::string_view(bytes).substr(static_cast<std::size_t>(train_bytes));
  }
};

/// Throws InputError where the file cannot be read, holds a byte that the vocabulary lacks, or is too short: both parts
/// need one sequence and the byte after it.
Text read_text(const std::filesystem::path& file, const workload::Job& job);

/// Draws the sequences of a step. Sequence `i` of step `n` is a pure function of (seed, n, i), where i counts within
/// the global batch: neither the number of ranks nor an interruption changes what is drawn.
class Sampler {
 public:
  Sampler(const Text& text, const workload::Job& job);
  /// ids and targets [rows x sequence] of micro-batch `micro` of the rank at data-parallel coordinate `dp`.
  void draw(std::int64_t step, std::int64_t dp, std::int64_t micro, std::span<std::int32_t> ids,
            std::span<std::int32_t> targets) const;
  /// Windows evenly spread over the held-back text: micro-batch `micro` of round `round` of `rounds`, a global batch each.
  void held_back(std::int64_t round, std::int64_t rounds, std::int64_t dp, std::int64_t micro,
                 std::span<std::int32_t> ids, std::span<std::int32_t> targets) const;

 private:
  void window(std::string_view part, std::int64_t start, std::int32_t* ids, std::int32_t* targets) const;
  const Text& text_;
  std::uint64_t seed_;
  std::int64_t sequence_, rows_, micro_batches_, global_batch_;
};

/// Nats per byte of the held-back part, coded by the frequencies of single bytes and of pairs in the training part
/// (one added to every count): what a model has to beat to have learned anything.
struct Baseline {
  double letters{}, pairs{};
};
Baseline baseline(const Text& text);

}  // namespace ds::executor
