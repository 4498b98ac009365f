#include "worker/execute/prologue_queue.h"

#include <utility>

#include "common/base/error.h"

namespace paceline {

PrologueQueue::PrologueQueue(const Plan& plan, kernels::DeviceRuntime& runtime,
                             const Device& device)
    : plan_(plan), device_(device) {
  runtime.make_current(device.index);
  queue_ = runtime.open_queue(device.index);
}

// Kernels' state goes after the work that uses it.
PrologueQueue::~PrologueQueue() { queue_ = nullptr; }

void PrologueQueue::run(std::int32_t at, const Kernel& kernel, Call call, Resources resources) {
  if (kernel.crossing == Kernel::Crossing::to_device) {
    const TensorView& from = call.inputs[0];
    const auto size = static_cast<std::int64_t>(size_bytes(from.dtype));
    queue_->upload(call.outputs[0].data, from.data, from.element_count() * size);
    return;
  }
  call.stream = queue_->stream();
  call.fault = queue_->fault();
  call.step = at;
  resources.device = device_;
  std::unique_ptr<Prepared> state;
  if (kernel.prepare) state = kernel.prepare(plan_.prologue[at].attributes, resources);
  call.prepared = state.get();
  if (kernel.bind) kernel.bind(call);
  kernel.run(call);
  in_use_.push_back(std::move(state));
}

void PrologueQueue::finish() {
  const std::optional<DataFault> fault = queue_->finish();
  in_use_.clear();
  if (!fault) return;
  const bool is_known = fault->step >= 0 && fault->step < std::ssize(plan_.prologue);
  throw invalid("{}: {}", is_known ? plan_.prologue[fault->step].op : "a kernel",
                kernels::to_string(*fault));
}

}  // namespace paceline
