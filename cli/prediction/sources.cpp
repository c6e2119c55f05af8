// Where durations come from, in words.
#include <fmt/format.h>

#include "cli/prediction/prediction.h"

namespace ds::cli {

std::string_view sources_word(cost::Source source, bool cpu) {
  if (!cpu) return "from datasheets, and the shares of them that published measurements of such GPUs reach";
  switch (source) {
    case cost::Source::measured: return "measured on this machine";
    case cost::Source::scaled: return "scaled from measurements in fp32";
    case cost::Source::published: return "from published measurements of such machines";
    case cost::Source::roofline:
      return "a rough default: `ds-exec calibrate` measures this machine in two minutes";
  }
  return "?";
}

std::string sources_sentence(cost::Source source, bool cpu) {
  if (!cpu)
    return "follow from datasheets, and from the shares of them that such GPUs have reached in published "
           "measurements";
  if (source == cost::Source::published) return "follow from published measurements of such machines";
  return fmt::format("are {}", sources_word(source, cpu));
}

}  // namespace ds::cli
