#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/support/blas.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// One library's matrix products.
struct BlasLibrary {
  std::string name;     // What a member of a family is called: "skylakex".
  std::string library;  // "openblas"
  std::string version;  // "0.3.21 SkylakeX"
  Blas blas;
};

// One rival for each of `libraries`, the first of which promises most. State is made from the
// library's Blas and the attributes.
template <typename State>
std::vector<Kernel> blas_family(const std::vector<BlasLibrary>& libraries, const Kernel& common) {
  std::vector<Kernel> family;
  double share = 1;
  for (const BlasLibrary& library : libraries) {
    Kernel kernel = common;
    kernel.info.name = library.name;
    kernel.info.library = library.library;
    kernel.info.library_version = library.version;
    kernel.info.expected_efficiency *= share;
    share *= 0.8;
    kernel.prepare = [blas = library.blas](const Attributes& attributes,
                                           const Resources&) -> std::unique_ptr<Prepared> {
      return std::make_unique<State>(blas, attributes);
    };
    family.push_back(std::move(kernel));
  }
  return family;
}

}  // namespace paceline::kernels::cpu
