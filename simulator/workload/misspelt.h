#pragma once
// Whether a word of a file that is not ours is a known one, written in another way. Private to the readers of such files.

#include <span>
#include <string_view>

#include "simulator/base/json.h"

namespace ds::workload {

/// One letter less, more or other, or two neighbours swapped. Another digit is another model: gemma4 is none that was meant to be
/// gemma2.
bool is_slip(std::string_view word, std::string_view meant);

/// The same, or with its words in another order, capitals, hyphens or none between them: sizeHidden for hidden_size.
bool is_misspelt(std::string_view key, std::string_view meant);

/// Refuses a member of `object` that is one of the keys read there, misspelt, where that key itself is missing.
void refuse_misspelt(const Cursor& object, std::span<const std::string_view> read);

}  // namespace ds::workload
