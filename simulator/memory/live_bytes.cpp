// Births and deaths of buffers, summed over calls.
#include "simulator/memory/live_bytes.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "simulator/memory/lifetimes.h"
#include "simulator/memory/template_lives.h"
#include "simulator/program/walk.h"

namespace ds::memory {
namespace {

using program::Buffer;
using program::BufferId;
using program::index;
using program::Program;
using program::RankClass;
using program::TemplateId;

/// Bytes by program::Part.
using ByPart = std::array<std::int64_t, 6>;

/// Of a slot on the device.
std::int64_t bytes_of(const Buffer& buffer) {
  return buffer.tier == program::Tier::device ? buffer.size.bound.value : 0;
}

/// A change between two instructions of a call: deaths come before the births at their position.
struct Change {
  std::int32_t position{};
  bool birth{};
  program::Part part{};
  std::int64_t bytes{};
};

/// What a call does to what is alive: the first highest point within it, and what is left at its end.
struct Profile {
  std::int64_t peak{};
  ByPart at_peak{}, net{};

  explicit Profile(std::vector<Change> changes) {
    std::ranges::stable_sort(changes, {}, [](const Change& c) { return std::pair(c.position, c.birth); });
    std::int64_t now = 0;
    for (const Change& change : changes) {
      const std::int64_t bytes = change.birth ? change.bytes : -change.bytes;
      now += bytes;
      net[static_cast<std::size_t>(change.part)] += bytes;
      if (now > peak) peak = now, at_peak = net;
    }
  }
};

/// What classes of one kind of stage share: their templates, and the chains that micro-batches go through.
class Kind {
 public:
  Kind(const Program& program, const RankClass& ranks)
      : program_(program),
        ranks_(ranks),
        always_(alive_always(program, ranks)),
        copies_(program, ranks.buffers),
        lives_(program.templates.size()) {}

  bool always(BufferId buffer) const { return always_[index(buffer)]; }

  /// But for what is alive always.
  struct Lives {
    TemplateLives touched;
    std::vector<Change> within;  // of what lives within one call
  };
  const Lives& lives(TemplateId id) {
    std::optional<Lives>& known = lives_[index(id)];
    if (!known) known = read(id);
    return *known;
  }

  /// A micro-batch's place in a call: the call's template, and whether it is its first or its second.
  using Link = std::pair<TemplateId, std::size_t>;
  using Chain = std::vector<Link>;

  /// Numbers the links of a chain, one after the other; returns the first. Equal chains have equal numbers.
  std::int32_t number(const Chain& chain) {
    const auto [found, is_new] = chains_.try_emplace(chain, static_cast<std::int32_t>(changes_.size()));
    if (is_new) {
      changes_.resize(changes_.size() + chain.size());
      follow(chain, static_cast<std::size_t>(found->second));
    }
    return found->second;
  }

  /// What a call changes, by the links that it is to its micro-batches; -1: none.
  std::vector<Change> changes(TemplateId id, std::array<std::int32_t, 2> links) {
    std::vector<Change> all = lives(id).within;
    for (const std::int32_t link : links)
      if (link >= 0) {
        const std::vector<Change>& more = changes_[static_cast<std::size_t>(link)];
        all.insert(all.end(), more.begin(), more.end());
      }
    return all;
  }
  const Profile& profile(TemplateId id, std::array<std::int32_t, 2> links) {
    if (last_.first == std::tuple(id, links)) return *last_.second;
    auto found = profiles_.find({id, links});
    if (found == profiles_.end())
      found = profiles_.emplace(Key{id, links}, Profile(changes(id, links))).first;
    last_ = {std::tuple(id, links), &found->second};
    return found->second;
  }

 private:
  Lives read(TemplateId id) const {
    Lives lives{lives_of(program_, program_.templates[index(id)], copies_,
                         [&](BufferId buffer) { return program::slots_of(ranks_, buffer); }),
                {}};
    const auto lasts = [&](const Touched& one) { return always(one.buffer); };
    for (std::vector<Touched>* const list : {&lives.touched.of_call, lives.touched.by_micro.data(),
                                             lives.touched.by_micro.data() + 1, &lives.touched.of_step})
      std::erase_if(*list, lasts);
    for (const Touched& one : lives.touched.of_call)
      for (const Spell& spell : one.spells) {
        lives.within.push_back(change(one.buffer, spell.begin, true));
        lives.within.push_back(change(one.buffer, spell.end + 1, false));
      }
    return lives;
  }

