#include "tests/support/layer_space.h"

#include <utility>

namespace paceline::search {
namespace {

using Value = std::vector<std::int32_t>;  // The class of each layout.
using Values = std::vector<Value>;

class LayerWriter {
 public:
  LayerWriter(const LayerOptions& options, Random& random) : options_(options), random_(random) {}

  Space run() {
    const Value x = leaf();
    const Value normed = norm(x);
    auto [q, k, v] = projections(normed);
    const Value mixed = attention(rope(norm(q)), rope(norm(k)), v);
    const Value out = linear({mixed});
    const Value branch = norm(out);
    const Value middle = compute({x, branch}, 4e-6);
    const Value inner = norm(middle);
    fuse(inner, {x, branch}, 9e-6);  // Adds and normalises in one.
    const Value down = linear({mlp(inner)});
    const Value last = norm(down);
    const Value sum = compute({middle, last}, 4e-6);
    fuse(sum, {middle, down}, 12e-6);
    space_.roots = {sum[0]};
    return std::move(space_);
  }

 private:
  struct Three {
    Value q, k, v;
  };

  void add(std::int32_t to, double cost_s, std::vector<std::int32_t> children) {
    space_.classes[to].push_back({cost_s, std::move(children), tag_++});
  }

  Value fresh() {
    Value value;
    for (int i = 0; i < options_.layouts; ++i) {
      value.push_back(static_cast<std::int32_t>(space_.classes.size()));
      space_.classes.emplace_back();
    }
    for (int i = 0; i < options_.layouts; ++i) {
      for (int j = 0; j < options_.layouts; ++j) {
        if (i != j && (i == 0 || j == 0 || i + 1 == j))
          add(value[i], options_.view_cost_s, {value[j]});
      }
    }
    return value;
  }

  std::int32_t weight() {
    space_.classes.push_back({{random_.uniform(1e-12, 1e-9), {}, tag_++}});
    return static_cast<std::int32_t>(space_.classes.size()) - 1;
  }

  Value leaf() {
    const Value value = fresh();
    add(value[0], 0, {});
    return value;
  }

  // Another way to compute `out`, in every layout, from inputs in that layout or in the first.
  void fuse(const Value& out, const Values& inputs, double cost_s, int weights = 0) {
    std::vector<std::int32_t> read;
    for (int i = 0; i < weights; ++i) read.push_back(weight());
    for (int layout = 0; layout < options_.layouts; ++layout) {
      for (int kernel = 0; kernel < options_.kernels; ++kernel) {
        std::vector<std::int32_t> children = read;
        const bool mixed = layout > 0 && kernel > 0;
        for (const Value& input : inputs) children.push_back(input[mixed ? 0 : layout]);
        add(out[layout], cost_s * random_.uniform(0.8, 3), children);
      }
    }
  }

  Value compute(const Values& inputs, double cost_s, int weights = 0) {
    const Value out = fresh();
    fuse(out, inputs, cost_s, weights);
    return out;
  }

  Value linear(const Values& inputs) { return compute(inputs, 100e-6, 1); }

  // A product of factors in every grouping of neighbours.
  Value product(const Values& factors) {
    const std::size_t count = factors.size();
    std::vector<Values> of(count, Values(count));
    for (std::size_t length = 1; length <= count; ++length) {
      for (std::size_t from = 0; from + length <= count; ++from) {
        Value& value = of[from][from + length - 1];
        if (length == 1) {
          value = factors[from];
          continue;
        }
        value = fresh();
        for (std::size_t cut = from; cut + 1 < from + length; ++cut) {
          fuse(value, {of[from][cut], of[cut + 1][from + length - 1]}, 3e-6);
        }
      }
    }
    return of[0][count - 1];
  }

  Value norm(const Value& x) {
    const Value square = compute({x}, 3e-6);
    const Value mean = compute({square}, 3e-6);
    const Value scale = compute({mean}, 1e-7);
    Values factors = {x, scale};
    while (static_cast<int>(factors.size()) < options_.chain) factors.push_back(leaf());
    const Value out = product(factors);
    fuse(mean, {x}, 3e-6);
    fuse(out, {x}, 6e-6, 1);
    return out;
  }

  Three projections(const Value& x) {
    const Value merged = compute({x}, 250e-6, 1);
    Three result{linear({x}), linear({x}), linear({x})};
    for (const Value* part : {&result.q, &result.k, &result.v}) {
      for (int layout = 0; layout < options_.layouts; ++layout) {
        add((*part)[layout], options_.view_cost_s, {merged[layout]});
      }
    }
    return result;
  }

  Value rope(const Value& x) {
    const Value turned = compute({compute({x}, 3e-6), compute({x}, 3e-6)}, 3e-6);
    const Value out = compute({compute({x}, 3e-6, 1), compute({turned}, 3e-6, 1)}, 3e-6);
    fuse(out, {x}, 5e-6, 2);
    return out;
  }

  Value softmax(const Value& x) {
    const Value exponents = compute({compute({x, compute({x}, 5e-6)}, 5e-6)}, 9e-6);
    const Value out = compute({exponents, compute({exponents}, 5e-6)}, 5e-6);
    fuse(out, {x}, 15e-6);
    return out;
  }

  Value attention(const Value& q, const Value& k, const Value& v) {
    const Value scaled_late = compute({compute({q, k}, 60e-6)}, 5e-6, 1);
    fuse(scaled_late, {compute({q}, 2e-6, 1), k}, 60e-6);
    const Value masked = compute({scaled_late}, 5e-6, 1);
    const Value out = compute({softmax(masked), v}, 60e-6);
    fuse(out, {q, k, v}, 110e-6);
    return out;
  }

  Value gelu(const Value& x) {
    const Value inner = product({x, x, x, leaf()});
    const Value shifted = compute({compute({compute({x, inner}, 4e-6)}, 4e-6)}, 4e-6);
    const Value out = product({x, shifted, leaf()});
    fuse(out, {x}, 8e-6);
    return out;
  }

  Value mlp(const Value& x) {
    const Value merged = compute({x}, 380e-6, 1);
    const Value gate = linear({x});
    const Value up = linear({x});
    for (int layout = 0; layout < options_.layouts; ++layout) {
      add(gate[layout], options_.view_cost_s, {merged[layout]});
      add(up[layout], options_.view_cost_s, {merged[layout]});
    }
    const Value out = compute({gelu(gate), up}, 4e-6);
    fuse(out, {gate, up}, 9e-6);
    fuse(out, {merged}, 8e-6);
    return out;
  }

  const LayerOptions& options_;
  Random& random_;
  Space space_;
  std::int64_t tag_ = 0;
};

}  // namespace

Space layer_space(const LayerOptions& options, Random& random) {
  return LayerWriter(options, random).run();
}

}  // namespace paceline::search
