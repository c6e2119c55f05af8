#pragma once
// Storage types of tensors, and their sizes.

#include <cstdint>
#include <string_view>

namespace ds {

enum class DataType : std::uint8_t { fp64, fp32, fp16, bf16, fp8, int32 };

constexpr std::int64_t size_of(DataType type) {
  switch (type) {
    case DataType::fp64: return 8;
    case DataType::fp32: return 4;
    case DataType::int32: return 4;
    case DataType::fp16: return 2;
    case DataType::bf16: return 2;
    case DataType::fp8: return 1;
  }
  return 0;
}

constexpr std::string_view name_of(DataType type) {
  switch (type) {
    case DataType::fp64: return "fp64";
    case DataType::fp32: return "fp32";
    case DataType::int32: return "int32";
    case DataType::fp16: return "fp16";
    case DataType::bf16: return "bf16";
    case DataType::fp8: return "fp8";
  }
  return "?";
}

}  // namespace ds
