// The keys of a plan that may vary: how each is read, spelt, taken from a plan and put into it.

#include <fmt/format.h>

#include "simulator/workload/limits.h"
#include "simulator/workload/spellings.h"
#include "tuner/space/space.h"

namespace ds::tuner {
namespace {

using workload::Plan;

template <std::int64_t kMost>
std::int64_t read_count(const Cursor& at) {
  return at.count(1, kMost);
}

std::string spell_count(std::int64_t value) { return fmt::format("{}", value); }

template <const auto& kTable>
std::int64_t read_word(const Cursor& at) {
  return static_cast<std::int64_t>(at.one_of(kTable));
}

template <class Enum, const auto& kTable>
std::string spell_word(std::int64_t value) {
  return std::string(workload::name_in(kTable, static_cast<Enum>(value)));
}

template <std::int64_t Plan::* kMember, std::int64_t kMost>
constexpr Setting count_setting(std::string_view name, std::optional<std::int64_t> off) {
  return {name,
          read_count<kMost>,
          spell_count,
          [](const Plan& p) { return p.*kMember; },
          [](Plan& p, std::int64_t value) { p.*kMember = value; },
          off};
}

template <class Enum, Enum Plan::* kMember, const auto& kTable>
constexpr Setting word_setting(std::string_view name, std::optional<std::int64_t> off) {
  return {name,
          read_word<kTable>,
          spell_word<Enum, kTable>,
          [](const Plan& p) { return static_cast<std::int64_t>(p.*kMember); },
          [](Plan& p, std::int64_t value) { p.*kMember = static_cast<Enum>(value); },
          off};
}

std::int64_t read_switch(const Cursor& at) { return at.boolean() ? 1 : 0; }
std::string spell_switch(std::int64_t value) { return value != 0 ? "true" : "false"; }

template <bool workload::Overlap::* kMember>
constexpr Setting overlap_setting(std::string_view name) {
  return {name,
          read_switch,
          spell_switch,
          [](const Plan& p) { return static_cast<std::int64_t>(p.overlap.*kMember); },
          [](Plan& p, std::int64_t value) { p.overlap.*kMember = value != 0; },
          0};
}

using workload::Attention, workload::Overlap, workload::Precision, workload::Recompute, workload::Schedule;

constexpr Setting kSettings[] = {
    count_setting<&Plan::tp, workload::kMaxDegree>("tp", 1),
    count_setting<&Plan::pp, workload::kMaxDegree>("pp", 1),
    count_setting<&Plan::dp, workload::kMaxDegree>("dp", 1),
    word_setting<Precision, &Plan::precision, workload::kPrecisions>("precision", std::nullopt),
    word_setting<Attention, &Plan::attention, workload::kAttentions>("attention", std::nullopt),
    {"sequence_parallel", read_switch, spell_switch,
     [](const Plan& p) { return static_cast<std::int64_t>(p.sequence_parallel); },
     [](Plan& p, std::int64_t value) { p.sequence_parallel = value != 0; }, 0},
    count_setting<&Plan::micro_batch, workload::kMaxGlobalBatch>("micro_batch", 1),
    word_setting<Schedule, &Plan::schedule, workload::kSchedules>("schedule", std::nullopt),
    count_setting<&Plan::vpp, workload::kMaxVpp>("vpp", 1),
    word_setting<Recompute, &Plan::recompute, workload::kRecomputes>(
        "recompute", static_cast<std::int64_t>(Recompute::none)),
    {"zero", [](const Cursor& at) { return at.count(0, 3); }, spell_count,
     [](const Plan& p) { return static_cast<std::int64_t>(p.zero); },
     [](Plan& p, std::int64_t value) { p.zero = static_cast<int>(value); }, 0},
    overlap_setting<&Overlap::grad_reduce>("overlap.grad_reduce"),
    overlap_setting<&Overlap::param_gather>("overlap.param_gather"),
    overlap_setting<&Overlap::tp_comm>("overlap.tp_comm"),
    overlap_setting<&Overlap::p2p>("overlap.p2p"),
};

}  // namespace

std::span<const Setting> settings() { return kSettings; }

}  // namespace ds::tuner
