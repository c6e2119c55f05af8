#pragma once
// How many nodes and ranks a launcher is told to start: torchrun, srun, sbatch, deepspeed, torch.distributed.launch.

#include <span>

#include "simulator/convert/draft.h"
#include "simulator/convert/shell_script.h"

namespace ds::convert {

Draft::Launched launched_by(const Launch& launch);

}  // namespace ds::convert
