#include "tests/conformance/cases.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace paceline::conformance {

namespace {

namespace fs = std::filesystem;

constexpr double relative_max = 1e-3;
constexpr double absolute_max = 1e-7;

bool agree(double found, double expected) {
  if (std::isnan(expected) || std::isnan(found)) return std::isnan(expected) && std::isnan(found);
  if (std::isinf(expected) || std::isinf(found)) return found == expected;
  return std::abs(found - expected) <= absolute_max + relative_max * std::abs(expected);
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::failed:
      return "failed";
    case Verdict::unsupported:
      return "unsupported";
    case Verdict::excluded:
      break;
  }
  return "excluded";
}

std::vector<Case> find_cases(const fs::path& data) {
  std::vector<Case> cases;
  for (const char* kind : {"node", "simple", "pytorch-operator", "pytorch-converted", "real"}) {
    if (!fs::is_directory(data / kind)) continue;
    for (const auto& entry : fs::directory_iterator(data / kind)) {
      if (!fs::exists(entry.path() / "model.onnx")) continue;
      if (!fs::is_directory(entry.path() / "test_data_set_0")) continue;
      cases.push_back({std::string(kind) + "/" + entry.path().filename().string(), entry.path()});
    }
  }
  std::sort(cases.begin(), cases.end(),
            [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

std::string difference(const Tensor& found, const Tensor& expected) {
  const auto describe = [](const Tensor& tensor) {
    return std::string(paceline::to_string(tensor.dtype())) + paceline::to_string(tensor.extents());
  };
  if (found.dtype() != expected.dtype() || found.extents() != expected.extents()) {
    return fmt::format("gave {}, recorded is {}", describe(found), describe(expected));
  }
  const std::vector<double> ours = found.to_doubles();
  const std::vector<double> theirs = expected.to_doubles();
  std::size_t count = 0;
  std::size_t worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (agree(ours[i], theirs[i])) continue;
    if (count++ == 0 || std::abs(ours[i] - theirs[i]) > std::abs(ours[worst] - theirs[worst])) {
      worst = i;
    }
  }
  if (count == 0) return "";
  return fmt::format("{} of {} elements differ, element {} is {} where {} is recorded", count,
                     ours.size(), worst, ours[worst], theirs[worst]);
}

}  // namespace paceline::conformance
