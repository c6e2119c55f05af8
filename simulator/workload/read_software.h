#pragma once
// What a training stack does of its own accord: a preset of profiles/software/, or one with keys that a job sets otherwise.
//
//   "software": "megatron-te"
//   "software": {"base": "megatron-te", "fusions": ["rms_norm"], "keeps_gradients": false}

#include <string_view>

#include "simulator/base/json.h"
#include "simulator/workload/job.h"

namespace ds::workload {

/// `asked` is the job's value. What hangs on the GPU is that of `arch`: sm90, "" on CPUs. Throws InputError.
Software read_software(const Cursor& asked, std::string_view arch);
/// A preset as it is; `asker` is where its name stands, for the error that names the nearest one.
Software software_preset(const std::string& name, const Cursor& asker, std::string_view arch);

}  // namespace ds::workload
