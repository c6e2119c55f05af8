#pragma once
// A small job that any plan of up to 8 ranks can train, and a text for it.

#include "tests/cli/e2e/world.h"

namespace ds::e2e {

class RanksWorld : public World {
 protected:
  RanksWorld() : job(write("job.json", kJob)), text(write("text", some_text(20000))) {}

  Words with(const std::string& command, const Words& plan, const Words& more) const {
    Words words{command, job, "--data", text};
    for (const std::string& value : plan) words.insert(words.end(), {"--set", "plan." + value});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  /// 4 layers, 4 heads, 8 sequences a step: every degree up to 4 divides it.
  static constexpr const char* kJob = R"({
    "model": {"family": "gpt", "layers": 4, "hidden": 32, "heads": 4, "ffn_hidden": 64, "vocab": 256},
    "cluster": {"node": "localhost", "nodes": 1},
    "train": {"sequence_length": 16, "global_batch": 8}, "plan": {"micro_batch": 1}})";
  std::string job, text;
};

}  // namespace ds::e2e
