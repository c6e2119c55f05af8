// Where the elements of a rank's part lie in the logical tensor.
#include "simulator/base/error.h"
#include "simulator/graph/graph.h"

namespace ds::graph {
namespace {

const std::vector<Block>* blocks_of(const Cut& cut, std::int32_t dimension) {
  if (dimension == cut.dimension) return &cut.blocks;
  if (dimension == cut.second) return &cut.second_blocks;
  return nullptr;
}

/// Place in the whole of what stands at `at` of a part, along a dimension that is cut into these blocks.
std::int64_t along(const std::vector<Block>& blocks, std::int64_t part, std::int64_t at) {
  std::int64_t first = 0;  // of the block, in the whole
  for (const Block& block : blocks) {
    const std::int64_t size = block.size / block.parts;
    if (at < size) return first + (block.parts > 1 ? part / block.copies * size : 0) + at;
    at -= size;
    first += block.size;
  }
  fail_ensure("at < size", "an element lies in one of the blocks", __FILE__, __LINE__);
}

}  // namespace

Copied copied_part(const ops::Shape& shape, const Cut& cut) {
  Copied result{.from = shape.elements()};
  std::int64_t at = 0;
  for (const Block& block : cut.blocks) {
    if (block.copies > 1 && result.copies == 1)
      result = {at * (shape.elements() / shape.size[0]), block.copies};
    ensure(block.copies == result.copies && (block.copies == 1 || cut.dimension == 0),
           "rows that several ranks hold stand behind those that one holds");
    at += block.size / block.parts;
  }
  return result;
}

ops::Shape logical_shape(const ops::Shape& shape, const Cut& cut) {
  ops::Shape whole = shape;
  for (std::int32_t d = 0; d < shape.rank; ++d) {
    const std::vector<Block>* const blocks = blocks_of(cut, d);
    if (blocks == nullptr) continue;
    std::int64_t& size = whole.size[static_cast<std::size_t>(d)];
    size = 0;
    for (const Block& block : *blocks) size += block.size;
  }
  return whole;
}

std::int64_t logical_element(const ops::Shape& shape, const Cut& cut, const PartPlace& part,
                             std::int64_t element) {
  if (cut.dimension == kNone) return element;
  const ops::Shape whole = logical_shape(shape, cut);
  std::int64_t place = 0, inner = 1;  // the last dimension first
  for (std::int32_t d = shape.rank; d-- > 0;) {
    const std::int64_t here = shape.size[static_cast<std::size_t>(d)];
    std::int64_t at = element % here;
    if (const std::vector<Block>* const blocks = blocks_of(cut, d))
      at = along(*blocks, d == cut.dimension ? part.first : part.second, at);
    place += at * inner;
    inner *= whole.size[static_cast<std::size_t>(d)];
    element /= here;
  }
  return place;
}

}  // namespace ds::graph
