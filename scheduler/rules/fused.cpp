#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_weights(std::string_view body) {
  return graph(
      fmt::format("input x: f64[2,3,4] weight w: f64[5,4] weight b: f64[5] "
                  "input z: f64[2,3,5] {} output y = y",
                  body));
}

Rules activations() {
  struct Activation {
    std::string name, op, call;
  };
  Rules rules;
  for (const Activation& a :
       {Activation{"gelu", "gelu", "gelu(l)"},
        Activation{"gelu_tanh", "gelu[approximate=\"tanh\"]", "gelu(l, approximate=\"tanh\")"},
        Activation{"silu", "silu", "silu(l)"}, Activation{"relu", "relu", "relu(l)"},
        Activation{"sigmoid", "sigmoid", "sigmoid(l)"}}) {
    rules.push_back({fmt::format("lift-linear-{}", a.name),
                     exact,
                     fmt::format("({} (linear[*=?r] ?x ?w ?b...))", a.op),
                     fmt::format("(linear_activation[activation=\"{}\",*=?r] ?x ?w ?b...)", a.name),
                     {},
                     of_weights(fmt::format("l = linear(x, w, b) y = {}", a.call))});
  }
  return rules;
}

}  // namespace

Rules fused() {
  Rules rules = activations();
  rules.push_back({"lift-linear-residual",
                   exact,
                   "(add (linear[*=?r] ?x ?w ?b...) ?z)",
                   "(linear_residual[*=?r] ?x ?w ?z ?b...)",
                   {},
                   of_weights("l = linear(x, w, b) y = add(l, z)")});
  return rules;
}

}  // namespace paceline::rules
