// The network in LibTorch: two hidden layers say what kind of plan it is (an embedding) and by how much its step exceeds the bound
// of its work; Bayesian linear regression over the embedding learns from the steps of the job at hand.
//
// Plans are chosen by softmax(-(log of the step as foreseen - kappa x its standard deviation) / temperature): by the largest of
// these in a search, by chance while learning. The regression is solved anew after each step, and gradients of REINFORCE pass
// through it, so that the embedding becomes one from which few steps say much.
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/nn.h>
#include <torch/optim.h>
#include <torch/serialize.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <utility>

#include "tuner/policy/network_library.h"

namespace ds::tuner {
namespace {

namespace F = torch::nn::functional;
using torch::Tensor;

constexpr std::int64_t kHidden = 128, kEmbedding = 24;
constexpr double kImitatedTemperature = 0.05;  // of the list of plans by their steps, in relative step time

Tensor rows(std::span<const float> values, std::int64_t width) {
  const auto count = static_cast<std::int64_t>(values.size()) / width;
  return torch::from_blob(const_cast<float*>(values.data()), {count, width}, torch::kFloat32).clone();
}
Tensor column(std::span<const float> values) { return rows(values, 1).squeeze(1); }

struct Foreseen {
  Tensor embedding;  // [plans, kEmbedding + 1], the last one is 1
  Tensor log_step;   // [plans]
};

class Module : public torch::nn::Module {
 public:
  explicit Module(std::int64_t inputs)
      : first_(register_module("first", torch::nn::Linear(inputs, kHidden))),
        second_(register_module("second", torch::nn::Linear(kHidden, kHidden))),
        embedding_(register_module("embedding", torch::nn::Linear(kHidden, kEmbedding))),
        excess_(register_module("excess", torch::nn::Linear(kEmbedding, 1))),
        mean_(register_buffer("mean", torch::zeros({inputs}))),
        deviation_(register_buffer("deviation", torch::ones({inputs}))),
        log_prior_(register_parameter("log_prior", torch::tensor({std::log(10.0F)}))),
        log_noise_(register_parameter("log_noise", torch::tensor({std::log(0.03F)}))),
        log_kappa_(register_parameter("log_kappa", torch::tensor({std::log(0.3F)}))),
        log_temperature_(register_parameter("log_temperature", torch::tensor({std::log(0.05F)}))) {}

  void normalise(const Tensor& features) {
    const torch::NoGradGuard frozen;
    mean_.copy_(features.mean(0));
    deviation_.copy_(features.std(0).clamp_min(1e-3));
  }

  Foreseen look(const Tensor& features, const Tensor& log_bounds) {
    // What lies far beyond all that was seen counts as the edge of it.
    const Tensor x = ((features - mean_) / deviation_).clamp(-4, 4);
    const Tensor z = torch::tanh(embedding_(F::silu(second_(F::silu(first_(x))))));
    const Tensor excess = F::softplus(excess_(z)).squeeze(1);
    return {torch::cat({z, torch::ones({z.size(0), 1})}, 1), log_bounds + excess};
  }

  Tensor prior() const { return log_prior_.exp(); }
  Tensor noise() const { return log_noise_.exp(); }
  Tensor kappa() const { return log_kappa_.exp(); }
  Tensor temperature() const { return log_temperature_.exp(); }

 private:
  torch::nn::Linear first_, second_, embedding_, excess_;
  Tensor mean_, deviation_, log_prior_, log_noise_, log_kappa_, log_temperature_;
};

/// What steps have said of the embedding, for several rollouts at once: precision [rollouts, e, e] and its product with the
/// mean [rollouts, e].
struct Belief {
  Tensor precision, weighted;

  Belief(const Module& module, std::int64_t rollouts)
      : precision(torch::eye(kEmbedding + 1).unsqueeze(0).repeat({rollouts, 1, 1}) * module.prior()),
        weighted(torch::zeros({rollouts, kEmbedding + 1})) {}

  /// `embedding` [rollouts, e] of plans that took `residual` [rollouts] longer than foreseen, in logarithms.
  void add(const Module& module, const Tensor& embedding, const Tensor& residual) {
    const Tensor certainty = 1 / (module.noise() * module.noise());
    precision = precision + torch::einsum("ki,kj->kij", {embedding, embedding}) * certainty;
    weighted = weighted + embedding * residual.unsqueeze(1) * certainty;
  }

