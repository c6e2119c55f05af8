// Multi-token prediction: modules behind the head, each with a layer of its own, that share its weight.
#include <fmt/format.h>

#include "simulator/graph/stage_builder.h"

namespace ds::graph {

/// DeepSeek-V3, arXiv 2412.19437, section 2.2: the rows of the next tokens and what the model has made of those before, each
/// normalised, are projected together to the model's width; a layer and the head follow. A stage without the embedding has a copy
/// of its table.
TensorIndex StageBuilder::predict_further(TensorIndex x) {
  ++member_;
  prefix_ = member_ == 1 ? "mtp." : fmt::format("mtp.{}.", member_);
  const std::int64_t hidden = model_.hidden;
  TensorIndex table = table_;
  if (table == kNone)
    table_ = table = parameter("embedding.tokens", {{options_.padded_vocab / options_.tp, hidden}, 2},
                               Init::normal, kDeviation, vocabulary_cut());
  const TensorIndex next = norm("embedding_norm", rows_of({targets_, table}, "embedded", hidden));
  const TensorIndex both =
      node(ops::JoinColumns{local_tokens_, hidden, hidden}, "both", {next, norm("hidden_norm", x)});
  const TensorIndex projected = whole_linear("projection", "projected", both, 2 * hidden, hidden);
  kind_ = options_.mtp_kind;
  const TensorIndex y =
      model_.residual == workload::Residual::serial ? serial_layer(projected) : parallel_layer(projected);
  targets_ = token_ids(fmt::format("{}targets", prefix_));
  loss(norm("final_norm", y), targets_);
  return y;
}

}  // namespace ds::graph
