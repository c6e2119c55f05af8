#pragma once
// Cases are read part by part: what can be read of one is shown beside what cannot.

#include <string>

#include "cli/validation/validation.h"
#include "simulator/base/error.h"

namespace ds::cli {

/// Does that; where it throws InputError, the first time is the fault.
template <class Read>
void read_part(std::string& fault, Read&& read) {
  try {
    read();
  } catch (const InputError& error) {
    if (fault.empty()) fault = error.what();
  }
}

/// What `read` returns, or why it cannot be read.
template <class Read>
Measured read_figure(Read&& read) {
  Measured figure;
  read_part(figure.fault, [&] { figure.value = read(); });
  return figure;
}

}  // namespace ds::cli
