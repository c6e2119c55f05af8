// The time along one dimension of links. Mostly all ranks send alike, every step begins for all at once, and a formula has it:
// tests/simulator/links hold it against the steps of simulator/collective, played message by message.
#include <algorithm>
#include <bit>

#include "simulator/base/error.h"
#include "simulator/links/played.h"
#include "simulator/network/message_times.h"

namespace ds::links {
namespace {

/// Of one group of ranks.
struct Along {
  double seconds{};
  double steps{};
  double bytes{}, busiest{};  // over all its links, over one of them
};

/// What every algorithm below is given.
struct Task {
  Collective what;
  Kind kind;
  double ranks, bytes, rate, hop;  // hop: seconds from a rank to the next

  double chunk() const { return bytes / ranks; }
  double passes() const { return passes_of(what); }
  /// On rings of links these go one way only.
  bool one_way() const { return gathers_or_reduces(what); }
};

/// `steps` messages one after the other from every rank to the next, all at once.
Along around(const Task& t, double steps, double message) {
  return {.seconds = steps * (t.hop + message / t.rate),
          .steps = steps,
          .bytes = t.ranks * steps * message,
          .busiest = steps * message};
}

Along ring(const Task& t) {
  if (t.what == Collective::shift) return around(t, 1, t.bytes);
  if (t.what != Collective::broadcast) return around(t, t.passes() * (t.ranks - 1), t.chunk());
  // A chain: chunk behind chunk, so that the last one leaves after n - 1 others and has n - 1 links to go.
  const double steps = 2 * (t.ranks - 1);
  return {.seconds = steps * (t.hop + t.chunk() / t.rate),
          .steps = steps,
          .bytes = (t.ranks - 1) * t.bytes,
          .busiest = t.bytes};
}

Along relay(const Task& t) { return around(t, t.ranks * (t.ranks - 1) / 2, t.chunk()); }

/// Messages of one distance are alike, so that one link tells all: of distance d, d are on it, or of a broadcast one. They begin
/// to share it when their latency of d links is over.
Along direct_on_ring(const Task& t) {
  const auto ranks = static_cast<std::int32_t>(t.ranks);
  const bool from_one = t.what == Collective::broadcast;
  const double message = from_one ? t.bytes : t.chunk();
  Along all{.steps = t.passes()};
  std::vector<network::TimedFlow> flows;
  for (std::int32_t d = 1; d < ranks; ++d) {
    const bool forwards = t.one_way() || 2 * d <= ranks;
    const double links = forwards ? d : ranks - d;
    const double on_a_link = from_one ? 1 : links;
    all.bytes += t.passes() * links * message * (from_one ? 1 : t.ranks);
    if (!forwards) continue;  // those that go the other way meet others, and no more than these
    all.busiest += t.passes() * on_a_link * message;
    flows.push_back({.start_s = t.hop * d, .bytes = on_a_link * message, .links = {0}, .weight = on_a_link});
  }
  const double rate[] = {t.rate};
  all.seconds = t.passes() * std::ranges::max(network::finish_times(rate, flows));
  return all;
}

Along direct(const Task& t) {
  if (t.what == Collective::shift) return ring(t);
  if (t.kind == Kind::ring) return direct_on_ring(t);
  const double peers = t.ranks - 1, message = t.what == Collective::broadcast ? t.bytes : t.chunk();
  const double senders = t.what == Collective::broadcast ? 1 : t.ranks;
  const double on_a_link = t.kind == Kind::switched ? peers * message : message;
  return {.seconds = t.passes() * (t.hop + on_a_link / t.rate),
          .steps = t.passes(),
          .bytes = t.passes() * senders * peers * message,
          .busiest = t.passes() * on_a_link};
}

/// Message by message: some have one link to go and others nearly all.
Along halving_doubling_on_ring(const Task& t) {
  const auto ranks = static_cast<std::int32_t>(t.ranks);
  const collective::Steps plan = collective::steps(t.what, collective::Algorithm::halving_doubling, ranks);
  network::Messages all;
  all.capacities.assign(ranks, t.rate);
  Along result{.steps = static_cast<double>(plan.steps.size())};
  std::vector<double> carried(ranks);
  // A rank's block in a step holds all that came before.
  std::vector<std::vector<std::int32_t>> came(ranks);
  for (const collective::Step& step : plan.steps) {
    const auto before = came;
    for (const collective::Transfer& transfer : step.transfers) {
      network::Way way;
      for (std::int32_t at = transfer.from; at != transfer.to; at = (at + 1) % ranks) way.links.push_back(at);
      way.latency = static_cast<double>(way.links.size()) * Seconds{t.hop};
      const double bytes = t.chunk() * transfer.count;
      for (const std::int32_t link : way.links) carried[link] += bytes;
      all.ways.push_back(std::move(way));
      const std::int32_t message = all.add(static_cast<std::int32_t>(all.ways.size()) - 1, bytes);
      for (const std::int32_t earlier : before[transfer.from]) all.order(earlier, message);
      came[transfer.to].push_back(message);
    }
  }
  result.seconds = std::ranges::max(network::message_times(all));
  for (const double bytes : carried) {
    result.bytes += bytes;
    result.busiest = std::max(result.busiest, bytes);
  }
  return result;
}

Along halving_doubling(const Task& t) {
  if (t.kind == Kind::ring) return halving_doubling_on_ring(t);
  const auto steps = static_cast<double>(std::bit_width(static_cast<std::uint64_t>(t.ranks)) - 1);
  const double sent = t.bytes - t.chunk();  // a half, a quarter ... down to a chunk
  return {.seconds = t.passes() * (steps * t.hop + sent / t.rate),
          .steps = t.passes() * steps,
          .bytes = t.passes() * t.ranks * sent,
          .busiest = t.passes() * (t.kind == Kind::switched ? sent : t.bytes / 2)};
}

Along along(const Task& task, Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::ring: return ring(task);
    case Algorithm::halving_doubling: return halving_doubling(task);
    case Algorithm::direct: return direct(task);
    case Algorithm::relay: return relay(task);
    case Algorithm::grid2d: break;
  }
  ensure(false, "reading has refused what a dimension does not have");
  return {};
}

}  // namespace

Played along_dimension(Collective what, Algorithm algorithm, const Dimension& dimension, double bytes,
                       double groups) {
  LinkLoad load;
  load.bytes_per_s = dimension.bytes_per_s;
  if (dimension.size > 1) {
    const Task task{.what = what,
                    .kind = dimension.kind,
                    .ranks = static_cast<double>(dimension.size),
                    .bytes = bytes,
                    .rate = dimension.bytes_per_s,
                    .hop = (dimension.kind == Kind::switched ? 2 : 1) * dimension.latency.value};
    const Along one = along(task, algorithm);
    load.bytes = groups * one.bytes;
    load.busiest_bytes = one.busiest;
    load.time = Seconds{one.seconds};
    load.steps = static_cast<std::int64_t>(one.steps);
  }
  return {.time = load.time, .steps = load.steps, .loads = {load}};
}

}  // namespace ds::links
