#pragma once

#include <cmath>

namespace paceline::search {

// Seconds in units of 2^-80 s. Sums are exact in every order, so that equal paths tie and no order
// depends on how costs were added up.
__extension__ typedef __int128 Fixed;

inline Fixed to_fixed(double seconds) { return static_cast<Fixed>(std::ldexp(seconds, 80)); }
inline double to_seconds(Fixed cost) { return std::ldexp(static_cast<double>(cost), -80); }

}  // namespace paceline::search
