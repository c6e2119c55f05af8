#pragma once
// The one command of a launch script that starts the training, with every variable filled in. Assignments are followed, and
// branches whose condition the script itself decides; loops are not. Nothing is run.
//
//   const Launch launch = read_launch(script, {{"TP", "8"}});
//   launch.arguments                       // what stands behind pretrain_gpt.py

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/convert/shell_values.h"

namespace ds::convert {

struct Launch {
  int line{};
  std::string program;          // pretrain_gpt.py; empty where the script is flags alone
  std::vector<Word> launcher;   // srun, torchrun and what they are told, and what #SBATCH lines say before
  std::vector<Word> arguments;  // of the training program
  Variables variables;          // of the script: those of kAsked that are known where it starts

  static constexpr std::string_view kAsked[] = {"WORLD_SIZE", "NVTE_FLASH_ATTN", "NVTE_FUSED_ATTN"};
};

/// `given`: variables that stand above those of the script. The training program is a file that ends in .py or what stands behind
/// `-m`; where several are started, the one that has "train" in its name. A script that is flags alone is that program's flags.
/// Throws InputError where there is no such command, or more than one.
Launch read_launch(std::string_view script, const std::vector<std::pair<std::string, std::string>>& given);

}  // namespace ds::convert