  /// Scores [rollouts, plans], the highest first.
  Tensor scores(const Module& module, const Foreseen& plans) const {
    const Tensor transposed = plans.embedding.t().unsqueeze(0).expand({precision.size(0), -1, -1});
    const Tensor solved = torch::linalg_solve(precision, torch::cat({transposed, weighted.unsqueeze(2)}, 2));
    const std::int64_t count = plans.embedding.size(0);
    const Tensor shift = torch::einsum("ne,ke->kn", {plans.embedding, solved.select(2, count)});
    const Tensor variance = (transposed * solved.narrow(2, 0, count)).sum(1);
    const Tensor deviation = (variance + 1e-9).sqrt();
    return -(plans.log_step.unsqueeze(0) + shift - module.kappa() * deviation) / module.temperature();
  }
};

class TorchRanking : public Ranking {
 public:
  explicit TorchRanking(Module& module) : module_(&module), belief_(module, 1) {}

  void add(const PlanRows& plans) override {
    if (plans.size() == 0) return;
    const torch::NoGradGuard frozen;
    const auto width = static_cast<std::int64_t>(plans.features.size() / plans.size());
    const Foreseen more = module_->look(rows(plans.features, width), column(plans.log_bounds));
    plans_ = is_open_.empty() ? more
                              : Foreseen{torch::cat({plans_.embedding, more.embedding}),
                                         torch::cat({plans_.log_step, more.log_step})};
    is_open_.resize(is_open_.size() + plans.size(), 1);
  }
  void observe(std::size_t plan, double log_step) override {
    const torch::NoGradGuard frozen;
    const auto row = static_cast<std::int64_t>(plan);
    const Tensor residual = (log_step - plans_.log_step[row]).reshape({1});
    belief_.add(*module_, plans_.embedding[row].unsqueeze(0), residual);
    scores_.clear();
    leave_out(plan);
  }
  void leave_out(std::size_t plan) override { is_open_[plan] = 0; }
  std::optional<std::size_t> best() override {
    if (std::ranges::find(is_open_, 1) == is_open_.end()) return std::nullopt;
    if (scores_.size() != is_open_.size()) score();
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < is_open_.size(); ++i)
      if (is_open_[i] != 0 && (!best || scores_[i] > scores_[*best])) best = i;
    return best;
  }

 private:
  void score() {
    const torch::NoGradGuard frozen;
    const Tensor scores = belief_.scores(*module_, plans_).squeeze(0).contiguous();
    scores_.assign(scores.data_ptr<float>(), scores.data_ptr<float>() + scores.numel());
  }

  Module* module_;
  Belief belief_;
  Foreseen plans_;
  std::vector<float> scores_;  // of all plans by what has been observed; empty where that has changed
  std::vector<char> is_open_;
};

/// A lesson, or some plans of it.
struct Drawn {
  Tensor features, log_bounds, log_steps;
};

class TorchNetwork : public Network {
 public:
  explicit TorchNetwork(std::int64_t inputs) : inputs_(inputs), module_(std::make_shared<Module>(inputs)) {}

  std::size_t inputs() const override { return static_cast<std::size_t>(inputs_); }
  std::unique_ptr<Ranking> ranking() override { return std::make_unique<TorchRanking>(*module_); }

  void imitate(std::span<const Lesson> lessons, const Imitation& how) override {
    torch::manual_seed(how.seed);
    std::vector<Drawn> all = whole(lessons);
    std::vector<Tensor> features;
    for (const Drawn& one : all) features.push_back(one.features);
    module_->normalise(torch::cat(features));
    torch::optim::AdamW optimizer(module_->parameters(),
                                  torch::optim::AdamWOptions(how.rate).weight_decay(1e-4));
    double mean = 0;
    for (int round = 0; round < how.rounds; ++round) {
      set_rate(optimizer, how.rate, round, how.rounds);
      Tensor loss = torch::zeros({});
      for (int i = 0; i < how.lessons; ++i)
        loss = loss + imitation_loss(draw(all[pick(all.size())], how.plans));
      loss = loss / how.lessons;
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      mean += (loss.item<double>() - mean) / std::min(round + 1, 100);
      if (how.watch && round % 50 == 49) how.watch(static_cast<double>(round + 1) / how.rounds, mean);
    }
  }

