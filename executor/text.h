#pragma once
// Text to train on: the bytes of a file as tokens, the last tenth held back, and a sampler without state.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "simulator/base/descriptor.h"
#include "simulator/workload/job.h"

namespace ds::executor {

/// Largest text that is read.
inline constexpr std::int64_t kMaxTextBytes = 8LL << 30;

/// The bytes of a file that stays open, whoever puts another one in its place meanwhile. They are read piece by piece and
/// never held: a text of gigabytes takes no memory of a rank, and one that is cut short ends in an error.
class Text {
 public:
  /// Reads the file once from end to end. Throws InputError where it cannot be read or has more than kMaxTextBytes.
  explicit Text(const std::filesystem::path& file);
  /// For tests: a file without a name. `train_bytes` of the text are trained on.
  Text(std::string_view bytes, std::int64_t train_bytes);

  std::int64_t size() const { return size_; }
  std::int64_t train_bytes() const { return train_bytes_; }  // the rest is held back
  std::int64_t held_back_bytes() const { return size_ - train_bytes_; }
  /// The highest of its bytes, and a name for all of them: equal texts, equal hash.
  int highest_byte() const { return scan_.highest; }
  std::uint64_t hash() const { return scan_.hash; }

  /// Copies the bytes from `first` on. Throws InputError where the file has become shorter.
  void read(std::int64_t first, std::span<char> to) const;
  /// Throws InputError where the file holds other bytes than at first. Costs a microsecond while nobody writes to it.
  void check_unchanged() const;

 private:
  struct Scan {
    std::uint64_t hash{};
    int highest{};
  };
  Scan scan() const;
  [[noreturn]] void fail_changed() const;

  std::string name_;
  Descriptor file_;
  std::int64_t size_{}, train_bytes_{};
  mutable std::int64_t written_ns_{};  // when somebody last wrote to it, as far as that has been looked into
  Scan scan_;
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
  /// Of the bytes from `start` on.
  void window(std::int64_t start, std::int32_t* ids, std::int32_t* targets) const;
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
