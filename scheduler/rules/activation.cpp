#include <array>

#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_two(std::string_view body) {
  return graph(fmt::format("input x: f64[2,3] input u: f64[2,3] {} output y = y", body));
}

// A constant for `NAME`, as large as x.
std::string spread(std::string_view name, std::string_view value) {
  return fmt::format("constant c_{0}: f64[] = {1} {0} = broadcast(c_{0}, shape=[2,3]) ", name,
                     value);
}

Rules simple() {
  const std::string one = spread("one", "1");
  return {
      {"lift-relu",
       exact,
       "(maximum ?x 0)",
       "(relu ?x)",
       {"is_float(?x)"},
       of_two(spread("zero", "0") + "y = maximum(x, zero)")},
      {"relu-of-relu",
       exact,
       "(relu (relu ?x))",
       "(relu ?x)",
       {},
       of_two("r = relu(x) y = relu(r)")},
      // What is no number stays one in the op, and is 0 in this spelling.
      {"lift-relu-by-where",
       approximates,
       "(where (greater ?x 0) ?x 0)",
       "(relu ?x)",
       {"is_float(?x)"},
       of_two(spread("zero", "0") + "g = greater(x, zero) y = where(g, x, zero)")},
      {"lift-sigmoid",
       reorders,
       "(div 1 (add 1 (exp (neg ?x))))",
       "(sigmoid ?x)",
       {},
       of_two(one + "n = neg(x) e = exp(n) s = add(one, e) y = div(one, s)")},
      {"lift-sigmoid-by-growth",
       approximates,
       "(div (exp ?x) (add 1 (exp ?x)))",
       "(sigmoid ?x)",
       {},
       of_two(one + "e = exp(x) s = add(one, e) y = div(e, s)")},
      {"lift-sigmoid-by-tanh",
       approximates,
       "(mul 0.5 (add 1 (tanh (mul 0.5 ?x))))",
       "(sigmoid ?x)",
       {},
       of_two(one + spread("half", "0.5") +
              "m = mul(half, x) t = tanh(m) s = add(one, t) y = mul(half, s)")},
      {"lift-tanh-by-sigmoid",
       approximates,
       "(sub (mul 2 (sigmoid (mul 2 ?x))) 1)",
       "(tanh ?x)",
       {},
       of_two(one + spread("two", "2") +
              "m = mul(two, x) s = sigmoid(m) p = mul(two, s) y = sub(p, one)")},
      // Not the other way: 1 - sigmoid(x) has no digits left where x is large.
      {"one-less-sigmoid",
       approximates,
       "(sub 1 (sigmoid ?x))",
       "(sigmoid (neg ?x))",
       {},
       of_two(one + "s = sigmoid(x) y = sub(one, s)")},
      {"lift-silu",
       reorders,
       "(mul ?x (sigmoid ?x))",
       "(silu ?x)",
       {},
       of_two("s = sigmoid(x) y = mul(x, s)")},
      {"lift-silu-by-quotient",
       reorders,
       "(div ?x (add 1 (exp (neg ?x))))",
       "(silu ?x)",
       {},
       of_two(one + "n = neg(x) e = exp(n) s = add(one, e) y = div(x, s)")},
  };
}

// A way to write a part of GELU: as a pattern, and as statements that define `NAME`.
struct Spelling {
  std::string suffix;
  std::string pattern;
  std::string call;
};

// 0.5 * x * g, in the orders that exporters choose; `{}` is g.
const std::array<Spelling, 3> products{{
    {"", "(mul (mul 0.5 ?x) {})", "h = mul(half, x) y = mul(h, g)"},
    {"-half-last", "(mul 0.5 (mul ?x {}))", "h = mul(x, g) y = mul(h, half)"},
    {"-half-inside", "(mul ?x (mul 0.5 {}))", "h = mul(half, g) y = mul(x, h)"},
}};

