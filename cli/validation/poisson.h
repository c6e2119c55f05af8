#pragma once
// How far chance alone takes a count from its mean.

namespace ds::cli {

/// The smallest count that a Poisson variable of that mean does not exceed with at least that probability, above 0 and below 1.
double poisson_quantile(double mean, double probability);

}  // namespace ds::cli
