// The operators and shapes that calibration measures.
#include "executor/calibrate/calibrate.h"

namespace ds::executor {
namespace {

using ops::Op;
using ops::Pass;

struct Grid {
  std::vector<Op> ops;
  void add(const ops::What& what, std::initializer_list<Pass> passes) {
    for (const Pass pass : passes) ops.push_back({what, pass, DataType::fp32, pass == Pass::weight_gradient});
  }
};

constexpr auto kForward = {Pass::forward};
constexpr auto kBothGradients = {Pass::forward, Pass::input_gradient, Pass::weight_gradient};
constexpr auto kInputGradient = {Pass::forward, Pass::input_gradient};
constexpr auto kUpdate = {Pass::update};

/// The four products of a layer by width: qkv, projection, up, down; and the head over a byte and a word vocabulary.
void add_products(Grid& grid) {
  for (const std::int64_t tokens : {32, 128, 512, 1024}) {
    for (const std::int64_t hidden : {128, 256, 512, 768}) {
      grid.add(ops::Linear{tokens, hidden, 3 * hidden, true}, kBothGradients);
      grid.add(ops::Linear{tokens, hidden, hidden, true}, kBothGradients);
      grid.add(ops::Linear{tokens, hidden, 4 * hidden, true}, kBothGradients);
      grid.add(ops::Linear{tokens, 4 * hidden, hidden, true}, kBothGradients);
    }
    grid.add(ops::Linear{tokens, 256, 256, false}, kBothGradients);
    grid.add(ops::Linear{tokens, 64, 64, true}, kBothGradients);
    grid.add(ops::Linear{tokens, 64, 256, true}, kBothGradients);
  }
  for (const std::int64_t tokens : {64, 256}) {
    grid.add(ops::Linear{tokens, 768, 50257, false}, kBothGradients);
    grid.add(ops::Linear{tokens, 256, 8192, false}, kBothGradients);
  }
}

void add_attention(Grid& grid) {
  for (const bool flash : {true, false})
    for (const std::int64_t sequence : {32, 64, 128, 256, 512})
      for (const std::int64_t heads : {2, 8, 12})
        for (const std::int64_t head_dim : {32, 64})
          grid.add(ops::Attention{sequence >= 256 ? 1 : 4, sequence, heads, heads, head_dim, flash},
                   kInputGradient);
}

void add_rows(Grid& grid) {
  for (const std::int64_t tokens : {32, 128, 512, 1024})
    for (const std::int64_t hidden : {64, 256, 768}) {
      grid.add(ops::LayerNorm{tokens, hidden, true}, kBothGradients);
      grid.add(ops::RmsNorm{tokens, hidden, true}, kBothGradients);
      grid.add(ops::Embedding{tokens, 64, hidden, 256, true}, {Pass::forward, Pass::weight_gradient});
      grid.add(ops::Add{tokens, hidden}, kForward);
      grid.add(ops::Gelu{tokens, 4 * hidden}, kInputGradient);
      grid.add(ops::SwiGlu{tokens, 3 * hidden}, kInputGradient);
      grid.add(ops::Rope{tokens, 32, hidden / 32, hidden / 32, 32}, kInputGradient);
    }
  for (const std::int64_t tokens : {64, 256, 1024}) {
    grid.add(ops::CrossEntropy{tokens, 256, 256}, kForward);
    grid.add(ops::CrossEntropy{tokens, 4096, 4096}, kForward);
  }
  grid.add(ops::CrossEntropy{128, 50257, 50257}, kForward);
}

void add_flat(Grid& grid) {
  for (std::int64_t elements = 1 << 12; elements <= 1 << 24; elements *= 4) {
    grid.add(ops::SquaredNorm{.elements = elements, .once_from = elements}, kUpdate);
    grid.add(ops::AdamW{elements, elements}, kUpdate);
    grid.add(ops::Accumulate{elements}, kUpdate);
  }
  grid.add(ops::ClipFactor{1.0}, kUpdate);
  grid.add(ops::LossSum{4}, kUpdate);
}

}  // namespace

std::vector<Op> calibration_grid() {
  Grid grid;
  add_products(grid);
  add_attention(grid);
  add_rows(grid);
  add_flat(grid);
  return grid.ops;
}

}  // namespace ds::executor
