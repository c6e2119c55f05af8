// Mistakes that a lowering could make. Each is made in a lowered program, which is hashed anew, and must be noticed: by the
// checker before anything runs, or because training is no longer that of one process.
#include <functional>
#include <stdexcept>

#include "tests/executor/parallel/plans.h"
#include "tests/support/edit_program.h"
#include "tests/support/sanitizer.h"

namespace ds::support {
namespace {

using program::Call;
using program::Instruction;
using program::Kind;
using program::Pass;
using program::Program;
using program::Use;
using Collective = collective::Collective;

enum class By : std::uint8_t { nobody, checker, equivalence };

struct Mistake {
  const char* what;
  By noticed;
  std::function<void(Program&)> make;
};

void PrintTo(By by, std::ostream* out) {
  *out << (by == By::checker ? "the checker" : by == By::equivalence ? "equivalence" : "nobody");
}

/// Every instruction of every template of that pass.
template <class Fn>
void for_each_of(Program& p, Pass pass, Fn&& fn) {
  for (const program::Template& body : p.templates)
    if (body.pass == pass) for_each(p, body, fn);
}

template <class Condition>
void drop(Program& p, Pass pass, Condition condition) {
  for (program::Template& body : p.templates)
    if (body.pass == pass) support::erase_if(p, body, condition);
}

bool is(const Instruction& i, Collective what, const program::Group& group) {
  return i.kind == Kind::collective && i.comm.what == what && i.comm.group == group;
}

/// The description of every operator of a kind.
template <class Op, class Fn>
void for_each_op(Program& p, Fn&& fn) {
  for (ops::Op& op : p.ops)
    if (auto* what = std::get_if<Op>(&op.what)) fn(*what);
}

std::span<Use> uses_of(Program& p, program::Span span) {
  return std::span(p.uses).subspan(static_cast<std::size_t>(span.first),
                                   static_cast<std::size_t>(span.count));
}

/// Every use by operators of a pass whose buffer satisfies a condition.
template <class Condition, class Fn>
void for_each_use_of(Program& p, Pass pass, Condition condition, Fn&& fn) {
  for_each_of(p, pass, [&](Instruction& i) {
    for (const program::Operator& op : p.operators_of(i))
      for (Use& use : uses_of(p, op.uses))
        if (condition(p.view(use.view).buffer)) fn(use);
  });
}

/// The calls of a class in the phase of forwards and backwards.
std::vector<Call>& calls_of(Program& p, std::size_t stage) { return p.classes[stage].phases[0].calls; }

std::vector<std::size_t> backwards_of(Program& p, std::size_t stage) {
  std::vector<std::size_t> places;
  for (std::size_t c = 0; c < calls_of(p, stage).size(); ++c)
    if (p.body(calls_of(p, stage)[c]).pass == Pass::backward) places.push_back(c);
  return places;
}

/// tp 2 x pp 2 x dp 2, tied: every kind of communication there is. Two micro-batches a rank, sharded optimizer states.
Small everything() { return small(plans().back(), workload::Family::gpt, true); }

const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> all{
      {"the loss is not divided by the tokens", By::equivalence,
       [](Program& p) { for_each_op<ops::CrossEntropy>(p, [](auto& loss) { loss.scale = 1; }); }},
      {"the loss is divided by the tokens of one data-parallel rank", By::equivalence,
       [](Program& p) { for_each_op<ops::CrossEntropy>(p, [](auto& loss) { loss.scale *= 2; }); }},
      {"a bucket is not reduced over data-parallel ranks", By::equivalence,
       [](Program& p) {
         for (program::Template& body : p.templates) {
           bool dropped = body.pass != Pass::norm;
           support::erase_if(p, body, [&](const Instruction& i) {
             return is(i, Collective::reduce_scatter, program::kDataGroup) && !std::exchange(dropped, true);
           });
         }
       }},
      {"gradients are reduced over tensor-parallel ranks instead", By::checker,
       [](Program& p) {
         for_each_of(p, Pass::norm, [](Instruction& i) {
           if (is(i, Collective::reduce_scatter, program::kDataGroup)) i.comm.group = program::kTensorGroup;
         });
       }},
      {"gradients are reduced over all ranks", By::checker,
       [](Program& p) {
         for_each_of(p, Pass::norm, [](Instruction& i) {
           if (is(i, Collective::reduce_scatter, program::kDataGroup)) i.comm.group = program::kWorld;
         });
       }},
      {"ranks update each other's shard", By::equivalence,
       [](Program& p) {
         for_each_of(p, Pass::update, [&](Instruction& i) {
           if (i.kind != Kind::optimizer) return;
           Use& gradient = uses_of(p, p.operators_of(i)[0].uses)[2];
           program::View other = p.view(gradient.view);
           other.offset = other.shard_stride;
           other.shard_stride = {-other.shard_stride.value};
           gradient.view = static_cast<program::ViewId>(p.views.size());
           p.views.push_back(other);
         });
       }},
      {"a shard begins where that of rank 0 does", By::checker,
       [](Program& p) {
         for (program::View& view : p.views) view.shard_stride = {};
       }},
      {"updated weights are not gathered", By::equivalence,
       [](Program& p) {
         drop(p, Pass::update, [](const Instruction& i) { return i.kind == Kind::collective; });
       }},
      {"the gradients of gains are not summed over tensor-parallel ranks", By::equivalence,
       [](Program& p) {
         drop(p, Pass::norm,
              [](const Instruction& i) { return is(i, Collective::all_reduce, program::kTensorGroup); });
       }},
      {"partial sums of a layer are not reduced", By::checker,
       [](Program& p) {
         drop(p, Pass::forward,
              [](const Instruction& i) { return is(i, Collective::reduce_scatter, program::kTensorGroup); });
       }},
      {"the two uses of the tied table are not added", By::equivalence,
       [](Program& p) {
         drop(p, Pass::norm, [](const Instruction& i) { return i.comm.group == program::kPipelineEnds; });
       }},
      {"one end forgets the tie", By::checker,
       [](Program& p) {
         support::erase_if(p, p.templates[program::index(calls_of(p, 0).back().body)],
                           [](const Instruction& i) { return i.comm.group == program::kPipelineEnds; });
       }},
      {"the norm is summed within each stage", By::equivalence,
       [](Program& p) {
         for_each_of(p, Pass::norm, [](Instruction& i) {
           if (i.comm.group == program::kWorld)
             i.comm.group =
                 program::group_over({program::Axis::tp, program::Axis::dp_shard, program::Axis::dp_replica});
         });
       }},
      {"the norm counts what every tensor-parallel rank holds twice", By::equivalence,
       [](Program& p) { for_each_op<ops::SquaredNorm>(p, [](auto& norm) { norm.copies = 1; }); }},
      {"everything decays", By::equivalence,
       [](Program& p) {
         for_each_op<ops::AdamW>(p, [](auto& adam) { adam.decayed = adam.elements * adam.shards; });
       }},
      {"a saved activation is read from the first slot always", By::checker,
       [](Program& p) {
         for_each_use_of(
             p, Pass::backward,
             [&](program::BufferId b) {
               return p.buffer(b).life == program::Life::slot && support::slots_of(p, b) > 1 &&
                      p.buffer(b).name.starts_with("layers.");
             },
             [](Use& use) { use.instance = 0; });
       }},
      {"the tokens of the first micro-batch are read always", By::equivalence,
       [](Program& p) {
         const std::string ids = p.buffer(p.classes[0].host.ids).name;
         for_each_use_of(
             p, Pass::forward, [&](program::BufferId b) { return p.buffer(b).name == ids; },
             [](Use& use) { use.instance = 0; });
       }},
      {"a send takes the first slot always", By::checker,
       [](Program& p) {
         for_each_of(p, Pass::forward, [&](Instruction& i) {
           if (i.kind == Kind::send) uses_of(p, i.uses)[0].instance = 0;
         });
       }},
      {"activations are sent the other way", By::checker,
       [](Program& p) {
         for_each_of(p, Pass::forward, [](Instruction& i) {
           if (i.kind == Kind::send) i.comm.shift = -1;
         });
       }},
      {"a receive is dropped", By::checker,
       [](Program& p) {
         drop(p, Pass::backward, [](const Instruction& i) { return i.kind == Kind::receive; });
       }},
      {"a stage takes micro-batches in another order than the one before it", By::equivalence,
       [](Program& p) {
         for (Call& call : calls_of(p, 1))
           if (call.micro[0] >= 0) call.micro[0] = p.micro_batches - 1 - call.micro[0];
       }},
      {"the first backward adds to gradients", By::checker,
       [](Program& p) {
         const std::vector<std::size_t> places = backwards_of(p, 1);
         calls_of(p, 1)[places.front()].body = calls_of(p, 1)[places.back()].body;
       }},
      {"every backward writes gradients", By::equivalence,
       [](Program& p) {
         const std::vector<std::size_t> places = backwards_of(p, 1);
         calls_of(p, 1)[places.back()].body = calls_of(p, 1)[places.front()].body;
       }},
      {"two gains have each other's place in the bucket of gradients", By::equivalence,
       [](Program& p) {
         std::vector<program::View*> gains;
         for (const program::TrainedTensor& tensor : p.tensors)
           if (tensor.layer == 0 && tensor.name.ends_with("norm.gain"))
             gains.push_back(&p.views[program::index(tensor.gradient)]);
         std::swap(gains.at(0)->offset, gains.at(1)->offset);
       }},
  };
  return all;
}

/// What a sound program trains.
struct Expected {
  std::vector<executor::StepResult> steps;
  Tensors gradients, weights;
};

constexpr int kSteps = 2;

Expected train(Team& team) {
  Expected trained;
  for (std::int64_t step = 0; step < kSteps; ++step) trained.steps.push_back(team.step(step));
  trained.steps.push_back(team.step(kSteps, false));
  trained.gradients = team.gradients();
  trained.weights = team.weights();
  return trained;
}

bool close(const Tensors& many, const Tensors& one) {
  for (const auto& [name, expected] : one) {
    const std::vector<double>& got = many.at(name);
    const double allowed = 1e-10 * largest(expected);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (!(std::abs(got[i] - expected[i]) <= allowed)) return false;
  }
  return true;
}

bool equivalent(Team& team, const Expected& expected) {
  try {
    const Expected got = train(team);
    for (std::size_t s = 0; s < expected.steps.size(); ++s) {
      const executor::StepResult &a = got.steps[s], &b = expected.steps[s];
      if (!(std::abs(a.loss - b.loss) <= 1e-12 * b.loss)) return false;
      if (!(std::abs(a.grad_norm - b.grad_norm) <= 1e-10 * b.grad_norm)) return false;
    }
    return close(got.gradients, expected.gradients) && close(got.weights, expected.weights);
  } catch (const std::logic_error&) {
    return false;  // ranks disagree
  }
}

By noticed_by(const workload::Job& job, Program program, const Expected& expected) {
  if (program::check(program)) return By::checker;
  Team team(job, std::move(program));
  return equivalent(team, expected) ? By::nobody : By::equivalence;
}

TEST(Mistakes, AreNoticed) {
  Team alone(small_job(on_one_rank(everything())));
  const Expected expected = train(alone);
  const workload::Job job = small_job(everything());
  support::Sample sample;
  for (const Program& good : {program::lower(job), program::unroll(program::lower(job))}) {
    EXPECT_EQ(noticed_by(job, good, expected), By::nobody);
    for (const Mistake& mistake : mistakes()) {
      if (!sample.takes()) continue;
      SCOPED_TRACE(mistake.what);
      Program broken = good;
      mistake.make(broken);
      broken.hash = program::hash_of(broken);
      EXPECT_NE(broken.hash, good.hash);
      EXPECT_EQ(noticed_by(job, std::move(broken), expected), mistake.noticed);
    }
  }
}

/// Layers that read what another layer has kept: everything is there and has been written, so only training tells.
TEST(Mistakes, OfTheOrderOfLayersAreNoticed) {
  const Small small = everything();
  Team alone(small_job(on_one_rank(small)));
  const Expected expected = train(alone);
  const workload::Job job = small_job(small);
  Program broken = program::lower(job);
  int turned = 0;
  for (const program::Template& body : broken.templates)
    if (body.pass == Pass::backward)
      for_each(broken, body, [&](Instruction& i) {
        for (const program::Operator& op : broken.operators_of(i))
          for (const Use& use : broken.uses_of(op)) {
            program::View& view = broken.views[program::index(use.view)];
            const program::Buffer& buffer = broken.buffer(view.buffer);
            if (buffer.copies < 2 || view.step != -1 || buffer.life != program::Life::slot || buffer.goes_on)
              continue;
            view.copy = 0, view.step = 1;
            ++turned;
          }
      });
  EXPECT_GT(turned, 0);
  broken.hash = program::hash_of(broken);
  EXPECT_EQ(noticed_by(job, std::move(broken), expected), By::equivalence);
}

}  // namespace
}  // namespace ds::support
