// Gradients against five-point finite differences in fp64: f' = (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12 h.
#include <gtest/gtest.h>

#include "tests/kernels/grid.h"
#include "tests/kernels/play.h"

namespace ds::kernels::test {
namespace {

constexpr double kStep = 1e-3, kTolerance = 1e-8;

/// What the gradient of a pass belongs to: dqkv is that of qkv.
std::string undifferentiated(const std::string& name) { return name.substr(1); }

std::vector<std::string> output_names(const ops::Op& op) {
  if (std::holds_alternative<ops::Rope>(op.what)) return {"qkv"};
  if (std::holds_alternative<ops::Positions>(op.what) || std::holds_alternative<ops::Bias>(op.what))
    return {"x"};
  if (std::holds_alternative<ops::SplitHeads>(op.what)) return {"q", "kv"};
  if (std::holds_alternative<ops::Route>(op.what)) return {"probs"};
  if (std::holds_alternative<ops::Dispatch>(op.what)) return {"rows"};
  if (std::holds_alternative<ops::JoinHeads>(op.what)) return {"qkv"};
  if (std::holds_alternative<ops::SpreadProbabilities>(op.what)) return {"factors"};
  return {ops::is_attention(op.what) ? "o" : "y"};
}

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Derivative of (outputs of `op` . weights) by every element of the operand `by`.
Values differences(const ops::Op& op, Library library, const std::string& by,
                   const std::vector<Values>& weights) {
  const Values middle = Play(op).read(by);
  const auto value = [&](std::size_t i, double step) {
    Play play(op);
    Values moved = middle;
    moved[i] += step;
    play.write(by, moved);
    play.run(library);
    double sum = 0;
    for (std::size_t o = 0; o < weights.size(); ++o) sum += dot(play.read(output_names(op)[o]), weights[o]);
    return sum;
  };
  Values slopes;
  for (std::size_t i = 0; i < middle.size(); ++i)
    slopes.push_back(
        (value(i, -2 * kStep) - 8 * value(i, -kStep) + 8 * value(i, kStep) - value(i, 2 * kStep)) /
        (12 * kStep));
  return slopes;
}

void expect_gradients(const ops::Op& forward, ops::Pass pass, Library library) {
  Play backward(with(forward, pass));
  SCOPED_TRACE(describe(backward.op()));
  std::vector<Values> weights;
  for (const std::string& output : output_names(forward)) weights.push_back(backward.read("d" + output));
  const Values residual = backward.has("residual") ? backward.read("residual") : Values{};
  // A later part of a ring adds its queries' gradients to those of the parts before.
  const auto* part = std::get_if<ops::ContextAttention>(&forward.what);
  const Values before = part != nullptr && part->keys == ops::Keys::later ? backward.read("dq") : Values{};
  backward.run(library);
  for (const std::string& name : backward.result_names()) {
    Values expected = differences(forward, library, undifferentiated(name), weights);
    for (std::size_t i = 0; i < residual.size(); ++i) expected[i] += residual[i];
    for (std::size_t i = 0; name == "dq" && i < before.size(); ++i) expected[i] += before[i];
    expect_near(backward.read(name), expected, kTolerance, name);
  }
}

TEST(Gradients, OfEveryOperatorAreTheSlopesOfItsForward) {
  for (const ops::Op& forward : differentiable_operators())
    for (const ops::Pass pass : {ops::Pass::input_gradient, ops::Pass::weight_gradient})
      if (ops::has_pass(forward.what, pass))
        for (const Library library : {Library::reference, Library::simd})
          expect_gradients(forward, pass, library);
}

TEST(Gradients, OfTheLossByTheLogitsAreItsSlopes) {
  const ops::Op op{ops::CrossEntropy{.tokens = 3, .vocab = 7, .columns = 9, .scale = 0.25},
                   ops::Pass::forward, DataType::fp64};
  for (const Library library : {Library::reference, Library::simd}) {
    const Values logits = Play(op).read("logits");
    const auto loss = [&](std::size_t i, double step) {
      Play play(op);
      Values moved = logits;
      moved[i] += step;
      play.write("logits", moved);
      play.run(library);
      return play.read("loss")[0];
    };
    Values slopes;
    for (std::size_t i = 0; i < logits.size(); ++i)
      slopes.push_back((loss(i, -2 * kStep) - 8 * loss(i, -kStep) + 8 * loss(i, kStep) - loss(i, 2 * kStep)) /
                       (12 * kStep));
    Play play(op);
    play.run(library);
    expect_near(play.read("logits"), slopes, kTolerance, "logits");
  }
}

}  // namespace
}  // namespace ds::kernels::test
