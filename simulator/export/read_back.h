#pragma once
// What a launch says, as we read it, held against the job that it was written for.

#include <string>
#include <string_view>
#include <vector>

#include "simulator/convert/convert.h"
#include "simulator/workload/job.h"

namespace ds::exports {

struct ReadBack {
  std::string_view trainer;  // Megatron-LM
  convert::Conversion (*read)(std::string_view text, const convert::Asked& asked);
  bool says_model{true};   // else the launch leaves it to the program
  bool says_length{true};  // of a sequence; else the program has it
};

/// Throws InputError for the first key that would come back as another one. Where such a key was not asked for but assumed, as the
/// software does it, and the software itself does otherwise, that is a note instead.
void check_read_back(const std::string& text, const workload::Job& job, const ReadBack& by,
                     std::vector<std::string>& notes);

}  // namespace ds::exports
