#include <optional>

#include "common/base/time.h"
#include "worker/measure/eviction.h"
#include "worker/measure/stage.h"

namespace paceline {
namespace {

class CpuInstance final : public Instance {
 public:
  CpuInstance(const Kernel& kernel, const Workload& workload, const Operands& operands, int threads,
              std::optional<Eviction>& eviction)
      : run_(kernel.run), threads_(threads), eviction_(eviction) {
    const Resources resources{.threads = threads};
    if (kernel.prepare) prepared_ = kernel.prepare(workload.attributes, resources);
    workspace_ = Tensor(Dtype::u8, {workspace_bytes_of(kernel, workload, resources)});
    call_ = {.inputs = operands.inputs(),
             .outputs = operands.outputs(),
             .workspace = workspace_.data(),
             .prepared = prepared_.get(),
             .threads = threads};
    if (kernel.bind != nullptr) kernel.bind(call_);
  }

  double run() override {
    const std::int64_t begin_ns = monotonic_ns();
    run_(call_);
    return 1e-9 * static_cast<double>(monotonic_ns() - begin_ns);
  }

  TimedSample sample(Regime regime, int calls, bool fills_caches) override {
    if (regime == Regime::cold) {
      if (!eviction_) eviction_.emplace(threads_);
      eviction_->run();
    } else if (!fills_caches) {
      run_(call_);
    }
    return time_sample(
        [&] {
          for (int call = 0; call < calls; ++call) run_(call_);
        },
        threads_);
  }

  std::int64_t workspace_bytes() const override { return workspace_.element_count(); }

 private:
  void (*run_)(const Call&);
  const int threads_;
  std::optional<Eviction>& eviction_;
  std::unique_ptr<Prepared> prepared_;
  Tensor workspace_;
  Call call_;
};

class CpuStage final : public Stage {
 public:
  CpuStage(const Workload& workload, Operands& operands, int threads)
      : workload_(workload), operands_(operands), threads_(threads) {}

  void reset() override { operands_.reset(); }
  std::unique_ptr<Instance> open(const Kernel& kernel) override {
    return std::make_unique<CpuInstance>(kernel, workload_, operands_, threads_, eviction_);
  }
  void fetch() override {}
  // A second call would find the caches filled by the first.
  bool repeats_cold() const override { return false; }
  std::optional<Clock> clock() const override { return std::nullopt; }
  std::optional<Peaks> peaks() const override { return std::nullopt; }

 private:
  const Workload& workload_;
  Operands& operands_;
  const int threads_;
  std::optional<Eviction> eviction_;  // Made when the first cold sample is taken.
};

}  // namespace

std::unique_ptr<Stage> open_cpu_stage(const Workload& workload, Operands& operands, int threads) {
  return std::make_unique<CpuStage>(workload, operands, threads);
}

std::unique_ptr<Stage> open_stage(const Device& device, const Workload& workload,
                                  Operands& operands, int threads) {
  if (device.kind == DeviceKind::cuda) return open_cuda_stage(device.index, workload, operands);
  return open_cpu_stage(workload, operands, threads);
}

std::int64_t workspace_bytes_of(const Kernel& kernel, const Workload& workload,
                                const Resources& resources) {
  if (!kernel.workspace_bytes) return 0;
  std::vector<TensorType> types;
  for (const OperandType& operand : workload.inputs) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return kernel.workspace_bytes({types, workload.attributes}, resources).evaluate({});
}

}  // namespace paceline
