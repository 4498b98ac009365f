#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <optional>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;
using Activation = std::function<Value(const Value&)>;

struct Slopes {
  double alpha;
  double beta;
};

// activation_alpha or activation_beta: each activation that has such a number takes the next.
class Numbers {
 public:
  Numbers(const Call& call, std::string_view name)
      : name_(name), numbers_(call.reals(name).value_or(std::vector<double>())) {}

  double next(double missing) { return next_ < numbers_.size() ? numbers_[next_++] : missing; }
  // Where some are left over, it is open which belong to whom.
  void refuse_rest() const {
    if (next_ == 0 || next_ == numbers_.size()) return;
    throw invalid("{} has {} numbers where the activations take {}", name_, numbers_.size(), next_);
  }

 private:
  std::string_view name_;
  std::vector<double> numbers_;
  std::size_t next_ = 0;
};

Activation activation(const std::string& name, Numbers& alphas, Numbers& betas) {
  const auto slope = [&](double a) { return Slopes{alphas.next(a), 0}; };
  const auto slopes = [&](double a, double b) { return Slopes{alphas.next(a), betas.next(b)}; };
  std::string word = name;
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (word == "sigmoid" || word == "tanh" || word == "relu") {
    return [word](const Value& x) { return onnx::apply(word, x); };
  }
  if (word == "affine") {
    return [s = slopes(1, 0)](const Value& x) { return x * s.alpha + s.beta; };
  }
  if (word == "scaledtanh") {
    return [s = slopes(1, 1)](const Value& x) { return apply("tanh", x * s.beta) * s.alpha; };
  }
  if (word == "hardsigmoid") {
    return [s = slopes(0.2, 0.5)](const Value& x) {
      return apply("minimum", apply("maximum", x * s.alpha + s.beta, 0), 1);
    };
  }
  if (word == "leakyrelu") {
    return
        [s = slope(0.01)](const Value& x) { return select(apply("less", x, 0), x * s.alpha, x); };
  }
  if (word == "thresholdedrelu") {
    return [s = slope(1)](const Value& x) {
      return select(apply("greater", x, s.alpha), x, like(x, 0));
    };
  }
  if (word == "elu") {
    return [s = slope(1)](const Value& x) {
      return apply("maximum", x, 0) + apply("expm1", apply("minimum", x, 0)) * s.alpha;
    };
  }
  if (word == "softsign") {
    return [](const Value& x) { return x / (apply("abs", x) + 1.0); };
  }
  if (word == "softplus") {
    return [](const Value& x) {
      return apply("maximum", x, 0) + apply("log1p", apply("exp", -apply("abs", x)));
    };
  }
  throw unsupported("activation \"{}\"", name);
}

// Row k of `parts` equal parts of the axis that gates share.
Value part(const Value& x, int axis, std::int64_t k, const Dim& extent) {
  return x.slice(axis, extent * Dim(k), extent * Dim(k + 1));
}

// What all kinds share: operands by direction, steps in order, masks by lengths. The kinds differ
// in `step`.
class Network {
 public:
  Network(Call& call, std::int64_t gates, std::vector<std::string> default_activations)
      : call_(call), gates_(gates) {
    x_ = call.in(0);
    is_batch_first_ = call.integer("layout", 0) != 0;
    if (x_.rank() != 3)
      throw invalid("[steps, batch, inputs] is needed: {}", x_.type().to_string());
    if (is_batch_first_) x_ = x_.transpose(0, 1);
    steps_ = fixed(x_.dim(0), "the steps of a recurrent network");
    if (steps_ > steps_max) {
      throw unsupported("a recurrent network of more than {} steps: {}", steps_max, steps_);
    }
    hidden_ = call.shape(2).at(2);
    direction_ = call.text("direction", "forward");
    if (direction_ != "forward" && direction_ != "reverse" && direction_ != "bidirectional") {
      throw invalid("direction must be forward, reverse or bidirectional: \"{}\"", direction_);
    }
    const std::int64_t directions = direction_ == "bidirectional" ? 2 : 1;
    read_activations(default_activations, directions);
    if (call.has_attribute("clip")) clip_ = call.real("clip", 0);
  }
  virtual ~Network() = default;

 protected:
  static constexpr std::int64_t steps_max = 4096;

  struct State {
    Value h;
    Value c;
  };

