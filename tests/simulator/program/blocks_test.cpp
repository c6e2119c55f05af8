// Blocks that repeat: what a lowered program has of them, and the mistakes that only they can have.
#include <gtest/gtest.h>

#include <functional>

#include "simulator/base/error.h"
#include "simulator/program/walk.h"
#include "tests/support/edit_program.h"
#include "tests/support/jobs.h"

namespace ds::program {
namespace {

/// The block of a template that comes once a layer.
Block& layers_of(Template& body) { return *std::ranges::max_element(body.blocks, {}, &Block::times); }

Template& named(Program& program, std::string_view name) {
  return *std::ranges::find(program.templates, name, &Template::name);
}

support::Small three_layers() {
  support::Small small{
      .layers = 3, .hidden = 16, .heads = 4, .kv_heads = 4, .ffn = 24, .sequence = 8, .micro_batches = 3};
  small.dp = 2;
  small.overlap.grad_reduce = true;
  return small;
}

TEST(Blocks, NothingGrowsWithLayers) {
  support::Small small = three_layers();
  const Program few = lower(support::small_job(small));
  small.layers = 40;
  const Program many = lower(support::small_job(small));
  EXPECT_EQ(few.instructions.size(), many.instructions.size());
  EXPECT_EQ(few.buffers.size(), many.buffers.size());
  EXPECT_EQ(few.views.size(), many.views.size());
  EXPECT_EQ(few.ops.size(), many.ops.size());
  for (std::size_t t = 0; t < few.templates.size(); ++t)
    EXPECT_EQ(few.templates[t].blocks.size(), many.templates[t].blocks.size());
}

TEST(Blocks, LayersOfOneKindAreOneBlock) {
  Program program = lower(support::small_job(three_layers()));
  for (Template& body : program.templates) EXPECT_GE(layers_of(body).times, 2) << body.name;
  EXPECT_EQ(layers_of(named(program, "forward")).times, 3);
  EXPECT_NE(to_text(program).find("3 times:"), std::string::npos);
}

TEST(Blocks, StagesOfAKindShareWhatTheyAreMadeOf) {
  support::Small small = three_layers();
  small.layers = 16, small.pp = 8, small.micro_batches = 8, small.tied = false;
  const Program program = lower(support::small_job(small));
  for (std::size_t c = 2; c + 1 < program.classes.size(); ++c) {
    EXPECT_EQ(program.classes[c].buffers.first, program.classes[1].buffers.first);
    EXPECT_NE(program.classes[c].slots, program.classes[1].slots);  // a later stage holds fewer micro-batches
  }
}

/// A view of the block of a pass that moves from layer to layer.
View& moving_view(Program& program, std::string_view pass, Access access, Part part) {
  View* found = nullptr;
  const Block& block = layers_of(named(program, pass));
  for (Instruction& i : support::body_of(program, block))
    for_each_use(program, i, [&](const Use& use) {
      View& view = program.views[index(use.view)];
      if (found == nullptr && view.step != 0 && use.access == access &&
          program.buffer(view.buffer).part == part && program.buffer(view.buffer).copies > 1)
        found = &view;
    });
  ensure(found != nullptr, "the program has one");
  return *found;
}

struct Mistake {
  const char* what;
  std::function<void(Program&)> make;
};

TEST(Blocks, MistakesThatOnlyABlockCanHaveAreNoticed) {
  const Program good = lower(support::small_job(three_layers()));
  ASSERT_EQ(check(good), std::nullopt);
  const std::vector<Mistake> mistakes = {
      {"a layer too many", [](Program& p) { ++layers_of(named(p, "forward")).times; }},
      {"a layer too few", [](Program& p) { --layers_of(named(p, "forward")).times; }},
      {"iterations are counted from one", [](Program& p) { ++layers_of(named(p, "forward")).first; }},
      {"the last backward leaves out the last layer, whose bucket is not reduced",
       [](Program& p) { --layers_of(named(p, "backward, last")).times; }},
      {"what a layer keeps stands still",
       [](Program& p) { moving_view(p, "forward", Access::write, Part::activations).step = 0; }},
      {"what a layer keeps moves by two",
       [](Program& p) { moving_view(p, "forward", Access::write, Part::activations).step = 2; }},
      {"the input of a layer is that of the one before",
       [](Program& p) {
         const Block& block = layers_of(named(p, "forward"));
         const Instruction& norm = support::body_of(p, block)[0];
         --p.views[index(p.uses_of(p.operators_of(norm)[0])[0].view)].copy;
       }},
      {"layers do not hand on what they compute",
       [](Program& p) {
         for (Buffer& buffer : p.buffers) buffer.goes_on = false;
       }},
      {"a buffer has a copy too few",
       [](Program& p) {
         --p.buffers[index(moving_view(p, "forward", Access::write, Part::activations).buffer)].copies;
       }},
      {"a slot too few for the micro-batches in flight",
       [](Program& p) {
         for (std::int32_t& slots : p.classes[0].slots) slots = 0;
       }},
  };
  for (const Mistake& mistake : mistakes) {
    Program broken = good;
    mistake.make(broken);
    broken.hash = hash_of(broken);
    EXPECT_NE(check(broken), std::nullopt) << mistake.what;
  }
}

/// What the program says is hashed, so every rank notices when its own says something else.
TEST(Blocks, TheHashCountsEveryPartOfABlock) {
  const Program good = lower(support::small_job(three_layers()));
  const std::vector<Mistake> changes = {
      {"times", [](Program& p) { ++p.templates[0].blocks.back().times; }},
      {"first", [](Program& p) { ++p.templates[0].blocks.back().first; }},
      {"copy", [](Program& p) { ++p.views.back().copy; }},
      {"step", [](Program& p) { ++p.views.back().step; }},
      {"shards", [](Program& p) { p.views.back().shard_stride += Bytes{64}; }},
      {"copies", [](Program& p) { ++p.buffers.back().copies; }},
      {"goes on", [](Program& p) { p.buffers.front().goes_on = !p.buffers.front().goes_on; }},
      {"slots", [](Program& p) { ++p.classes[0].slots.back(); }},
      {"first layer", [](Program& p) { ++p.classes[0].first_layer.front(); }},
      {"beside", [](Program& p) { ++p.instructions.back().comm.beside; }},
      {"fused", [](Program& p) { p.operators.back().fused = !p.operators.back().fused; }},
  };
  for (const Mistake& change : changes) {
    Program other = good;
    change.make(other);
    EXPECT_NE(hash_of(other), good.hash) << change.what;
  }
}

}  // namespace
}  // namespace ds::program
