#include "tests/support/random_graph.h"

#include <numeric>

#include "common/base/error.h"

namespace paceline::test {

namespace {

const Dim N = Dim::symbol("N");
const Dim past = Dim::symbol("past");
constexpr std::int64_t capacity = 16;
constexpr std::int64_t elements_max = 4000;  // At N = 5.

class Generator {
 public:
  Generator(const OpSet& ops, std::uint64_t seed)
      : random_(seed), builder_(ops, "random \"graph\"\n"), rows_(below(2) ? N : Dim(4)) {}

  Graph run() {
    add(builder_.input("x", {Dtype::f32, {rows_, 6}}));
    add(builder_.input("in put", {Dtype::f32, {2, rows_, 6}}));
    add(builder_.weight("fc.weight", {Dtype::f32, {6, 6}}));
    add(builder_.constant(Tensor::of<float>({6}, {-0.0f, 0.25f, 1e-20f, 3, -1, 0.1f}), "c"));
    for (int i = 0; i < 2; ++i) {
      states_.push_back(
          add(builder_.state("cache" + std::to_string(i), {Dtype::f32, {capacity, 6}})));
    }
    current_ = states_;
    const std::int64_t steps = 4 + below(24);
    for (std::int64_t i = 0; i < steps; ++i) step();
    finish_states();
    for (int i = 0; i < 3; ++i) builder_.output("out" + std::to_string(i), any());
    builder_.output("last", values_.back());
    return builder_.finish();
  }

 private:
  std::int64_t below(std::int64_t bound) { return random_.below(bound); }
  const Value& any() { return values_[below(static_cast<std::int64_t>(values_.size()))]; }

  Value add(const Value& value) {
    values_.push_back(value);
    return value;
  }

  void step() {
    const Value x = any();
    switch (below(14)) {
      case 0:
        unary(x);
        break;
      case 1:
        add(builder_.op("tanh", {x}, {}, below(2) ? "same label" : ""));
        break;
      case 2:
        add((x * 0.5 + any_of_shape(x)) * 0.5);
        break;
      case 3:
        add(x - any_of_shape(x));
        break;
      case 4:
        matmul_with_itself(x);
        break;
      case 5:
        permute(x);
        break;
      case 6:
        flatten(x);
        break;
      case 7:
        slice(x);
        break;
      case 8:
        broadcast(x);
        break;
      case 9:
        concat(x);
        break;
      case 10:
        reduce(x);
        break;
      case 11:
        top_k(x);
        break;
      default:
        update_state();
        break;
    }
  }

  void unary(const Value& x) {
    static constexpr const char* names[] = {"neg", "abs", "sin", "softmax", "silu"};
    if (x.rank() > 0) add(builder_.op(names[below(5)], {x}));
  }

  Value any_of_shape(const Value& x) {
    std::vector<Value> fitting;
    for (const Value& value : values_) {
      if (value.shape() == x.shape()) fitting.push_back(value);
    }
    return fitting[below(static_cast<std::int64_t>(fitting.size()))];
  }

  bool is_small(const Shape& shape) const {
    return shape.size() <= 5 &&
           element_count(shape).evaluate({{"N", 5}, {"past", 8}}) <= elements_max;
  }

  void matmul_with_itself(const Value& x) {
    if (x.rank() < 2) return;
    Shape shape = x.shape();
    shape.back() = x.dim(-2);
    if (is_small(shape)) add(builder_.op("tanh", {matmul(x, x, false, true)}));
  }

  void permute(const Value& x) {
    if (x.rank() < 2) return;
    add(x.transpose(static_cast<int>(below(x.rank())), static_cast<int>(below(x.rank()))));
  }

  void flatten(const Value& x) {
    if (x.rank() < 2) return;
    Shape shape = x.shape();
    shape[1] *= shape[0];
    shape.erase(shape.begin());
    add(x.reshape(shape));
  }

  void slice(const Value& x) {
    if (x.rank() == 0) return;
    const int axis = static_cast<int>(below(x.rank()));
    const Dim extent = x.dim(axis);
    const auto fixed = extent.constant();
    if (fixed && *fixed > 2) {
      add(below(2) ? x.slice(axis, 1, *fixed - 1) : x.slice(axis, *fixed - 1, -1, -1));
    } else if (extent == N) {
      add(x.slice(axis, below(2), N));
    }
  }

  void broadcast(const Value& x) {
    Shape shape = x.shape();
    shape.insert(shape.begin(), 2);
    if (is_small(shape)) add(x.broadcast(shape));
  }

  void concat(const Value& x) {
    if (x.rank() == 0) return;
    Shape shape = x.shape();
    shape[0] *= 2;
    if (is_small(shape)) {
      add(builder_.op("concat", {x, any_of_shape(x)}, {{"axis", std::int64_t{0}}}));
    }
  }

  void reduce(const Value& x) {
    if (x.rank() == 0) return;
    const std::vector<std::int64_t> axes = {below(x.rank())};
    add(builder_.op("reduce_max", {x}, {{"axes", axes}, {"keep_dims", below(2) == 1}}));
  }

  void top_k(const Value& x) {
    const auto extent = x.rank() > 0 ? x.dim(-1).constant() : std::nullopt;
    if (!extent || *extent < 2) return;
    add(builder_.multi("top_k", {x}, {{"k", std::int64_t{2}}})[0]);
  }

  // Rows of a state, of the newest version or of the one a run starts with.
  void update_state() {
    const std::size_t state = below(2);
    const Value& target = below(4) ? current_[state] : states_[state];
    for (const Value& rows : values_) {
      if (rows.shape() != Shape{N, 6} || below(2)) continue;
      current_[state] = add(builder_.op("update_slice", {target, rows},
                                        {{"axis", std::int64_t{0}}, {"start", past}}));
      if (below(2)) add(current_[state].slice(0, 0, past + N));
      return;
    }
  }

  void finish_states() {
    const bool swapped = below(4) == 0;
    for (std::size_t i = 0; i < 2; ++i) {
      if (below(4)) builder_.update(states_[i], current_[swapped ? 1 - i : i]);
    }
  }

  Random random_;
  GraphBuilder builder_;
  Dim rows_;
  std::vector<Value> values_;
  std::vector<Value> states_;
  std::vector<Value> current_;  // What the states become, so far.
};

}  // namespace

Graph random_graph(const OpSet& ops, std::uint64_t seed) { return Generator(ops, seed).run(); }

std::map<std::string, Tensor> random_tensors(const Graph& graph, NodeKind kind,
                                             const Bindings& bindings, std::uint64_t seed) {
  Random random(seed);
  std::map<std::string, Tensor> tensors;
  for (const Node& node : graph.nodes()) {
    if (node.kind != kind) continue;
    Tensor tensor(Dtype::f64, evaluate(node.outputs[0].shape, bindings));
    for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
      tensor.as<double>()[i] = random.normal();
    }
    tensors[node.name] = tensor.cast(node.outputs[0].dtype);
  }
  return tensors;
}

Path plain_path(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels) {
  Path path{.graph = graph};
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    for (const Kernel& kernel : kernels) {
      if (kernel.info.op != node.op || !kernel.info.is_plain) continue;
      path.choices.push_back({i, kernel.info.name, {}});
      break;
    }
  }
  return path;
}

Path in_random_bundles(Path path, std::uint64_t seed) {
  Random random(seed);
  std::int32_t bundle = 0;
  for (Choice& choice : path.choices) {
    if (random.below(4) == 0) ++bundle;
    if (random.below(5) > 0) choice.bundle = bundle;
  }
  return path;
}

}  // namespace paceline::test
