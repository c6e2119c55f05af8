#pragma once
// What `ds-sim collective` found, and its report.

#include <string>
#include <vector>

#include "simulator/links/links.h"
#include "simulator/report/report.h"

namespace ds::cli {

/// The same at another size.
struct SizedTime {
  double bytes{};
  links::Explained explained;
};

std::string collective_report(const links::Spec& spec, const links::Explained& explained,
                              const std::vector<SizedTime>& sweep, const report::Provenance& origin);

/// What it waits for most: latency, where that is more than half of the time; else the name of a LinkLoad.
std::string bound_of(const links::Explained& explained);

}  // namespace ds::cli
