#include "scheduler/fusion/fused_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"

namespace paceline::fusion {
namespace {

using Guesses = paths::PricingOptions::Guesses;

// Every node takes a second, a fused one as told.
class Costs : public CostSource {
 public:
  Costs(double fused_s, Origin origin) : fused_s_(fused_s), origin_(origin) {}
  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload&) override {
    const bool is_fused = kernel.op == "fused";
    const double seconds = is_fused ? fused_s_ : 1;
    return Estimate{.seconds = seconds,
                    .low_s = seconds,
                    .high_s = seconds,
                    .origin = is_fused ? origin_ : Origin::measured_here};
  }
  std::optional<std::string> failure(const KernelInfo&, const Workload&) override {
    return std::nullopt;
  }

 private:
  double fused_s_;
  Origin origin_;
};

KernelInfo kernel(std::string op) {
  return {.name = op + "_kernel",
          .op = std::move(op),
          .library = "paceline",
          .accepts = {.input_strides = {Strides::any}}};
}

const std::vector<KernelInfo> infos = {kernel("exp"), kernel("tanh"), kernel("linear"),
                                       kernel("fused")};

Path chain() {
  Path path{.graph = parse_graph("graph \"g\" { input x: f32[B,4] weight w: f32[4,4] "
                                 "l = linear(x, w) e = exp(l) t = tanh(e) output y = t }",
                                 ops::all_ops()),
            .choices = {}};
  for (std::int32_t n = 2; n < 5; ++n) {
    path.choices.push_back({n, path.graph.node(n).op + "_kernel", {}});
  }
  return path;
}

std::optional<FusedPath> fused(double seconds, Origin origin, Guesses guesses) {
  const Path path = chain();
  Costs costs(seconds, origin);
  return fused_path(path, find_groups(path.graph, ops::all_ops()), ops::all_ops(), {{"B", 2}},
                    KernelChooser(infos, costs, {}), guesses);
}

TEST(FusedPath, TakesWhatWasMeasuredFaster) {
  const auto found = fused(0.5, Origin::measured_here, Guesses::careful);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->saved_s, 1.5);
  ASSERT_EQ(found->path.choices.size(), 2u);
  EXPECT_EQ(found->path.choices[0].kernel, "linear_kernel");
  EXPECT_EQ(found->path.choices[1].kernel, "fused_kernel");
  EXPECT_EQ(found->path.graph.node(found->path.choices[1].node).op, "fused");
}

TEST(FusedPath, LeavesWhatIsSlowerAsOne) {
  EXPECT_FALSE(fused(2.5, Origin::measured_here, Guesses::careful));
}

TEST(FusedPath, GuessesOnlyToFindWhatToMeasure) {
  EXPECT_FALSE(fused(0.5, Origin::roofline, Guesses::careful));
  EXPECT_FALSE(fused(0.5, Origin::roofline, Guesses::none));
  EXPECT_TRUE(fused(0.5, Origin::roofline, Guesses::hopeful));
}

TEST(FusedPath, StaysOnTheDeviceOfItsNodes) {
  Path path = chain();
  std::vector<KernelInfo> kernels = infos;
  for (KernelInfo& info : kernels) info.device = DeviceKind::cuda;
  const auto fused_of = [&](const Path& from) {
    Costs costs(0.5, Origin::measured_here);
    return fused_path(from, find_groups(from.graph, ops::all_ops()), ops::all_ops(), {{"B", 2}},
                      KernelChooser(kernels, costs, {}), Guesses::careful);
  };
  for (Choice& choice : path.choices) choice.device = {DeviceKind::cuda, 0};
  const auto found = fused_of(path);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path.choices[1].device, (Device{DeviceKind::cuda, 0}));

  path.choices.back().device = {};
  EXPECT_FALSE(fused_of(path));
}

TEST(FusedPath, ComesBackFromItsText) {
  const auto found = fused(0.5, Origin::measured_here, Guesses::careful);
  ASSERT_TRUE(found);
  EXPECT_EQ(parse_path(to_text(found->path), ops::all_ops()).id(), found->path.id());
}

}  // namespace
}  // namespace paceline::fusion
