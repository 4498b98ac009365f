#include "worker/execute/variant_session.h"

#include <utility>

#include "common/base/error.h"
#include "worker/execute/prepared_names.h"

namespace paceline {

VariantSession::VariantSession(PlanVariants variants, const OpSet& ops,
                               std::span<const Kernel> kernels, WeightSet weights,
                               Session::Options options)
    : variants_(std::move(variants)),
      ops_(ops),
      kernels_(kernels),
      weights_(std::move(weights)),
      options_(std::move(options)) {
  validate(variants_);
  if (!options_.states) options_.states = std::make_shared<States>();
  if (!options_.prepared) options_.prepared = std::make_shared<PreparedTensors>();
  sessions_.resize(variants_.all.size());
}

Session& VariantSession::open(std::size_t variant) {
  std::optional<Session>& session = sessions_[variant];
  if (!session) {
    session.emplace(variants_.all[variant].plan, ops_, kernels_, weights_, options_);
  }
  return *session;
}

void VariantSession::bind(const Bindings& bindings) {
  is_bound_ = false;
  const std::size_t next = variants_.select(bindings);
  Session& session = open(next);
  session.bind(bindings);
  if (next != current_ && sessions_[current_]) hand_over(*sessions_[current_], session, bindings);
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
  open(variants_.select(bindings)).reserve(bindings);
}

void VariantSession::check_bound() const {
  if (!is_bound_) throw invalid("bind the symbols before running: {}", variants_.symbol);
}

void VariantSession::set_input(std::string_view name, const Tensor& tensor) {
  check_bound();
  sessions_[current_]->set_input(name, tensor);
}

void VariantSession::run() {
  check_bound();
  sessions_[current_]->run();
}

TensorView VariantSession::output(std::string_view name) const {
  check_bound();
  return sessions_[current_]->output(name);
}

void VariantSession::clear_states() { options_.states->clear(); }

void VariantSession::close() {
  for (std::optional<Session>& session : sessions_) session.reset();
  is_bound_ = false;
}

void VariantSession::close_for(VariantSession& next, const Bindings& bindings) {
  PreparedTensors& shared = *next.options_.prepared;
  shared.hold(names_among_sessions(next.variants_.all[next.variants_.select(bindings)].plan));
  close();
  next.reserve(bindings);
  shared.hold({});
}

Session& VariantSession::session() {
  check_bound();
  return *sessions_[current_];
}

}  // namespace paceline
