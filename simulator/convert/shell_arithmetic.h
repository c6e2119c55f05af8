#pragma once
// What $((...)) gives: whole numbers, variables, + - * / % and parentheses.

#include "simulator/convert/shell_values.h"

namespace ds::convert {

/// `text`: what stands between the parentheses, with every `$` replaced. Throws InputError for a division by 0 and for
/// numbers beyond 64 bits; what else is not read makes the result unknown.
Word arithmetic(const Word& text, const ShellValues& values);

}  // namespace ds::convert
