#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "common/ops/all_ops.h"
#include "kernels/cuda_module.h"
#include "tests/support/run_kernel_on_device.h"

// What tests of kernels for the GPU on large operands share: one kernel is compared with another.
namespace paceline::test {

inline const Kernel* cuda_kernel(std::string_view name) {
  for (const Kernel& kernel : kernels::cuda_kernels()) {
    if (kernel.info.name == name) return &kernel;
  }
  return nullptr;
}

// Uniform in [-1, 1).
inline Tensor drawn(Dtype dtype, const Extents& extents, std::uint64_t seed) {
  Tensor tensor(Dtype::f32, extents);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    tensor.as<float>()[i] = static_cast<float>(state >> 40) * 0x1p-23f - 1;
  }
  return tensor.cast(dtype);
}

inline double large_bound(Dtype dtype) {
  if (dtype == Dtype::bf16) return 8e-3;
  return dtype == Dtype::f16 ? 1e-3 : 1e-5;
}

// Both kernels on the same operands.
inline void expect_equal_results(std::string_view name, std::string_view plain,
                                 Attributes attributes, const std::vector<Tensor>& inputs) {
  const Kernel *kernel = cuda_kernel(name), *reference = cuda_kernel(plain);
  if (kernel == nullptr) GTEST_SKIP() << name << " is not there: its library is missing";
  ASSERT_NE(reference, nullptr);
  const Op& op = ops::all_ops().get(kernel->info.op);
  attributes = attributes.complete(op.name, op.attributes);
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  try {
    const KernelOutcome got = run_kernel_on_device(*kernel, op, attributes, views);
    const KernelOutcome wanted = run_kernel_on_device(*reference, op, attributes, views);
    EXPECT_TRUE(got.is_repeatable) << name;
    EXPECT_FALSE(got.wrote_outside) << name;
    const TensorError error = compare(got.outputs[0].view(), wanted.outputs[0].view());
    EXPECT_LE(error.relative, large_bound(inputs[0].dtype())) << name;
    EXPECT_LE(error.elementwise, 10 * large_bound(inputs[0].dtype())) << name;
  } catch (const Error& error) {
    // A rival says in `bind` which shapes it does not take; a plain kernel takes all.
    if (kernel->info.is_plain || error.kind() != ErrorKind::unsupported) throw;
  }
}

}  // namespace paceline::test