  Value activate(std::int64_t k, const Value& x) const {
    Value clipped = x;
    if (clip_) clipped = apply("minimum", apply("maximum", x, -*clip_), *clip_);
    return activations_[direction_index_ * per_direction_ + k](clipped);
  }
  // Part `gate` of what the input gives at this step, or of the recurrence's weights and biases.
  Value of_input(const Value& from_input, std::int64_t gate) const {
    return part(from_input, 1, gate, hidden_);
  }
  Value recur(const Value& h, std::int64_t gate) const {
    return matmul(h, part(recurrence_, 0, gate, hidden_), false, true);
  }
  std::optional<Value> bias(std::int64_t k) const {
    if (!biases_) return std::nullopt;
    return part(*biases_, 0, k, hidden_);
  }
  const Dim& hidden() const { return hidden_; }
  Call& call() const { return call_; }
  std::int64_t direction_index() const { return direction_index_; }

  virtual State step(const Value& from_input, const State& state) = 0;
  virtual bool has_cell() const { return false; }
  virtual void enter_direction() {}

 public:
  Terms outputs() const {
    const Value all = stacked(ys_);       // [D, T, B, H]
    const Value last = stacked(last_h_);  // [D, B, H]
    Terms outputs{all.permute(is_batch_first_ ? Axes{2, 1, 0, 3} : Axes{1, 0, 2, 3}),
                  is_batch_first_ ? last.transpose(0, 1) : last};
    if (has_cell()) {
      const Value cell = stacked(last_c_);
      outputs.push_back(is_batch_first_ ? cell.transpose(0, 1) : cell);
    }
    return outputs;
  }

  // A network is run when it is whole: its steps are those of its kind.
  void begin() {
    const std::int64_t directions = direction_ == "bidirectional" ? 2 : 1;
    for (std::int64_t d = 0; d < directions; ++d) run_direction(d);
  }

 private:
  void read_activations(const std::vector<std::string>& defaults, std::int64_t directions) {
    std::vector<std::string> names = call_.texts("activations");
    if (names.empty()) {
      for (std::int64_t d = 0; d < directions; ++d) {
        names.insert(names.end(), defaults.begin(), defaults.end());
      }
    }
    per_direction_ = std::ssize(defaults);
    if (std::ssize(names) != directions * per_direction_) {
      throw invalid("{} activations for {} directions", names.size(), directions);
    }
    Numbers alphas(call_, "activation_alpha");
    Numbers betas(call_, "activation_beta");
    for (const std::string& name : names) activations_.push_back(activation(name, alphas, betas));
    alphas.refuse_rest();
    betas.refuse_rest();
  }

  Value initial(std::size_t i, std::int64_t d) const {
    const Dim batch = x_.dim(1);
    if (!call_.has(i)) return like(x_, 0).broadcast({batch, hidden_});
    const Value given = is_batch_first_ ? call_.in(i).transpose(0, 1) : call_.in(i);
    return given.slice(0, d, d + 1).reshape({batch, hidden_});
  }

  Value of_direction(std::size_t i, std::int64_t d) const {
    const Value all = call_.in(i);
    return drop_axes(all.slice(0, d, d + 1), {0});
  }

  void run_direction(std::int64_t d) {
    direction_index_ = d;
    const Value weight = of_direction(1, d);
    recurrence_ = of_direction(2, d);
    biases_.reset();
    if (call_.has(3)) biases_ = of_direction(3, d);
    enter_direction();
    // All steps' inputs at once: [T, B, gates * H].
    Value from_input = matmul(x_, weight, false, true);
    if (biases_) from_input = from_input + biases_->slice(0, 0, hidden_ * Dim(gates_));
    State state{initial(5, d), has_cell() ? initial(6, d) : Value()};
    std::vector<Value> ys(steps_);
    const bool is_reverse = direction_ == "reverse" || d == 1;
    for (std::int64_t k = 0; k < steps_; ++k) {
      const std::int64_t t = is_reverse ? steps_ - 1 - k : k;
      const Value now = from_input.slice(0, t, t + 1).reshape({x_.dim(1), hidden_ * Dim(gates_)});
      State next = step(now, state);
      ys[t] = next.h;
      if (call_.has(4)) {
        // Sequences that are over keep their state and give zeros.
        const Value is_live =
            insert_axes(apply("greater", call_.in(4), static_cast<double>(t)), {1});
        ys[t] = select(is_live, next.h, like(x_, 0));
        next.h = select(is_live, next.h, state.h);
        if (has_cell()) next.c = select(is_live, next.c, state.c);
      }
      state = next;
    }
    for (Value& y : ys) y = insert_axes(y, {0});
    ys_.push_back(ys.empty() ? like(x_, 0).broadcast({0, x_.dim(1), hidden_}) : concat(ys, 0));
    last_h_.push_back(state.h);
    last_c_.push_back(state.c);
  }

