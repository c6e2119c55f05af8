// Laws that every legal job keeps, over random ones: DS_LAWS_JOBS says how many (.ci/soak asks for 20,000), DS_LAWS_FIRST
// the seed of the first. The first job that breaks a law is shown whole.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "simulator/engine/predict.h"
#include "simulator/program/walk.h"
#include "simulator/report/report.h"
#include "tests/simulator/laws/random_jobs.h"
#include "tests/support/sanitizer.h"

namespace ds::laws {
namespace {

using workload::Depth;
using workload::Job;

constexpr double kRounding = 1e-9;

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

engine::Prediction predict(const Job& job, Depth depth = Depth::analytic) {
  return engine::predict(job, cost::Machine(job, profile()), depth, engine::Rows::none);
}
double step(const Job& job) { return predict(job).summary.step_time.value; }

/// Of jobs that have broken a law: overlapped sums over tp (992, 2017), a replay before its gradient (2674), gathered
/// activations kept for weight gradients (185, 553), products of a small layer with a faster memory (0 to 20), a product that hid
/// what stands on either side of it (106167).
constexpr std::uint64_t kBrokenOnce[] = {992, 2017, 2674, 185, 553, 106167};

/// Calls law(job) for these and each random job. A hundred jobs take about half a second.
template <class Law>
void for_each_job(Law&& law) {
  const std::uint64_t jobs = number("DS_LAWS_JOBS", support::fewer(80)), first = number("DS_LAWS_FIRST", 0);
  std::uint64_t legal = 0;
  const auto hold = [&](std::uint64_t seed, bool with_further_keys) {
    support::Draw draw(seed);
    std::string text = random_job(draw);
    std::vector<std::string> keys = with_further_keys ? random_keys(draw) : std::vector<std::string>();
    if (with_further_keys && draw.from(0, 2) == 0) {
      text = with_config(draw, text);
      std::erase_if(keys, [](const std::string& key) { return key.starts_with("model."); });
    }
    const std::optional<Job> job = read(text, keys);
    if (!job) return;
    ++legal;
    SCOPED_TRACE(fmt::format("seed {}: {} --set {}", seed, text, fmt::join(keys, " --set ")));
    law(*job);
  };
  for (const std::uint64_t seed : kBrokenOnce) hold(seed, false);
  for (std::uint64_t seed = first; legal < jobs && !testing::Test::HasFailure(); ++seed) {
    ASSERT_LT(seed, first + 24 * jobs + 100) << "a good part of the drawn jobs is legal";
    hold(seed, seed % 3 != 0);
  }
}

struct Change {
  const char* what;
  void (*make)(workload::Cluster&);
};

workload::Node& node(workload::Cluster& cluster) { return cluster.groups.front().node; }

/// Parts of a machine of GPUs, each twice as good.
constexpr Change kFaster[] = {
    {"peak",
     [](workload::Cluster& c) {
       workload::Gpu& gpu = node(c).accelerator;
       for (double* rate : {&gpu.fp32_flops_per_s, &gpu.tf32_flops_per_s, &gpu.fp16_flops_per_s,
                            &gpu.bf16_flops_per_s, &gpu.fp8_flops_per_s})
         *rate *= 2;
     }},
    {"memory rate", [](workload::Cluster& c) { node(c).accelerator.memory_bytes_per_s *= 2; }},
    {"link inside the node", [](workload::Cluster& c) { node(c).intra.bytes_per_s *= 2; }},
    {"link between sockets", [](workload::Cluster& c) { node(c).intra.socket_bytes_per_s *= 2; }},
    {"network cards", [](workload::Cluster& c) { node(c).nics.bytes_per_s *= 2; }},
    {"fabric", [](workload::Cluster& c) { c.network.bytes_per_s *= 2; }},
    {"fabric that blocks less",
     [](workload::Cluster& c) {
       c.network.oversubscription = std::max(1.0, c.network.oversubscription / 2);
     }},
    {"latency inside", [](workload::Cluster& c) { node(c).intra.latency_s /= 2; }},
    {"latency of the fabric", [](workload::Cluster& c) { c.network.latency_s /= 2; }},
};

/// Behind what another lane brings into a layer the host is as far behind as the layer's own work is shorter than its launches,
/// also where it might have gone on launching while that was waited for (decision 038).
constexpr double kHostWaits = 0.01;

/// How far a law about times holds: exactly, but where the host is waited for in layers into which other lanes come.
double tolerance(const Job& job) {
  const workload::Plan& plan = job.plan;
  const bool comes_in = plan.cp > 1 || plan.exchanges_apart() || plan.zero >= 2 ||
                        (plan.dp > 1 && (plan.overlap.grad_reduce || plan.overlap.param_gather)) ||
                        workload::offloads_activations(plan);
  const bool waits = !job.cluster.cpu() && plan.cuda_graphs != workload::CudaGraphs::full;
  return waits && comes_in ? kHostWaits : kRounding;
}

TEST(Laws, AFasterPartOfTheMachineNeverSlowsAStep) {
  for_each_job([](const Job& job) {
    if (job.cluster.cpu()) return;
    const double before = step(job);
    const double allowed = tolerance(job);
    for (const Change& change : kFaster) {
      Job faster = job;
      change.make(faster.cluster);
      const double after = step(faster);
      EXPECT_LE(after, before * (1 + allowed))
          << change.what << ": " << 100 * (after / before - 1) << " % slower";
    }
  });
}

/// All numbers of a JSON value, by path.
template <class Visit>
void for_each_number(const nlohmann::ordered_json& value, const std::string& path, Visit&& visit) {
  if (value.is_structured())
    for (const auto& [key, inner] : value.items()) for_each_number(inner, path + "." + key, visit);
  else
    visit(path, value);
}

TEST(Laws, ProgramsAreSound) {
  for_each_job([](const Job& job) { EXPECT_EQ(program::check(program::lower(job)), std::nullopt); });
}

TEST(Laws, PartsAddUpAndAreNotNegative) {
  for_each_job([](const Job& job) {
    for (const Depth depth : {Depth::analytic, Depth::event}) {
      const engine::Prediction p = predict(job, depth);
      const double time = p.summary.step_time.value;
      ASSERT_TRUE(std::isfinite(time) && time > 0);
      EXPECT_NEAR(p.summary.parts.total().value, time, kRounding * time);
      for_each_number(report::to_json(p.summary.parts), "",
                      [&](const std::string& name, const auto& seconds) {
                        EXPECT_GE(seconds.template get<double>(), -kRounding * time) << name;
                      });
      for (const program::ClassTime& c : p.summary.classes) EXPECT_GE(c.seconds.value, 0) << c.name;
      EXPECT_GE(p.sigma, 0);
      Bytes most{};
      for (const memory::Parts& parts : p.memory) {
        most = std::max(most, parts.total());
        for_each_number(report::to_json(parts), "", [](const std::string& name, const auto& bytes) {
          EXPECT_GE(bytes.template get<std::int64_t>(), 0) << name;
        });
      }
      EXPECT_EQ(most, p.peak);
    }
  });
}

TEST(Laws, BoundIsNotAboveAnalyticNorThatAboveEvent) {
  for_each_job([](const Job& job) {
    const cost::Machine machine(job, profile());
    const program::Program program = program::lower(job);
    const engine::Durations durations = engine::price(program, machine);
    const double analytic = engine::analyse(program, durations).step_time.value;
    EXPECT_LE(engine::bound(program, durations).value, analytic * (1 + kRounding));
    const auto played = [&](bool sharing) {
      return engine::play(program, durations, {.cores = {machine.cores()}, .sharing = sharing})
          .summary.step_time.value;
    };
    EXPECT_LE(analytic, played(true) * (1 + kRounding));
  });
}

std::string reported(const Job& job, nlohmann::ordered_json* json = nullptr) {
  const cost::Machine machine(job, profile());
  const engine::Prediction p = engine::predict(job, machine, Depth::event, engine::Rows::none);
  const report::Predicted predicted{.job = job,
                                    .program = p.program,
                                    .memory = p.memory,
                                    .peak = p.peak,
                                    .summary = p.summary,
                                    .sigma = p.sigma,
                                    .depth = "event",
                                    .peak_per_rank = machine.peak_per_rank(),
                                    .peak_source = machine.peak_source(),
                                    .assumptions = {}};
  nlohmann::ordered_json report = run_report(predicted, {});
  std::string text = report.dump();
  if (json != nullptr) *json = std::move(report);
  return text;
}

TEST(Laws, ReportsAreFiniteAndConsistent) {
  for_each_job([](const Job& job) {
    nlohmann::ordered_json r;
    const std::string text = reported(job, &r);
    EXPECT_EQ(text, reported(job)) << "equal input, equal bytes";
    for_each_number(r, "", [](const std::string& path, const nlohmann::ordered_json& value) {
      EXPECT_FALSE(value.is_null()) << path;
      EXPECT_TRUE(!value.is_number() || std::isfinite(value.get<double>())) << path;
    });
    const double time = r["step_time_s"],
                 tokens = static_cast<double>(job.train.global_batch * job.train.sequence_length);
    EXPECT_NEAR(r["tokens_per_s"].get<double>() * time, tokens, kRounding * tokens);
    EXPECT_NEAR(r["tokens_per_s_per_gpu"].get<double>() * static_cast<double>(job.cluster.ranks()),
                r["tokens_per_s"].get<double>(), kRounding * r["tokens_per_s"].get<double>());
    const double flops = r["model"]["flops_per_token"].get<double>() * tokens;
    EXPECT_NEAR(r["tflops_per_gpu"].get<double>() * 1e12 * static_cast<double>(job.cluster.ranks()) * time,
                flops, kRounding * flops);
    EXPECT_GT(r["mfu"], 0);
    EXPECT_LE(r["mfu"], r["hfu"]);
    EXPECT_LE(r["hfu"], 1);
    const nlohmann::ordered_json& memory = r["memory"];
    EXPECT_EQ(memory["fits"].get<bool>(),
              memory["peak_bytes"].get<double>() <= memory["capacity_bytes"].get<double>());
    EXPECT_GT(memory["capacity_bytes"], 0);
    EXPECT_GT(memory["peak_bytes"], 0);
  });
}

TEST(Laws, MoreMicroBatchesAreNeverFaster) {
  for_each_job([](const Job& job) {
    Job more = job;
    const std::int64_t pp = job.plan.pp;
    const std::int64_t added = job.plan.schedule == workload::Schedule::interleaved ? pp
                               : job.plan.schedule == workload::Schedule::dualpipe  ? 2
                                                                                    : 1;
    more.train.global_batch += added * job.plan.dp * job.plan.micro_batch;
    EXPECT_FALSE(workload::first_violation(more));
    const double before = step(job), after = step(more);
    EXPECT_GE(after, before * (1 - kRounding)) << 100 * (1 - after / before) << " % faster";
  });
}

Job recomputing(Job job, workload::Recompute how) {
  job.plan.recompute = how;
  return job;
}

TEST(Laws, RecomputingIsNeverFaster) {
  for_each_job([](const Job& job) {
    // What is made again is not copied to the host and back, nor put in fewer bits and widened.
    const bool narrows = job.habits.activation_input_bits > 0 || job.habits.attention_output_bits > 0;
    if (workload::offloads(job.plan) || narrows) return;
    const double none = step(recomputing(job, workload::Recompute::none));
    for (const auto how : {workload::Recompute::full, workload::Recompute::selective}) {
      const Job again = recomputing(job, how);
      if (workload::first_unsupported(again)) continue;
      const double after = step(again);
      EXPECT_GE(after, none * (1 - tolerance(job)))
          << (how == workload::Recompute::full ? "full" : "selective") << " " << 100 * (1 - after / none)
          << " % faster";
    }
  });
}

/// The most that a layer writes for one micro-batch in a pass: its workspace, forward or replayed and backward.
Bytes layer_writes(const Job& job) {
  // Weights are gathered for it and, where that is done beside the work, for the next one.
  const std::int64_t gathered_ahead = job.plan.overlap.param_gather ? 2 : 1;
  const program::Program program = program::lower(job);
  Bytes most{};
  for (const program::Template& body : program.templates) {
    for (const program::Block& block : body.blocks) {
      Bytes written{};
      for (std::int32_t i = 0; i < block.body.count; ++i) {
        const program::Instruction& instruction =
            program.instructions[static_cast<std::size_t>(block.body.first + i)];
        if (instruction.of_step) continue;
        for (const program::Use& use : program.uses_of(instruction))
          if (use.access == ops::Access::write) written += gathered_ahead * program.view(use.view).bytes();
        for (std::int32_t o = instruction.operators.first;
             o < instruction.operators.first + instruction.operators.count; ++o) {
          const program::Operator& op = program.operators[static_cast<std::size_t>(o)];
          for (std::int32_t u = op.uses.first; u < op.uses.first + op.uses.count; ++u) {
            const program::Use& use = program.uses[static_cast<std::size_t>(u)];
            if (use.access == ops::Access::write) written += program.view(use.view).bytes();
          }
        }
      }
      most = std::max(most, written);
    }
  }
  return most;
}

/// Not where it is by operator: its cache holds results of products that nothing reads, for each micro-batch under way.
TEST(Laws, RecomputingRaisesThePeakByALayersWorkspaceAtMost) {
  for_each_job([](const Job& job) {
    const Bytes none = predict(recomputing(job, workload::Recompute::none)).peak;
    for (const auto how : {workload::Recompute::full, workload::Recompute::selective}) {
      const Job again = recomputing(job, how);
      const bool by_operator =
          how == workload::Recompute::selective && job.habits.selective_recompute == "per_operator";
      if (workload::first_unsupported(again) || by_operator) continue;
      const Bytes peak = predict(again).peak;
      EXPECT_LE(peak, none + layer_writes(again))
          << (how == workload::Recompute::full ? "full" : "selective") << ": "
          << static_cast<double>((peak - none).value) / static_cast<double>(layer_writes(again).value)
          << " layers more";
    }
  });
}

TEST(Laws, ThePeakGrowsWithTheSequenceAndTheMicroBatch) {
  for_each_job([](const Job& job) {
    const Bytes peak = predict(job).peak;
    Job longer = job, wider = job;
    longer.train.sequence_length *= 2;
    wider.plan.micro_batch *= 2, wider.train.global_batch *= 2;
    for (const Job* more : {&longer, &wider}) {
      if (workload::first_violation(*more) || workload::first_unsupported(*more)) continue;
      EXPECT_GE(predict(*more).peak, peak) << (more == &longer ? "sequence" : "micro-batch");
    }
  });
}

/// Elements that a shard may be longer, so that it ends where vectors end.
constexpr std::int64_t kMostPadding = 64;

/// Weights that the ranks of a tensor-parallel group each have whole are updated by each, and a tied table by both stages that have
/// it; a vocabulary is padded by software, and shards to be equal.
TEST(Laws, ShardsOfTheOptimizerAddUpToTheParameters) {
  for_each_job([](Job job) {
    job.habits.vocab_multiple = 1;
    const workload::Plan& plan = job.plan;
    const bool tied_twice = job.model.tied_embeddings && plan.pp > 1;
    if (plan.tp > 1 || plan.etp > 1 || tied_twice || job.model.mtp_layers > 0 || plan.zero == 0 ||
        plan.zero_group != plan.dp * plan.cp || plan.schedule == workload::Schedule::dualpipe)
      return;
    const program::Program program = program::lower(job);
    double updated = 0, padding = 0;
    for (const program::RankClass& ranks : program.classes)
      for (const program::Phase& phase : ranks.phases)
        for (const program::Call& call : phase.calls)
          program::for_each_instruction(program.body(call), [&](program::InstructionId id, std::int32_t) {
            for (const program::Operator& op : program.operators_of(program.instruction(id)))
              if (const auto* adamw = std::get_if<ops::AdamW>(&program.op(op.op).what)) {
                updated += static_cast<double>(ranks.members * adamw->elements);
                padding += static_cast<double>(ranks.members * kMostPadding);
              }
          });
    const auto parameters = static_cast<double>(workload::parameters(job.model, job.train.sequence_length));
    EXPECT_GE(updated, parameters);
    EXPECT_LE(updated, parameters + padding);
  });
}

/// What ranks send to the experts of others is what these receive, and comes back: in each direction and pass.
TEST(Laws, ExchangesWithExpertsConserveBytes) {
  for_each_job([](const Job& job) {
    if (!job.model.moe || job.plan.ep == 1) return;
    const program::Program program = program::lower(job);
    for (const program::Instruction& instruction : program.instructions)
      if (instruction.kind == program::Kind::collective &&
          instruction.comm.what == collective::Collective::all_to_all) {
        const auto uses = program.uses_of(instruction);
        std::int64_t sent = 0, received = 0;
        for (const program::Use& use : uses)
          (use.access == ops::Access::read ? sent : received) += program.view(use.view).bytes().value;
        EXPECT_EQ(sent, received);
      }
  });
}

/// The sums over the two directions of dualpipe wait for gradients in an order that both ends share, and may find theirs
/// behind others that went out early.
constexpr double kMirrorsWait = 0.01;

/// Gathers of weights and reductions of gradients go through one communicator in the order of their issue, as they do in FSDP:
/// beside work both, one may hold up the other, so each is asked about without the other.
TEST(Laws, OverlappingIsNeverSlower) {
  for_each_job([](Job job) {
    using workload::Overlap;
    if (job.plan.zero >= 2) job.plan.overlap.grad_reduce = job.plan.overlap.param_gather = false;
    const std::pair<const char*, bool Overlap::*> kinds[] = {{"grad_reduce", &Overlap::grad_reduce},
                                                             {"param_gather", &Overlap::param_gather},
                                                             {"p2p", &Overlap::p2p},
                                                             {"tp_comm", &Overlap::tp_comm}};
    const double allowed = job.plan.schedule == workload::Schedule::dualpipe ? kMirrorsWait : tolerance(job);
    for (const auto& [name, overlap] : kinds) {
      Job with = job, without = job;
      with.plan.overlap.*overlap = true, without.plan.overlap.*overlap = false;
      if (workload::first_unsupported(with)) continue;
      const double on = step(with), off = step(without);
      EXPECT_LE(on, off * (1 + allowed)) << name << ": " << 100 * (on / off - 1) << " % slower";
    }
  });
}

}  // namespace
}  // namespace ds::laws
