#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/graph/device.h"
#include "common/graph/workload.h"

namespace paceline {

// How far a kernel's arithmetic strays from its op's, whatever the measured error.
enum class Precision {
  exact,         // Same operations in the same order, rounded in the operand type.
  reorders,      // Float reassociation.
  approximates,  // Polynomials in place of library functions, online rescaling.
  narrows,       // Fewer bits inside than the operands have.
};
std::string_view to_string(Precision precision);
std::optional<Precision> parse_precision(std::string_view name);

// What one operand must look like in memory.
enum class Strides {
  dense,         // Row-major without gaps.
  dense_inner,   // The last axis has stride 1; the others are free.
  any,
};

// What a kernel takes, as data, since workers announce it and schedulers without the kernel decide
// by it.
struct Accepts {
  // Of the first input (and output, unless the op says otherwise), or of the first output of an op
  // without inputs. Empty means any.
  std::vector<Dtype> dtypes;
  int rank_min = 0;  // Of the same operand.
  int rank_max = tensor_rank_max;
  // Per input; the last entry serves all further ones; empty means dense.
  std::vector<Strides> input_strides;
  Strides output_strides = Strides::dense;
  struct Divisible {
    int input = 0;
    int axis = 0;  // Negative counts from the last.
    std::int64_t by = 1;
  };
  std::vector<Divisible> divisible;
  // Attributes that must have this value: {"transpose_a", false}.
  Attributes attributes;
  // Instruction sets that must all be in Machine::isa: "avx512f", "avx512_bf16".
  std::vector<std::string> isa;
};

// A kernel as everyone but its executor knows it.
struct KernelInfo {
  std::string name;     // From the file name: "softmax_rows", "matmul_openblas.skylakex".
  std::string op;
  std::string library;  // "paceline", "openblas", "onednn".
  DeviceKind device = DeviceKind::cpu;
  Accepts accepts;
  Precision precision = Precision::exact;
  // Digest of the normalised source, compiler and flags; filled in by the build.
  std::string source;
  // What the library says of itself on this machine: "0.3.21 SkylakeX". Filled in at run time.
  std::string library_version;
  // The fraction of the roofline that its author expects, 0 to 1 (up to 4 where it narrows): ranks
  // kernels that nobody has measured and nothing else. No part of the id.
  double expected_efficiency = 0.05;
  // A plain kernel: the obvious loop that every op has, what `untuned` runs fall back to.
  bool is_plain = false;

  KernelId id() const;  // Of name, op, library, device, accepts, precision, source, version.
};

// Why `kernel` does not take `workload`, or nullopt when it does.
std::optional<std::string> refusal(const KernelInfo& kernel, const Workload& workload);

}  // namespace paceline
