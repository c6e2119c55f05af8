// Key by key of model, plan, training and software.
#include "simulator/export/read_back.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "simulator/base/json.h"
#include "simulator/base/nearest.h"
#include "simulator/export/export.h"
#include "simulator/export/plain_job.h"
#include "simulator/workload/workload.h"

namespace ds::exports {
namespace {

using workload::Job;
using workload::Software;

/// Values by path; a list is one value. Where objects of one job alone stand, the other has nothing at their paths.
using Values = std::map<std::string, std::string>;

void flatten(const Cursor& at, Values& values) {
  if (!at.is_object()) {
    values[at.path()] = at.dump();
    return;
  }
  for (const auto& [key, value] : at.members()) flatten(value, values);
}

Values values_of(const Job& plain, const ReadBack& by) {
  const Document document = parse_document(workload::write_job(plain), "");
  Values values;
  if (by.says_model) flatten(document.root().member("model"), values);
  flatten(document.root().member("plan"), values);
  const Cursor train = document.root().member("train");
  flatten(train.member("global_batch"), values);
  if (by.says_length) flatten(train.member("sequence_length"), values);
  const std::vector<std::string_view> fusions = fusions_that_count(plain);
  values["plan.fusion"] = fmt::format("{}", listed(fusions));
  return values;
}

/// What of a stack's habits is not another release of it, but asked for.
Values settings_of(const Software& s) {
  Values values;
  const auto put = [&](const char* key, const auto& value) {
    values[fmt::format("software.{}", key)] = fmt::format("{}", value);
  };
  put("vocab_multiple", s.vocab_multiple);
  put("vocab_multiple_times_tp", s.vocab_multiple_times_tp);
  put("pipeline_scatter_gather", s.pipeline_scatter_gather);
  put("fsdp", s.fsdp);
  put("dummy_weight_gradients", s.dummy_weight_gradients);
  put("keeps_gradients", s.keeps_gradients);
  put("loss_copies", s.loss_copies);
  put("workspaces", fmt::format("{} and {} bytes", s.workspace_bytes, s.grouped_workspace_bytes));
  put("deterministic", s.deterministic);
  put("buckets", fmt::format("{} of {} elements", s.bucket_count, s.bucket_elements));
  put("separate_products", s.separate_products);
  put("dispatch",
      fmt::format("{} with {} multiprocessors{}", workload::name_in(workload::kDispatches, s.dispatch),
                  s.dispatch_sms, s.dispatch_in_fp8 ? ", in 8 bits" : ""));
  put("expert_probabilities", s.experts_multiply);
  put("pads_expert_rows", s.pads_expert_rows);
  put("block_products", s.block_products);
  put("cache_bits.activation_inputs", s.activation_input_bits);
  put("cache_bits.attention_outputs", s.attention_output_bits);
  put("moments", s.narrow_moments ? "bf16" : "fp32");
  put("flat_gradients", s.flat_gradients);
  put("gradient_type", s.gradient_type);
  put("fp16_gradient_type", s.fp16_gradient_type);
  put("selective_recompute", s.selective_recompute);
  return values;
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 60;
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

struct Difference {
  std::string path, wanted, got;  // empty: it is left out
};

std::vector<Difference> differences(const Values& wanted, const Values& got) {
  std::vector<Difference> all;
  for (const auto& [path, value] : wanted) {
    const auto found = got.find(path);
    if (found == got.end() || found->second != value)
      all.push_back({path, value, found == got.end() ? "" : found->second});
  }
  for (const auto& [path, value] : got)
    if (!wanted.contains(path)) all.push_back({path, "", value});
  return all;
}

void judge(const Difference& one, const Job& job, std::string_view trainer, std::vector<std::string>& notes) {
  const auto said = [](const std::string& value) {
    return value.empty() ? std::string("left out") : shortened(value);
  };
  if (left_to_software(job, one.path)) {
    notes.push_back(fmt::format("{} was assumed to be {}; {} itself has it {} here", one.path, one.wanted,
                                trainer, one.got));
    return;
  }
  throw InputError(one.path,
                   fmt::format("is {}, which cannot be said to {}: it would be {} there", said(one.wanted),
                               trainer, said(one.got)),
                   one.got.empty() ? "leave it out" : fmt::format("{} can be exported", shortened(one.got)));
}

Job read(const std::string& text, const Job& job, const ReadBack& by) {
  const Document whole = parse_document(workload::write_job(job), "");
  convert::Asked asked;
  asked.cluster_json = whole.root().member("cluster").dump();
  if (!by.says_model) asked.model_json = whole.root().member("model").dump();
  if (!by.says_length) asked.sequence = job.train.sequence_length;
  asked.lenient = true;
  return workload::read_job_text(by.read(text, asked).job, "");
}

}  // namespace

void check_read_back(const std::string& text, const Job& job, const ReadBack& by,
                     std::vector<std::string>& notes) {
  const Job wanted = plain_job(job), got = plain_job(read(text, job, by));
  for (const Difference& one : differences(values_of(wanted, by), values_of(got, by)))
    judge(one, job, by.trainer, notes);
  for (const Difference& one : differences(settings_of(wanted.habits), settings_of(got.habits)))
    judge(one, job, by.trainer, notes);
}

}  // namespace ds::exports
