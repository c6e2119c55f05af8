#pragma once
// Bytes that are alive at each instruction of a pass, of one micro-batch through one chunk, for any number of layers.
//
//   const auto forward = Profile::grown(of_one_layer, of_two_layers);   // nothing: it does not grow by equal blocks
//   forward->peak({.layers = 12, .micro_batch = 4}, sizes);             // what is highest, in bytes

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ds::tuner {

/// Bytes that a micro-batch of so many sequences needs.
struct BatchBytes {
  std::int64_t per_sequence{}, fixed{};
  std::int64_t at(std::int64_t sequences) const { return per_sequence * sequences + fixed; }
  BatchBytes& operator+=(const BatchBytes& other);
  friend bool operator==(const BatchBytes&, const BatchBytes&) = default;
};

/// What is born in the first pass of a step and lives to its end: gradient buffers by their number of elements, losses.
inline constexpr std::size_t kSizes = 6;
using Counts = std::array<std::int32_t, kSizes>;
using Sizes = std::array<std::int64_t, kSizes>;  // bytes of one of each

/// What is alive at an instruction, or by how much that changes with a layer more.
struct Level {
  BatchBytes bytes;
  Counts born{};
  friend bool operator==(const Level&, const Level&) = default;
};

/// The levels of a pass over a chunk of 1, 2, 3 ... layers: a head, a block for each layer after the first, a tail. With
/// one layer more, the head rises by one step and the tail by another: a backward begins with one more layer's activations
/// and ends with one more layer's gradients.
class Profile {
 public:
  struct At {
    std::int64_t layers{}, micro_batch{};
  };

  /// From the levels with one layer and with two; nothing where the second is not the first with one block more.
  static std::optional<Profile> grown(std::span<const Level> one, std::span<const Level> two);
  /// Of a chunk that has no layers.
  static Profile fixed(std::span<const Level> levels);

  /// Highest level, what was born in the pass counted by `sizes`.
  std::int64_t peak(At at, const Sizes& sizes) const;
  /// Highest level without what was born in the pass.
  std::int64_t peak(At at) const;

 private:
  struct Part {
    std::vector<Level> levels;      // those that no other tops
    std::vector<BatchBytes> bytes;  // the same where nothing is born
  };
  static Part part_of(std::span<const Level> levels);
  template <class Highest, class Step>
  std::int64_t highest(std::int64_t layers, const Highest& highest_of, const Step& bytes_of_step) const;

  Part head_, block_, tail_;
  Level head_step_, tail_step_;  // for each layer more
};

}  // namespace ds::tuner
