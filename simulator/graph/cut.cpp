// Where the elements of a rank's part lie in the logical tensor.
#include "simulator/base/error.h"
#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

std::int64_t inner_elements(const ops::Shape& shape, std::int32_t dimension) {
  std::int64_t inner = 1;
  for (std::int32_t d = dimension + 1; d < shape.rank; ++d) inner *= shape.size[static_cast<std::size_t>(d)];
  return inner;
}

}  // namespace

ops::Shape logical_shape(const ops::Shape& shape, const Cut& cut) {
  ops::Shape whole = shape;
  if (cut.dimension == kNone) return whole;
  std::int64_t& size = whole.size[static_cast<std::size_t>(cut.dimension)];
  size = 0;
  for (const Block& block : cut.blocks) size += block.size;
  return whole;
}

std::int64_t logical_element(const ops::Shape& shape, const Cut& cut, std::int64_t part,
                             std::int64_t element) {
  if (cut.dimension == kNone) return element;
  const std::int64_t inner = inner_elements(shape, cut.dimension);
  const std::int64_t here = shape.size[static_cast<std::size_t>(cut.dimension)];
  const std::int64_t whole = logical_shape(shape, cut).size[static_cast<std::size_t>(cut.dimension)];
  const std::int64_t outer = element / (here * inner);
  std::int64_t at = element / inner % here;  // along the dimension, in the part
  std::int64_t first = 0;                    // of the block, in the whole
  for (const Block& block : cut.blocks) {
    const std::int64_t size = block.size / block.parts;
    if (at < size) {
      const std::int64_t begin = first + (block.parts > 1 ? part * size : 0);
      return (outer * whole + begin + at) * inner + element % inner;
    }
    at -= size;
    first += block.size;
  }
  fail_ensure("at < size", "an element lies in one of the blocks", __FILE__, __LINE__);
}

}  // namespace ds::graph
