#pragma once
// Clusters from the text that stands in a job.

#include <string>
#include <vector>

#include "simulator/workload/reader.h"

namespace ds::support {

inline workload::Cluster cluster(const std::string& text) {
  const Document document = parse_document(text, "cluster");
  std::vector<workload::Assumption> assumptions;
  return workload::read_cluster(document.root(), {}, workload::Defaults(assumptions));
}

}  // namespace ds::support
