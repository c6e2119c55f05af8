#pragma once
// What every operator is made of: its pass, its operands in order, and how a rank stands among others. Each operator is a
// struct in a file of its own beside this one, with the same members:
//
//   std::string_view name() const;                 // the class of tables and profiles
//   bool has_pass(Pass) const;
//   double flops(Pass) const;                      // a multiply-add counts as two
//   void operands(OperandList&) const;             // in the order in which kernels take them
//   Extents extents() const;                       // the sizes over which measured times are interpolated
//   static void fields(Self&, Fn&&);               // sizes and switches by name, for hashes, files and dumps
//   void stand_at(const RankPosition&);            // only where a rank's part follows from where it stands
//   Bytes moved(const Operand&, bool add) const;   // only where another number moves than an operand holds
//
// The struct's comment gives the formula and its source.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "simulator/base/data_type.h"
#include "simulator/base/error.h"
#include "simulator/base/units.h"

namespace ds::ops {

/// The gradient by the input and the gradient by the weights are operators of their own: a schedule may run the second
/// later (zero bubble), and a rank whose input needs no gradient leaves the first out. `update` is the optimizer's.
enum class Pass : std::uint8_t { forward, input_gradient, weight_gradient, update };

enum class Access : std::uint8_t { read, write, add };  // add reads and writes

/// What a tensor is, for memory's parts and for the graph.
enum class Role : std::uint8_t { tokens, weight, activation, gradient, state, scalar, workspace, table };

/// Sizes from the slowest dimension to the fastest.
struct Shape {
  std::array<std::int64_t, 4> size{};
  int rank{};
  std::int64_t elements() const;
  bool operator==(const Shape&) const = default;
};

inline Shape vector(std::int64_t n) { return {{n}, 1}; }
inline Shape matrix(std::int64_t rows, std::int64_t columns) { return {{rows, columns}, 2}; }

struct Operand {
  std::string_view name;
  Access access{};
  Role role{};
  DataType type{};
  Shape shape;
  Bytes bytes() const { return {shape.elements() * size_of(type)}; }
};

inline constexpr int kMaxOperands = 13;

class Operands {
 public:
  void push_back(const Operand& operand);
  const Operand* begin() const { return list_.data(); }
  const Operand* end() const { return list_.data() + count_; }
  const Operand& operator[](int i) const { return list_[static_cast<std::size_t>(i)]; }
  int size() const { return count_; }
  /// Position of the operand with that name, or -1.
  int find(std::string_view name) const;

 private:
  std::array<Operand, kMaxOperands> list_{};
  int count_{0};
};

inline constexpr DataType kScalarType = DataType::fp64;

/// Collects the operands of one operator in one pass; every line reads as in the operator's formula.
struct OperandList {
  Pass pass;
  DataType type;           // of activations and weights
  DataType gradient_type;  // of gradients of weights
  DataType narrow_type;    // of gradients of weights where `type` is a master copy's
  bool accumulate;         // gradients are added to what is there
  Operands out;

  /// Of statistics and sums of softmax: at least fp32.
  DataType wide() const { return type == DataType::fp64 ? DataType::fp64 : DataType::fp32; }
  void typed(std::string_view name, Access access, Role role, DataType its_type, Shape shape) {
    out.push_back({name, access, role, its_type, shape});
  }
  void add(std::string_view name, Access access, Role role, Shape shape) {
    typed(name, access, role, type, shape);
  }
  void in(std::string_view name, Shape shape) { add(name, Access::read, Role::activation, shape); }
  void result(std::string_view name, Shape shape) { add(name, Access::write, Role::activation, shape); }
  void weight(std::string_view name, Shape shape) { add(name, Access::read, Role::weight, shape); }
  void gradient(std::string_view name, Shape shape) {
    typed(name, accumulate ? Access::add : Access::write, Role::gradient, gradient_type, shape);
  }
  void workspace(std::string_view name, Shape shape) { add(name, Access::write, Role::workspace, shape); }
  void scalars(std::string_view name, Access access, std::int64_t count) {
    typed(name, access, Role::scalar, kScalarType, vector(count));
  }
  void ids(std::string_view name, std::int64_t tokens) {
    typed(name, Access::read, Role::tokens, DataType::int32, vector(tokens));
  }
};

/// Up to three sizes on which an operator's time depends.
class Extents {
 public:
  Extents(std::initializer_list<std::int64_t> sizes) {
    ensure(sizes.size() <= sizes_.size(), "an operator has at most three extents");
    for (const std::int64_t size : sizes) sizes_[count_++] = size;
  }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + count_; }

 private:
  std::array<std::int64_t, 3> sizes_{};
  std::size_t count_{0};
};

/// Where a rank stands: in the tensor-parallel group, among the ranks that have the same weights, in the context-parallel group,
/// and among those that have the same experts. Shards of a bucket come one after the other, then the same ones again.
struct RankPosition {
  std::int64_t tensor{}, data{}, context{}, expert_data{};
};

constexpr double real(std::int64_t n) { return static_cast<double>(n); }

}  // namespace ds::ops
