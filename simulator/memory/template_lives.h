#pragma once
// What a template touches, copy by copy, and when: read off its instructions once, whoever adds it up.

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "simulator/program/program.h"

namespace ds::memory {

/// A life of a copy within a template, or the part of one.
struct Spell {
  std::int32_t begin{}, end{};  // positions: instructions of the template, from 0; both ends belong to it
  bool fresh{};                 // begins with a write of the whole; else goes on
};

struct Touched {
  program::BufferId buffer{};
  std::int32_t copy{};
  std::vector<Spell> spells;
};

/// But for what lasts from step to step.
struct TemplateLives {
  std::vector<Touched> of_call;                  // what lives within one call
  std::array<std::vector<Touched>, 2> by_micro;  // of the first and the second micro-batch
  std::vector<Touched> of_step;                  // what lives for the step: every slot is part of one block
};

/// Copies of `count` buffers from the first on, numbered one after the other.
class CopyNumbers {
 public:
  CopyNumbers(const program::Program& program, program::Span buffers);
  std::size_t of(program::BufferId buffer, std::int32_t copy) const {
    return first_[program::index(buffer) - begin_] + static_cast<std::size_t>(copy);
  }
  std::size_t count() const { return first_.back(); }

 private:
  std::size_t begin_;
  std::vector<std::size_t> first_;  // by buffer; one more for the end
};

/// `slots`: of a buffer that lives for the step. In the order of buffers and copies.
TemplateLives lives_of(const program::Program& program, const program::Template& body,
                       const CopyNumbers& copies,
                       const std::function<std::int32_t(program::BufferId)>& slots);

}  // namespace ds::memory