  Change change(BufferId id, std::int32_t position, bool birth) const {
    const Buffer& buffer = program_.buffer(id);
    return {position, birth, buffer.part, bytes_of(buffer)};
  }

  /// The lives of a micro-batch's own buffers along a chain.
  void follow(const Chain& chain, std::size_t first) {
    struct Last {
      std::size_t link{};
      std::int32_t position{};
    };
    std::map<std::pair<BufferId, std::int32_t>, Last> alive;
    const auto end = [&](const std::pair<BufferId, std::int32_t>& what, const Last& last) {
      changes_[first + last.link].push_back(change(what.first, last.position + 1, false));
    };
    for (std::size_t link = 0; link < chain.size(); ++link)
      for (const Touched& touched : lives(chain[link].first).touched.by_micro[chain[link].second])
        for (const Spell& spell : touched.spells) {
          const std::pair what{touched.buffer, touched.copy};
          const auto [found, is_new] = alive.try_emplace(what);
          if (!is_new && spell.fresh) end(what, found->second);
          if (is_new || spell.fresh) changes_[first + link].push_back(change(what.first, spell.begin, true));
          found->second = {link, spell.end};
        }
    for (const auto& [what, last] : alive) end(what, last);
  }

  const Program& program_;
  const RankClass& ranks_;    // any of the kind
  std::vector<bool> always_;  // by buffer
  CopyNumbers copies_;
  std::vector<std::optional<Lives>> lives_;  // by template
  std::map<Chain, std::int32_t> chains_;
  std::vector<std::vector<Change>> changes_;  // by link
  using Key = std::tuple<TemplateId, std::array<std::int32_t, 2>>;
  std::map<Key, Profile> profiles_;
  std::pair<Key, const Profile*> last_{{TemplateId{-1}, {}}, nullptr};
};

/// One class's step, call by call.
class Step {
 public:
  Step(const Program& program, const RankClass& ranks, Kind& kind)
      : program_(program), ranks_(ranks), kind_(kind) {
    for (const program::Phase& phase : ranks.phases)
      for (const program::Call& call : phase.calls) calls_.push_back(&call);
    follow_micro_batches();
    follow_step();
  }

  LiveBytes run(std::vector<Bytes>* most_of_calls = nullptr) {
    LiveBytes result;
    ByPart now = base_;
    const auto sum = [](const ByPart& parts) {
      return std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
    };
    std::int64_t level = sum(now), best = level;
    ByPart at_best = now;
    for (std::size_t c = 0; c < calls_.size(); ++c) {
      const auto look = [&](const Profile& profile) {
        if (most_of_calls != nullptr) most_of_calls->push_back({level + profile.peak});
        if (level + profile.peak > best) {
          best = level + profile.peak;
          for (std::size_t p = 0; p < now.size(); ++p) at_best[p] = now[p] + profile.at_peak[p];
        }
        for (std::size_t p = 0; p < now.size(); ++p) now[p] += profile.net[p];
        level += sum(profile.net);
      };
      const auto special = of_step_.find(c);
      if (special == of_step_.end()) {
        look(kind_.profile(calls_[c]->body, links_[c]));
        continue;
      }
      std::vector<Change> changes = kind_.changes(calls_[c]->body, links_[c]);
      changes.insert(changes.end(), special->second.begin(), special->second.end());
      look(Profile(std::move(changes)));
    }
    result.peak = {best};
    using program::Part;
    const auto part = [&](Part p) { return Bytes{at_best[static_cast<std::size_t>(p)]}; };
    result.parts = {part(Part::weights),     part(Part::gradients), part(Part::optimizer),
                    part(Part::activations), part(Part::buffers),   part(Part::other)};
    return result;
  }

