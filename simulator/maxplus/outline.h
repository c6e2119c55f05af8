#pragma once
// What a class of equal ranks does in a step, without saying how long anything takes.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace ds::maxplus {

inline constexpr std::int32_t kNone = -1;

/// Until that lane has ended so many of its items, counted from the step's begin; 0 and below: of the step before, 0 being
/// all of them. What lies further back than one step has ended and may be left out.
struct Wait {
  std::int32_t lane{}, count{};
  bool operator==(const Wait&) const = default;
};

/// Something that a lane does from begin to end: computing, a collective within the class, a communication with others.
struct Item {
  std::int32_t lane{};
  std::int32_t duration{
      kNone};           // number of its seconds; those that always take the same share one. None: no time
  std::int32_t call{};  // items of one pass have one number, and come in a row
  std::int32_t channel{kNone};         // where it meets other classes; none: local to the class
  std::int32_t first_wait{}, waits{};  // in Outline::waits
  bool operator==(const Item&) const = default;
};

/// Items of a step in an order in which they can be issued: what an item waits for in its own step comes before it.
struct Outline {
  std::int32_t lanes{};
  std::vector<Item> items;
  std::vector<Wait> waits;
  bool operator==(const Outline&) const = default;

  /// Appends an item that waits for those; `item.first_wait` and `item.waits` are set here.
  void add(Item item, std::span<const Wait> until);
  void add(Item item, std::initializer_list<Wait> until = {}) {
    add(item, std::span<const Wait>(until.begin(), until.size()));
  }
  std::span<const Wait> waits_of(const Item& item) const {
    return std::span(waits).subspan(static_cast<std::size_t>(item.first_wait),
                                    static_cast<std::size_t>(item.waits));
  }
};

/// For tables by outline; equality decides.
std::size_t hash_of(const Outline& outline);

/// Items lane by lane.
class LaneItems {
 public:
  explicit LaneItems(const Outline& outline);
  std::span<const std::int32_t> of(std::int32_t lane) const {
    const auto l = static_cast<std::size_t>(lane);
    return std::span(list_).subspan(begins_[l], begins_[l + 1] - begins_[l]);
  }
  /// The item that a wait is for; none where it lies further back than a step.
  std::int32_t target(const Wait& wait) const;

 private:
  std::vector<std::size_t> begins_;
  std::vector<std::int32_t> list_;
};

/// An item that another one follows: in the same step, or in the step before.
struct Predecessor {
  std::int32_t item{};
  bool step_before{};
  bool operator==(const Predecessor&) const = default;
};

/// Of every item, the one before it in its lane and those it waits for.
class Predecessors {
 public:
  explicit Predecessors(const Outline& outline);
  std::span<const Predecessor> of(std::size_t item) const {
    return std::span(list_).subspan(begins_[item], begins_[item + 1] - begins_[item]);
  }

 private:
  std::vector<std::size_t> begins_;
  std::vector<Predecessor> list_;
};

}  // namespace ds::maxplus