  void reinforce(std::span<const Lesson> lessons, const Reinforcement& how) override {
    torch::manual_seed(how.seed + 1);
    const std::vector<Drawn> all = whole(lessons);
    torch::optim::Adam optimizer(module_->parameters(), torch::optim::AdamOptions(how.rate));
    double mean = 0;
    for (int round = 0; round < how.rounds; ++round) {
      set_rate(optimizer, how.rate, round, how.rounds);
      Tensor loss = torch::zeros({});
      double regret = 0;
      for (int i = 0; i < how.lessons; ++i)
        loss = loss + rollouts_loss(draw(all[pick(all.size())], how.plans), how, regret);
      loss = loss / how.lessons;
      optimizer.zero_grad();
      loss.backward();
      torch::nn::utils::clip_grad_norm_(module_->parameters(), 1.0);
      optimizer.step();
      mean += (regret / how.lessons - mean) / std::min(round + 1, 50);
      if (how.watch && round % 10 == 9) how.watch(static_cast<double>(round + 1) / how.rounds, mean);
    }
  }

  Score score(std::span<const Lesson> lessons) override {
    Score sum;
    for (const Lesson& lesson : lessons) {
      const Drawn one = whole(lesson);
      {
        const torch::NoGradGuard frozen;
        const Tensor error = (module_->look(one.features, one.log_bounds).log_step - one.log_steps).abs();
        sum.error += error.mean().item<double>();
      }
      const std::unique_ptr<Ranking> order = ranking();
      order->add(lesson.plans);
      const double least = *std::ranges::min_element(lesson.log_steps);
      double best = std::numeric_limits<double>::infinity();
      for (int choice = 1; choice <= 10; ++choice) {
        const auto plan = order->best();
        if (!plan) break;
        best = std::min(best, std::exp(lesson.log_steps[*plan] - least) - 1);
        order->observe(*plan, lesson.log_steps[*plan]);
        if (choice == 1) sum.first += best;
      }
      sum.tenth += best;
    }
    const double count = std::max<double>(1, static_cast<double>(lessons.size()));
    return {sum.error / count, sum.first / count, sum.tenth / count};
  }

  std::string save() const override {
    torch::serialize::OutputArchive archive;
    archive.write("inputs", torch::tensor({inputs_}));
    module_->save(archive);
    std::ostringstream bytes;
    archive.save_to(bytes);
    return bytes.str();
  }

  void load(torch::serialize::InputArchive& archive) { module_->load(archive); }

 private:
  static Drawn whole(const Lesson& lesson) {
    const auto width = static_cast<std::int64_t>(lesson.plans.features.size() / lesson.plans.size());
    return {rows(lesson.plans.features, width), column(lesson.plans.log_bounds), column(lesson.log_steps)};
  }
  static std::vector<Drawn> whole(std::span<const Lesson> lessons) {
    std::vector<Drawn> all;
    for (const Lesson& lesson : lessons) all.push_back(whole(lesson));
    return all;
  }
  static std::size_t pick(std::size_t count) {
    return static_cast<std::size_t>(
        torch::randint(static_cast<std::int64_t>(count), {1}).item<std::int64_t>());
  }
  /// So many of its plans: an eighth of them the fastest, since what is told apart there counts most; the rest by chance.
  static Drawn draw(const Drawn& lesson, std::int64_t plans) {
    const std::int64_t count = lesson.log_steps.size(0);
    if (count <= plans) return lesson;
    const Tensor fastest = lesson.log_steps.argsort().narrow(0, 0, count / 4);
    const Tensor chosen = torch::cat(
        {fastest.index_select(0, torch::randperm(count / 4).narrow(0, 0, std::min(plans / 8, count / 4))),
         torch::randperm(count).narrow(0, 0, plans - std::min(plans / 8, count / 4))});
    return {lesson.features.index_select(0, chosen), lesson.log_bounds.index_select(0, chosen),
            lesson.log_steps.index_select(0, chosen)};
  }
  template <class Optimizer>
  static void set_rate(Optimizer& optimizer, double rate, int round, int rounds) {
    constexpr double kPi = 3.14159265358979323846;
    const double share = 0.5 * (1 + std::cos(kPi * round / rounds)) * std::min(1.0, (round + 1) / 20.0);
    for (auto& group : optimizer.param_groups()) group.options().set_lr(rate * std::max(share, 0.01));
  }