// Writes 0.5 * x * (1 + f), for each spelling of f.
Rules lift_gelu(std::string_view name, std::string_view right, Precision precision,
                std::span<const Spelling> spellings) {
  Rules rules;
  for (const Spelling& product : products) {
    for (const Spelling& inner : spellings) {
      const std::string g = fmt::format("(add 1 {})", inner.pattern);
      rules.push_back({fmt::format("{}{}{}", name, inner.suffix, product.suffix),
                       precision,
                       fmt::format(fmt::runtime(product.pattern), g),
                       std::string(right),
                       {},
                       of_two(spread("one", "1") + spread("half", "0.5") + inner.call +
                              "g = add(one, f) " + product.call)});
    }
  }
  return rules;
}

Rules gelu() {
  const std::array<Spelling, 2> spellings{{
      {"", "(erf (div ?x 1.4142135623730951))",
       spread("k", "1.4142135623730951") + "a = div(x, k) f = erf(a) "},
      {"-by-factor", "(erf (mul ?x 0.7071067811865476))",
       spread("k", "0.7071067811865476") + "a = mul(x, k) f = erf(a) "},
  }};
  return lift_gelu("lift-gelu", "(gelu ?x)", reorders, spellings);
}

Rules gelu_tanh() {
  const std::string slope = spread("k", "0.7978845608028654");
  const std::string small = spread("c", "0.044715");
  const auto whole = [](std::string_view cubic) {
    return fmt::format("(tanh (mul 0.7978845608028654 (add ?x {})))", cubic);
  };
  const std::string end = "s = add(x, q) a = mul(k, s) f = tanh(a) ";
  const std::array<Spelling, 4> spellings{{
      {"", whole("(mul (mul (mul 0.044715 ?x) ?x) ?x)"),
       slope + small + "p = mul(c, x) r = mul(p, x) q = mul(r, x) " + end},
      {"-by-cube", whole("(mul 0.044715 (mul (mul ?x ?x) ?x))"),
       slope + small + "p = mul(x, x) r = mul(p, x) q = mul(c, r) " + end},
      {"-by-square", whole("(mul (mul 0.044715 (mul ?x ?x)) ?x)"),
       slope + small + "p = mul(x, x) r = mul(c, p) q = mul(r, x) " + end},
      {"-factored", "(tanh (mul (mul ?x 0.7978845608028654) (add 1 (mul 0.044715 (mul ?x ?x)))))",
       slope + small +
           "p = mul(x, x) r = mul(c, p) s = add(one, r) t = mul(x, k) a = mul(t, s) f = tanh(a) "},
  }};
  Rules rules = lift_gelu("lift-gelu-tanh", "(gelu[approximate=\"tanh\"] ?x)", reorders, spellings);
  rules.push_back({"square-by-factor",
                   reorders,
                   "(mul (mul ?c:const ?x) ?x)",
                   "(mul ?c (mul ?x ?x))",
                   {},
                   of_two(small + "p = mul(c, x) y = mul(p, x)")});
  return rules;
}

// act(gate) * up.
Rules gated() {
  struct Activation {
    std::string name, term, call;
  };
  Rules rules;
  for (const Activation& a :
       {Activation{"silu", "(silu ?x)", "silu(x)"}, Activation{"gelu", "(gelu ?x)", "gelu(x)"},
        Activation{"gelu_tanh", "(gelu[approximate=\"tanh\"] ?x)", "gelu(x, approximate=\"tanh\")"},
        Activation{"relu", "(relu ?x)", "relu(x)"},
        Activation{"sigmoid", "(sigmoid ?x)", "sigmoid(x)"}}) {
    rules.push_back({fmt::format("lift-gated-{}", a.name),
                     exact,
                     fmt::format("(mul {} ?u)", a.term),
                     fmt::format("(gated_activation[activation=\"{}\"] ?x ?u)", a.name),
                     {},
                     of_two(fmt::format("g = {} y = mul(g, u)", a.call))});
  }
  return rules;
}

}  // namespace

Rules activation() {
  Rules rules;
  for (const auto& family : {simple, gelu, gelu_tanh, gated}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
