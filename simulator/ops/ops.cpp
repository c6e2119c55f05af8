// Questions to an operator, passed on to the file that knows it.
#include "simulator/ops/ops.h"

#include <fmt/format.h>

#include <utility>

namespace ds::ops {
namespace {

template <std::size_t... kKind>
std::array<What, sizeof...(kKind)> all_kinds(std::index_sequence<kKind...> /*of What*/) {
  return {What(std::in_place_index<kKind>)...};
}

/// Bytes of an operand that really move.
Bytes moved(const Op& op, const Operand& operand) {
  return std::visit(
      [&](const auto& what) {
        if constexpr (requires { what.moved(operand, op.accumulate); })
          return what.moved(operand, op.accumulate);
        else
          return operand.bytes();
      },
      op.what);
}

}  // namespace

Op at(Op op, const RankPosition& position) {
  std::visit(
      [&](auto& what) {
        if constexpr (requires { what.stand_at(position); }) what.stand_at(position);
      },
      op.what);
  return op;
}

DataType gradient_type(const Op& op) {
  return op.type == DataType::fp64 || op.type == DataType::fp32 ? op.type : op.gradient_type;
}

bool is_linear(const What& what) {
  return std::holds_alternative<Linear>(what) || std::holds_alternative<GroupedLinear>(what);
}

bool moves_rows_of_experts(const What& what) {
  return std::holds_alternative<Dispatch>(what) || std::holds_alternative<Combine>(what);
}

bool is_on_host(const What& what) {
  const auto* adam = std::get_if<AdamW>(&what);
  return std::holds_alternative<HostCopy>(what) || (adam != nullptr && adam->on_host);
}

bool is_attention(const What& what) {
  return std::holds_alternative<Attention>(what) || std::holds_alternative<ContextAttention>(what);
}

bool multiplies_in_fp8(const What& what) {
  if (const auto* linear = std::get_if<Linear>(&what)) return linear->fp8;
  if (const auto* grouped = std::get_if<GroupedLinear>(&what)) return grouped->fp8;
  return false;
}

Operands operands(const Op& op) {
  ensure(has_pass(op.what, op.pass), "the operator has this pass");
  OperandList list{.pass = op.pass,
                   .type = op.type,
                   .gradient_type = gradient_type(op),
                   .narrow_type = op.gradient_type,
                   .accumulate = op.accumulate,
                   .out = {}};
  std::visit([&](const auto& what) { what.operands(list); }, op.what);
  return list.out;
}

bool has_pass(const What& what, Pass pass) {
  return std::visit([&](const auto& one) { return one.has_pass(pass); }, what);
}

Flops flops(const Op& op) {
  return {std::visit([&](const auto& what) { return what.flops(op.pass); }, op.what)};
}

Extents extents(const What& what) {
  return std::visit([](const auto& one) { return one.extents(); }, what);
}

Bytes traffic(const Op& op) {
  Bytes sum{};
  for (const Operand& operand : operands(op))
    if (operand.role != Role::workspace) sum += moved(op, operand) * (operand.access == Access::add ? 2 : 1);
  return sum;
}

std::string_view kind_name(const What& what) {
  return std::visit([](const auto& one) { return one.name(); }, what);
}

std::string_view name_of(Pass pass) {
  switch (pass) {
    case Pass::forward: return "forward";
    case Pass::input_gradient: return "input gradient";
    case Pass::weight_gradient: return "weight gradient";
    case Pass::update: return "update";
  }
  return "?";
}

std::string class_name(const Op& op) {
  if (op.pass == Pass::update) return std::string(kind_name(op.what));
  return fmt::format("{} {}", kind_name(op.what), name_of(op.pass));
}

const std::array<What, std::variant_size_v<What>>& catalogue() {
  static const auto all = all_kinds(std::make_index_sequence<std::variant_size_v<What>>());
  return all;
}

}  // namespace ds::ops
