#pragma once

#include <string>
#include <vector>

#include "common/store/store.h"

namespace paceline::testing {

inline Machine some_machine() {
  return {.cpu_model = "Example CPU \"9000\"",
          .architecture = "x86_64",
          .isa = {"avx2", "avx512f"},
          .cores = 8,
          .hardware_threads = 16,
          .numa_nodes = 2,
          .caches = {{.level = 1, .bytes = 32768, .shared_by = 2},
                     {.level = 3, .bytes = 1 << 25, .shared_by = 16}},
          .memory_bytes = std::int64_t{64} << 30,
          .hypervisor = "kvm",
          .gpus = {{.model = "Example GPU",
                    .architecture = "sm_90",
                    .multiprocessors = 132,
                    .memory_bytes = std::int64_t{80} << 30,
                    .l2_bytes = 50 << 20,
                    .power_limit_watts = 700,
                    .ecc = "on",
                    .link = "nvlink4x18"}}};
}

inline Environment some_environment() {
  return {.os = "Debian GNU/Linux 12",
          .kernel = "6.1.0",
          .governor = "performance",
          .cuda_driver = "550.54",
          .threads = 4,
          .settings = {{"OMP_PROC_BIND", "close"}, {"huge_pages", "madvise"}}};
}

inline Workload some_workload(std::int64_t rows = 40) {
  return {.op = "softmax",
          .attributes = {{"axis", std::int64_t{-1}}},
          .inputs = {{.dtype = Dtype::f32, .extents = {rows, 64}, .strides = {128, 1}}},
          .outputs = {{.dtype = Dtype::f32, .extents = {rows, 64}}}};
}

inline KernelInfo some_kernel(std::string name = "softmax_rows", std::string source = "s1") {
  KernelInfo kernel;
  kernel.name = std::move(name);
  kernel.op = "softmax";
  kernel.library = "paceline";
  kernel.accepts.dtypes = {Dtype::f32, Dtype::bf16};
  kernel.accepts.rank_min = 1;
  kernel.accepts.rank_max = 4;
  kernel.accepts.input_strides = {Strides::dense_inner, Strides::any};
  kernel.accepts.output_strides = Strides::dense;
  kernel.accepts.divisible = {{.input = 0, .axis = -1, .by = 16}};
  kernel.accepts.attributes = {{"axis", std::int64_t{-1}}};
  kernel.accepts.isa = {"avx2"};
  kernel.precision = Precision::approximates;
  kernel.source = std::move(source);
  kernel.library_version = "1.0 Zen4";
  kernel.expected_efficiency = 0.6;
  return kernel;
}

// A good measurement of some_kernel() on some_workload(), `age` nanoseconds before the others.
inline Measurement some_measurement(double median_s = 1e-5, std::int64_t age_ns = 0) {
  Measurement m;
  m.id = MeasurementId::random();
  m.kernel = some_kernel().id();
  m.workload = some_workload().id();
  m.machine = some_machine().id();
  m.environment = some_environment().id();
  m.summary = {.median_s = median_s,
               .low_s = median_s * 0.99,
               .high_s = median_s * 1.01,
               .minimum_s = median_s * 0.98,
               .samples = 3,
               .blocks = 2};
  m.samples_s = {median_s, median_s * 0.98, median_s / 3};
  m.blocks = {0, 0, 1};
  m.node = "host-a";
  m.finished = from_unix_ns(1'795'000'000'123'456'789 - age_ns);
  m.started = m.finished - std::chrono::seconds(2);
  return m;
}

inline void put_identities(Store& store) {
  const std::vector<KernelInfo> kernels = {some_kernel()};
  const std::vector<Workload> workloads = {some_workload()};
  store.put(some_machine());
  store.put(some_environment());
  store.put(kernels);
  store.put(workloads);
}

inline GraphText some_graph_text() {
  return {.id = *GraphId::parse("00112233445566778899aabbccddeeff"),
          .name = "mlp",
          .text = "graph \"mlp\" {\n}\n"};
}

inline PathText some_path_text() {
  return {.id = *PathId::parse("ffeeddccbbaa99887766554433221100"),
          .graph = some_graph_text().id,
          .text = "path {\n}\n"};
}

inline PathMeasurement some_path_measurement(double median_s = 1e-3) {
  PathMeasurement m;
  m.id = PathMeasurementId::random();
  m.path = some_path_text().id;
  m.machine = some_machine().id();
  m.environment = some_environment().id();
  m.bindings = {{"N", 128}, {"past", 0}};
  m.predicted_s = 0.9e-3;
  m.summary = {.median_s = median_s, .low_s = median_s * 0.99, .high_s = median_s * 1.01,
               .minimum_s = median_s * 0.98};
  m.samples_s = {median_s, median_s * 0.98};
  m.blocks = {0, 1};
  m.error_relative = 3e-7;
  m.noise_floor = 0.01;
  m.activation_bytes = 4096;
  m.node = "host-a";
  m.finished = from_unix_ns(1'795'000'000'123'456'789);
  return m;
}

inline std::int64_t put_one(Store& store, const Measurement& measurement) {
  return store.put(std::span(&measurement, 1));
}

}  // namespace paceline::testing
