#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/support/openblas.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// One rival for each core type, since the one that OpenBLAS picks by itself is not always the
// fastest. State is made from the core's Blas and the attributes.
template <typename State>
std::vector<Kernel> openblas_family(const KernelInfo& common, void (*run)(const Call&)) {
  std::vector<Kernel> family;
  double share = 1;
  for (const OpenblasCore& core : openblas_cores()) {
    KernelInfo info = common;
    info.name = core.name;
    info.library = "openblas";
    info.library_version = core.version;
    info.expected_efficiency *= share;
    share *= 0.8;  // The widest vectors stand first.
    family.push_back({
        .info = std::move(info),
        .prepare = [blas = core.blas](const Attributes& attributes, const Resources&)
            -> std::unique_ptr<Prepared> { return std::make_unique<State>(blas, attributes); },
        .run = run,
    });
  }
  return family;
}

}  // namespace paceline::kernels::cpu