 private:
  void follow_micro_batches() {
    links_.assign(calls_.size(), {-1, -1});
    struct Way {
      Kind::Chain chain;
      std::vector<std::size_t> calls;
    };
    std::vector<Way> ways(static_cast<std::size_t>(program_.micro_batches));
    for (std::size_t c = 0; c < calls_.size(); ++c)
      for (const std::size_t which : {0, 1})
        if (const std::int32_t micro = calls_[c]->micro[which]; micro >= 0) {
          // A micro-batch goes through one chunk after the other; each has buffers of its own.
          ways[static_cast<std::size_t>(micro)].chain.emplace_back(calls_[c]->body, which);
          ways[static_cast<std::size_t>(micro)].calls.push_back(c);
        }
    const Way* before = nullptr;
    std::int32_t first = 0;
    for (const Way& way : ways) {
      if (before == nullptr || way.chain != before->chain) first = kind_.number(way.chain);
      before = &way;
      for (std::size_t i = 0; i < way.calls.size(); ++i)
        links_[way.calls[i]][way.chain[i].second] = first + static_cast<std::int32_t>(i);
    }
  }

  /// What lives for the step, or part of it: once each, whatever its slots.
  void follow_step() {
    struct Span {
      bool alive{};
      std::size_t call{};
      std::int32_t position{};
    };
    std::map<BufferId, std::vector<Span>> lives;  // by buffer and copy
    const auto add = [&](BufferId id, std::size_t call, std::int32_t position, bool birth) {
      const Buffer& buffer = program_.buffer(id);
      of_step_[call].push_back(
          {position, birth, buffer.part, bytes_of(buffer) * program::slots_of(ranks_, id)});
    };
    for (std::int32_t b = ranks_.buffers.first; b < ranks_.buffers.first + ranks_.buffers.count; ++b) {
      const auto id = static_cast<BufferId>(b);
      const Buffer& buffer = program_.buffer(id);
      const std::int64_t bytes = bytes_of(buffer) * program::slots_of(ranks_, id) * buffer.copies;
      const bool written = buffer.life == program::Life::step && buffer.host == program::Host::writes;
      if (kind_.always(id) || written) base_[static_cast<std::size_t>(buffer.part)] += bytes;
      if (!kind_.always(id) && buffer.life == program::Life::step)
        lives[id].assign(static_cast<std::size_t>(buffer.copies), {.alive = written});
    }
    for (std::size_t c = 0; c < calls_.size(); ++c)
      for (const Touched& touched : kind_.lives(calls_[c]->body).touched.of_step) {
        Span& life = lives.at(touched.buffer)[static_cast<std::size_t>(touched.copy)];
        for (const Spell& spell : touched.spells) {
          if (life.alive && spell.fresh) add(touched.buffer, life.call, life.position + 1, false);
          if (!life.alive || spell.fresh) add(touched.buffer, c, spell.begin, true);
          life = {true, c, spell.end};
        }
      }
    for (const auto& [id, copies] : lives)
      for (const Span& life : copies)
        if (life.alive && program_.buffer(id).host != program::Host::reads)
          add(id, life.call, life.position + 1, false);
  }

  const Program& program_;
  const RankClass& ranks_;
  Kind& kind_;
  std::vector<const program::Call*> calls_;
  std::vector<std::array<std::int32_t, 2>> links_;      // by call
  std::map<std::size_t, std::vector<Change>> of_step_;  // by call
  ByPart base_{};
};

}  // namespace

std::vector<LiveBytes> live_bytes(const Program& program) {
  std::map<std::int32_t, Kind> kinds;  // by where their buffers begin
  std::vector<LiveBytes> result;
  for (const RankClass& ranks : program.classes) {
    Kind& kind = kinds.try_emplace(ranks.buffers.first, program, ranks).first->second;
    result.push_back(Step(program, ranks, kind).run());
  }
  return result;
}

Bytes host_bytes(const Program& program, const RankClass& ranks) {
  Bytes sum;
  for (std::int32_t b = ranks.buffers.first; b < ranks.buffers.first + ranks.buffers.count; ++b) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(b)];
    if (buffer.tier == program::Tier::host)
      sum += buffer.size.bound * (program::slots_of(ranks, static_cast<BufferId>(b)) * buffer.copies);
  }
  return sum;
}

Bytes most_host_bytes(const Program& program) {
  Bytes most;
  for (const RankClass& ranks : program.classes) most = std::max(most, host_bytes(program, ranks));
  return most;
}

std::vector<Bytes> live_bytes_of_calls(const program::Program& program, std::size_t rank_class) {
  const program::RankClass& ranks = program.classes[rank_class];
  Kind kind(program, ranks);
  std::vector<Bytes> most;
  Step(program, ranks, kind).run(&most);
  return most;
}

}  // namespace ds::memory