  Tensor imitation_loss(const Drawn& plans) {
    const Tensor foreseen = module_->look(plans.features, plans.log_bounds).log_step;
    const Tensor regret = plans.log_steps - plans.log_steps.min();
    const Tensor weight = (-regret / 0.3).exp() + 0.1;
    const Tensor error = F::huber_loss(foreseen, plans.log_steps,
                                       F::HuberLossFuncOptions().reduction(torch::kNone).delta(0.1));
    const Tensor wanted = torch::softmax(-regret / kImitatedTemperature, 0);
    const Tensor listed = -(wanted * torch::log_softmax(-foreseen / kImitatedTemperature, 0)).sum();
    return 10 * (weight * error).sum() / weight.sum() + 0.1 * listed;
  }

  /// Minus what is expected of a few choices, as REINFORCE estimates its gradient. `regret` gets the mean.
  Tensor rollouts_loss(const Drawn& plans, const Reinforcement& how, double& regret) {
    const Foreseen foreseen = module_->look(plans.features, plans.log_bounds);
    const std::int64_t count = plans.log_steps.size(0), rollouts = how.rollouts;
    const int choices = std::min(how.choices, static_cast<int>(count));
    Belief belief(*module_, rollouts);
    Tensor closed = torch::zeros({rollouts, count}, torch::kBool);
    Tensor best = torch::full({rollouts}, std::numeric_limits<float>::infinity());
    const Tensor least = plans.log_steps.min();
    std::vector<Tensor> log_probabilities, regrets;
    Tensor entropy = torch::zeros({});
    for (int choice = 0; choice < choices; ++choice) {
      const Tensor scores = belief.scores(*module_, foreseen).masked_fill(closed, -1e9);
      const Tensor logs = torch::log_softmax(scores, 1);
      const Tensor chosen = torch::multinomial(logs.exp().detach(), 1).squeeze(1);
      log_probabilities.push_back(logs.gather(1, chosen.unsqueeze(1)).squeeze(1));
      entropy = entropy - (logs.exp() * logs.clamp_min(-50)).sum(1).mean() / choices;
      const Tensor step = plans.log_steps.index_select(0, chosen);
      best = torch::minimum(best, step);
      regrets.push_back((best - least).exp() - 1);
      closed = closed.scatter(1, chosen.unsqueeze(1), true);
      belief.add(*module_, foreseen.embedding.index_select(0, chosen),
                 step - foreseen.log_step.index_select(0, chosen));
    }
    const Tensor all = torch::stack(regrets).clamp_max(1.0);  // [choices, rollouts]
    regret += all.mean().item<double>();
    // What follows a choice is what it is to blame for.
    const Tensor to_come = all.flip(0).cumsum(0).flip(0);
    const Tensor others = (to_come.sum(1, true) - to_come) / static_cast<double>(rollouts - 1);
    const Tensor advantage = (others - to_come).detach();
    return -(advantage * torch::stack(log_probabilities)).mean() - how.entropy * entropy +
           0.1 * imitation_loss(plans);
  }

  std::int64_t inputs_;
  std::shared_ptr<Module> module_;
};

/// One thread: the same sums in the same order, whatever the machine; and other threads have plans to judge.
void be_repeatable() { at::set_num_threads(1); }

}  // namespace
}  // namespace ds::tuner

ds::tuner::Network* ds_make_network(std::size_t inputs, std::uint64_t seed) {
  ds::tuner::be_repeatable();
  torch::manual_seed(seed);
  return new ds::tuner::TorchNetwork(static_cast<std::int64_t>(inputs));
}

ds::tuner::Network* ds_load_network(const char* bytes, std::size_t size) {
  ds::tuner::be_repeatable();
  torch::serialize::InputArchive archive;
  archive.load_from(bytes, size);
  torch::Tensor inputs;
  archive.read("inputs", inputs);
  auto network = std::make_unique<ds::tuner::TorchNetwork>(inputs.item<std::int64_t>());
  network->load(archive);
  return network.release();
}
