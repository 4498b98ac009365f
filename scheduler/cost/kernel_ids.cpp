#include "scheduler/cost/kernel_ids.h"

#include <algorithm>

namespace paceline {
namespace {

bool are_equal(const Accepts::Divisible& a, const Accepts::Divisible& b) {
  return a.input == b.input && a.axis == b.axis && a.by == b.by;
}

bool are_equal(const Accepts& a, const Accepts& b) {
  return a.dtypes == b.dtypes && a.rank_min == b.rank_min && a.rank_max == b.rank_max &&
         a.input_strides == b.input_strides && a.output_strides == b.output_strides &&
         std::ranges::equal(a.divisible, b.divisible,
                            [](const auto& x, const auto& y) { return are_equal(x, y); }) &&
         a.attributes == b.attributes && a.isa == b.isa;
}

// In all that the id is made of.
bool are_equal(const KernelInfo& a, const KernelInfo& b) {
  return a.name == b.name && a.op == b.op && a.library == b.library && a.device == b.device &&
         a.precision == b.precision && a.source == b.source &&
         a.library_version == b.library_version && are_equal(a.accepts, b.accepts);
}

}  // namespace

int KernelIds::number_of(const KernelInfo& kernel) {
  std::vector<Known>& alike = known_[kernel.name];
  const auto found = std::ranges::find_if(
      alike, [&](const Known& known) { return are_equal(known.kernel, kernel); });
  if (found != alike.end()) return found->number;
  alike.push_back({kernel, static_cast<int>(ids_.size())});
  ids_.push_back(kernel.id());
  return alike.back().number;
}

}  // namespace paceline