  static Value stacked(const std::vector<Value>& parts) {
    std::vector<Value> rows;
    for (const Value& one : parts) rows.push_back(insert_axes(one, {0}));
    return concat(rows, 0);
  }

  Call& call_;
  std::int64_t gates_;
  Value x_;  // [T, B, I]
  std::int64_t steps_ = 0;
  Dim hidden_;
  bool is_batch_first_ = false;
  std::string direction_;
  std::vector<Activation> activations_;
  std::int64_t per_direction_ = 0;
  std::optional<double> clip_;

  std::int64_t direction_index_ = 0;
  Value recurrence_;
  std::optional<Value> biases_;  // Of the input's gates, then of the recurrence's.
  std::vector<Value> ys_, last_h_, last_c_;
};

class Simple : public Network {
 public:
  explicit Simple(Call& call) : Network(call, 1, {"Tanh"}) {}

 private:
  State step(const Value& from_input, const State& state) override {
    Value sum = from_input + recur(state.h, 0);
    if (const auto b = bias(1)) sum = sum + *b;
    return {activate(0, sum), {}};
  }
};

// Gates: update, reset, hidden.
class Gru : public Network {
 public:
  explicit Gru(Call& call)
      : Network(call, 3, {"Sigmoid", "Tanh"}),
        resets_after_(call.integer("linear_before_reset", 0) != 0) {}

 private:
  State step(const Value& from_input, const State& state) override {
    const auto gate = [&](std::int64_t k) {
      Value sum = of_input(from_input, k) + recur(state.h, k);
      if (const auto b = bias(3 + k)) sum = sum + *b;
      return activate(0, sum);
    };
    const Value update = gate(0);
    const Value reset = gate(1);
    Value recurrent;
    if (resets_after_) {
      recurrent = recur(state.h, 2);
      if (const auto b = bias(5)) recurrent = recurrent + *b;
      recurrent = reset * recurrent;
    } else {
      recurrent = recur(reset * state.h, 2);
      if (const auto b = bias(5)) recurrent = recurrent + *b;
    }
    const Value candidate = activate(1, of_input(from_input, 2) + recurrent);
    return {(1.0 - update) * candidate + update * state.h, {}};
  }

  bool resets_after_;
};

// Gates: input, output, forget, cell; peepholes: input, output, forget.
class Lstm : public Network {
 public:
  explicit Lstm(Call& call)
      : Network(call, 4, {"Sigmoid", "Tanh", "Tanh"}),
        couples_(call.integer("input_forget", 0) != 0) {}

 private:
  bool has_cell() const override { return true; }

  void enter_direction() override {
    peepholes_.reset();
    if (!call().has(7)) return;
    const Value all = call().in(7);
    peepholes_ = all.slice(0, direction_index(), direction_index() + 1).reshape({all.dim(1)});
  }

  State step(const Value& from_input, const State& state) override {
    const auto sum = [&](std::int64_t k) {
      Value total = of_input(from_input, k) + recur(state.h, k);
      if (const auto b = bias(4 + k)) total = total + *b;
      return total;
    };
    const auto peep = [&](const Value& total, std::int64_t k, const Value& cell) {
      return peepholes_ ? total + part(*peepholes_, 0, k, hidden()) * cell : total;
    };
    const Value input = activate(0, peep(sum(0), 0, state.c));
    const Value forget = couples_ ? 1.0 - input : activate(0, peep(sum(2), 2, state.c));
    const Value cell = forget * state.c + input * activate(1, sum(3));
    const Value output = activate(0, peep(sum(1), 1, cell));
    return {output * activate(2, cell), cell};
  }

  bool couples_;
  std::optional<Value> peepholes_;
};

template <typename Kind>
Terms recurrent(Call& call) {
  Kind network(call);
  network.begin();
  return network.outputs();
}

constexpr std::array table{
    Translator{"GRU", recurrent<Gru>},
    Translator{"LSTM", recurrent<Lstm>},
    Translator{"RNN", recurrent<Simple>},
};

}  // namespace

std::span<const Translator> recurrent_translators() { return table; }

}  // namespace paceline::onnx
