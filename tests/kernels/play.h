#pragma once
// Plays one operator: buffers with canary words around them, filled with random inputs that belong together
// (what a backward pass takes from its forward comes from running the reference forward), then a kernel run
// on them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"

namespace ds::kernels::test {

using Values = std::vector<double>;

class Play {
 public:
  /// `offset`: bytes, a multiple of 64, by which every buffer is moved from where it would lie.
  explicit Play(const ops::Op& op, std::uint64_t seed = 1, std::int64_t offset = 0);

  /// Runs and checks that nothing was written outside of the outputs.
  void run(Run kernel);
  void run(Library library) { run(find(op_, library)); }

  const ops::Op& op() const { return op_; }
  bool has(std::string_view name) const { return list_.find(name) >= 0; }
  Values read(std::string_view name) const;
  void write(std::string_view name, const Values& values);
  /// Bytes of all results, workspaces left out.
  std::vector<std::vector<unsigned char>> results() const;
  /// Names of what the kernel writes or adds to, workspaces left out.
  std::vector<std::string> result_names() const;

 private:
  struct Buffer {
    std::vector<unsigned char> memory;
    std::size_t begin{}, bytes{};
    unsigned char* data() { return memory.data() + begin; }
    const unsigned char* data() const { return memory.data() + begin; }
    bool operator==(const Buffer&) const = default;
  };
  void fill(std::uint64_t seed);
  void expect_canaries() const;

  ops::Op op_;
  ops::Operands list_;
  std::vector<Buffer> buffers_;
};

/// The same operator in another type or pass.
ops::Op with(ops::Op op, DataType type);
ops::Op with(ops::Op op, ops::Pass pass);

/// max |a - b| <= tolerance * max(max |b|, 0.1): relative to the tensor's largest, for elements near zero are
/// noise.
void expect_near(const Values& a, const Values& b, double tolerance, std::string_view what);

/// "linear forward fp32 [x 3x7, weight 5x7, ...]" for SCOPED_TRACE.
std::string describe(const ops::Op& op);

}  // namespace ds::kernels::test
