#include "worker/execute/variant_session.h"

#include <utility>

#include "common/base/error.h"

namespace paceline {

VariantSession::VariantSession(PlanVariants variants, const OpSet& ops,
                               std::span<const Kernel> kernels, const WeightSet& weights,
                               Session::Options options) {
  validate(variants);
  if (!options.states) options.states = std::make_shared<States>();
  if (!options.prepared) options.prepared = std::make_shared<PreparedTensors>();
  ranges_.symbol = variants.symbol;
  for (auto& [from, plan] : variants.all) {
    sessions_.emplace_back(std::move(plan), ops, kernels, weights, options);
    ranges_.all.push_back({from, {}});
  }
}

void VariantSession::bind(const Bindings& bindings) {
  is_bound_ = false;
  const std::size_t next = ranges_.select(bindings);
  sessions_[next].bind(bindings);
  if (next != current_) hand_over(sessions_[current_], sessions_[next], bindings);
  current_ = next;
  is_bound_ = true;
}

// An input of another type must be set again, even where an earlier bind of `to` left one.
void VariantSession::hand_over(const Session& from, Session& to, const Bindings& bindings) {
  to.clear_inputs();
  for (const Node& node : to.plan().graph.nodes()) {
    if (node.kind != NodeKind::input) continue;
    const std::optional<TensorView> input = from.input(node.name);
    if (!input || input->shape() != evaluate(node.outputs[0].shape, bindings)) continue;
    to.set_input(node.name, Tensor(input->dtype, input->shape(), nullptr, input->data));
  }
}

void VariantSession::reserve(const Bindings& bindings) {
  sessions_[ranges_.select(bindings)].reserve(bindings);
}

void VariantSession::check_bound() const {
  if (!is_bound_) throw invalid("bind the symbols before running: {}", ranges_.symbol);
}

void VariantSession::set_input(std::string_view name, const Tensor& tensor) {
  check_bound();
  sessions_[current_].set_input(name, tensor);
}

void VariantSession::run() {
  check_bound();
  sessions_[current_].run();
}

TensorView VariantSession::output(std::string_view name) const {
  return sessions_[current_].output(name);
}

void VariantSession::clear_states() { sessions_[current_].clear_states(); }

}  // namespace paceline
