#include "tests/support/messages.h"

namespace paceline::testing {

namespace {

using namespace wire;

template <typename Id>
Id numbered(int number) {
  return {Hasher("sample").add(number).finish()};
}

Machine machine() {
  Machine machine;
  machine.cpu_model = "Example CPU 9000";
  machine.architecture = "x86_64";
  machine.isa = {"avx2", "avx512f"};
  machine.cores = 8;
  machine.hardware_threads = 16;
  machine.numa_nodes = 2;
  machine.caches = {{1, 32768, 2}, {3, 33554432, 16}};
  machine.memory_bytes = std::int64_t{64} << 30;
  machine.hypervisor = "kvm";
  machine.gpus = {{"Example GPU", "sm_90", 132, 1, 2, 700, "on", "pcie5x16"}};
  return machine;
}

Environment environment() {
  return {"Debian GNU/Linux 12", "6.1.0", "performance", "580.65", 4, {{"OMP_PROC_BIND", "true"}}};
}

KernelInfo kernel() {
  KernelInfo kernel;
  kernel.name = "matmul_example";
  kernel.op = "matmul";
  kernel.library = "example";
  kernel.device = DeviceKind::cuda;
  kernel.precision = Precision::reorders;
  kernel.source = "0123456789abcdef";
  kernel.library_version = "1.2.3";
  kernel.expected_efficiency = 0.75;
  kernel.is_plain = true;
  kernel.accepts.dtypes = {Dtype::f32, Dtype::bf16};
  kernel.accepts.rank_min = 2;
  kernel.accepts.rank_max = 4;
  kernel.accepts.input_strides = {Strides::dense, Strides::any};
  kernel.accepts.output_strides = Strides::dense_inner;
  kernel.accepts.divisible = {{1, -1, 16}};
  kernel.accepts.attributes = {{"flag", true},
                               {"count", std::int64_t{3}},
                               {"scale", 0.1},
                               {"mode", std::string("tanh")},
                               {"to", Dtype::f16},
                               {"order", std::vector<std::int64_t>{1, 0}},
                               {"stop", Dim::parse("N+1")},
                               {"shape", Shape{Dim::symbol("N"), Dim(8)}}};
  kernel.accepts.isa = {"avx2"};
  return kernel;
}

Measurement measurement() {
  Measurement measurement;
  measurement.id = numbered<MeasurementId>(1);
  measurement.kernel = numbered<KernelId>(2);
  measurement.workload = numbered<WorkloadId>(3);
  measurement.machine = numbered<MachineId>(4);
  measurement.environment = numbered<EnvironmentId>(5);
  measurement.device = DeviceKind::cuda;
  measurement.regime = Regime::cold;
  measurement.outcome = Outcome::wrong;
  measurement.reason = "error 0.5";
  measurement.summary = {1e-3, 0.9e-3, 1.1e-3, 0.8e-3, 3, 2};
  measurement.samples_s = {1e-3, 0.8e-3, 1.2e-3};
  measurement.blocks = {0, 1, 1};
  measurement.discarded = {{9e-3, 1, "preempted"}};
  measurement.error_relative = 0.5;
  measurement.error_elementwise = 0.25;
  measurement.method = 2;
  measurement.seed = 0xfedcba9876543210;
  measurement.calls_per_sample = 7;
  measurement.noise_floor = 0.01;
  measurement.workspace_bytes = 4096;
  measurement.peak_resident_bytes = 1 << 20;
  measurement.conditions = {0.1, 0.2, 0.03, 3000.0, std::nullopt, "none"};
  measurement.started = from_unix_ns(1'700'000'000'000'000'001);
  measurement.finished = from_unix_ns(1'700'000'001'000'000'002);
  measurement.node = "node-1";
  measurement.campaign = numbered<CampaignId>(6);
  measurement.task = numbered<TaskId>(7);
  return measurement;
}

Lease lease() {
  Lease lease;
  lease.id = numbered<LeaseId>(8);
  lease.task = numbered<TaskId>(7);
  lease.campaign = numbered<CampaignId>(6);
  lease.epoch = 2;
  lease.sent_ns = 123456789;
  lease.valid_ms = 10000;
  lease.kind = "measure";
  lease.workload = "neg(f32[3]) -> f32[3]";
  lease.threads = 2;
  lease.tolerance = 1e-4;
  lease.seconds_max = 1.5;
  lease.sittings = {{1, {Regime::hot, Regime::cold}, {numbered<KernelId>(2)}}};
  return lease;
}

Submit submit() {
  Submit submit;
  submit.campaign = numbered<CampaignId>(6);
  submit.name = "nightly";
  submit.model = "models/gpt2";
  submit.graphs = {"graph \"g\" {\n}\n"};
  submit.bindings = {{{"B", 1}, {"N", 40}}, {{"N", 1}}};
  submit.threads = {0, 2};
  submit.regimes = {Regime::cold};
  submit.tolerance = 1e-5;
  submit.priority = -3;
  submit.seconds_per_sitting = 2.5;
  submit.seconds_max = 600;
  return submit;
}

Status status() {
  CampaignStatus campaign;
  campaign.id = numbered<CampaignId>(6);
  campaign.name = "nightly";
  campaign.model = "models/gpt2";
  campaign.state = "done";
  campaign.reason = "budget spent";
  campaign.priority = 4;
  campaign.submitted = from_unix_ns(1'700'000'000'000'000'003);
  campaign.finished = from_unix_ns(1'700'000'009'000'000'004);
  campaign.spent_s = 8.5;
  campaign.lanes = {{"Example CPU 9000", numbered<EnvironmentId>(5), 2, 21, 6, 5, 4, 3, 1}};
  campaign.failures = {{numbered<TaskId>(7), "neg(f32[3]) -> f32[3]", "worker fell silent: w"}};
  return {{campaign},
          {{numbered<WorkerId>(9), "host/1", "measuring", "Example CPU 9000", "memory/1",
            "neg(f32[3]) -> f32[3]", 0.5}}};
}

}  // namespace

std::vector<Message> sample_messages() {
  const auto worker = numbered<WorkerId>(9);
  const auto campaign = numbered<CampaignId>(6);
  const auto task = numbered<TaskId>(7);
  const auto lease_id = numbered<LeaseId>(8);
  return {Hello{1, worker, "host/1", "memory/1", machine(), environment(), {kernel()}},
          Heartbeat{987654321, 2, {lease_id}, {numbered<LeaseId>(10)}},
          Result{task,
                 lease_id,
                 2,
                 1,
                 "neg(f32[3]) -> f32[3]",
                 environment(),
                 {measurement()},
                 "no such kernel",
                 1.25},
          Goodbye{"drained"},
          Welcome{1, "coordinator", 1000},
          Introduce{},
          lease(),
          Renewed{123456790, 10000, {lease_id}},
          Ack{task, lease_id, 1},
          Revoke{lease_id},
          Drain{},
          submit(),
          Control{campaign, worker, ControlAction::cancel},
          Ask{campaign},
          Done{campaign},
          status(),
          Refused{ErrorKind::exhausted, "too large: 9"},
          Unsupported{1, "message 42"}};
}

}  // namespace paceline::testing
