#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// `y = op(x, c)` of a vector and a constant.
std::string with_constant(std::string_view op, std::string_view constant) {
  return graph(fmt::format(
      "input x: f64[2,3] constant c: f64[] = {} b = broadcast(c, shape=[2,3]) y = {}(x, b) "
      "output y = y",
      constant, op));
}

std::string of_two(std::string_view body) {
  return graph(fmt::format("input a: f64[2,3] input b: f64[2,3] {} output y = y", body));
}

std::string of_three(std::string_view body) {
  return graph(
      fmt::format("input a: f64[2,3] input b: f64[2,3] input c: f64[2,3] {} output y = y", body));
}

Rules associate() {
  Rules rules;
  for (const std::string op : {"mul", "minimum", "maximum"}) {
    const bool rounds = op == "mul";
    rules.push_back({op + "-associates",
                     rounds ? reorders : exact,
                     fmt::format("({0} ({0} ?a ?b) ?c)", op),
                     fmt::format("({0} ?a ({0} ?b ?c))", op),
                     {},
                     of_three(fmt::format("s = {0}(a, b) y = {0}(s, c)", op))});
  }
  return rules;
}

// Sums are reordered only to bring together what adds up to less: a residual stream is a sum of all
// layers, and has more orders than any budget.
Rules sums() {
  const std::string constants =
      "constant kc: f64[] = 0.7 constant kd: f64[] = 2 input c: f64[3] input d: f64[3] "
      "u = broadcast(kc, shape=[2,3]) v = broadcast(kd, shape=[2,3]) ";
  return {
      {"constants-of-sum",
       reorders,
       "(add (add ?a ?c:const) ?d:const)",
       "(add ?a (add ?c ?d))",
       {},
       of_two(constants + "s = add(a, u) y = add(s, v)")},
      {"constant-past-sum",
       reorders,
       "(add (add ?a ?c:const) ?b)",
       "(add (add ?a ?b) ?c)",
       {},
       of_two(constants + "s = add(a, u) y = add(s, b)")},
      {"spread-terms-of-sum",
       reorders,
       "(add (add ?a (broadcast[shape=?s] ?b)) (broadcast[shape=?s] ?c))",
       "(add ?a (add (broadcast[shape=?s] ?b) (broadcast[shape=?s] ?c)))",
       {"have_one_shape(?b, ?c)"},
       of_two(constants + "e = broadcast(c, shape=[2,3]) f = broadcast(d, shape=[2,3]) "
                          "s = add(a, e) y = add(s, f)")},
      {"quotients-of-one-divisor",
       reorders,
       "(add (div ?a ?c) (div ?b ?c))",
       "(div (add ?a ?b) ?c)",
       {"is_float(?a)"},
       of_three("p = div(a, c) q = div(b, c) y = add(p, q)")},
  };
}

Rules neutral() {
  return {
      {"add-zero", exact, "(add ?x 0)", "?x", {}, with_constant("add", "0")},
      {"sub-zero", exact, "(sub ?x 0)", "?x", {}, with_constant("sub", "0")},
      {"mul-one", exact, "(mul ?x 1)", "?x", {}, with_constant("mul", "1")},
      {"div-one", exact, "(div ?x 1)", "?x", {}, with_constant("div", "1")},
      {"pow-one", exact, "(pow ?x 1)", "?x", {}, with_constant("pow", "1")},
      {"minimum-itself", exact, "(minimum ?x ?x)", "?x", {}, of_two("y = minimum(a, a)")},
      {"maximum-itself", exact, "(maximum ?x ?x)", "?x", {}, of_two("y = maximum(a, a)")},
      // Not for floats, where infinity less itself is no number.
      {"sub-itself",
       exact,
       "(sub ?x ?x)",
       "(const 0 ?x)",
       {"is_integer(?x)"},
       graph("input x: i64[3] y = sub(x, x) output y = y")},
      {"mul-zero",
       exact,
       "(mul ?x 0)",
       "(const 0 ?x)",
       {"is_integer(?x)"},
       graph("input x: i64[3] constant c: i64[] = 0 b = broadcast(c, shape=[3]) y = mul(x, b) "
             "output y = y")},
  };
}

Rules signs() {
  return {
      {"neg-neg", exact, "(neg (neg ?x))", "?x", {}, of_two("n = neg(a) y = neg(n)")},
      {"mul-minus-one", exact, "(mul ?x -1)", "(neg ?x)", {}, with_constant("mul", "-1")},
      {"div-minus-one",
       exact,
       "(div ?x -1)",
       "(neg ?x)",
       {"is_float(?x)"},
       with_constant("div", "-1")},
      {"add-neg",
       exact,
       "(add ?a (neg ?b))",
       "(sub ?a ?b)",
       {},
       of_two("n = neg(b) y = add(a, n)")},
      {"sub-from-zero",
       exact,
       "(sub 0 ?x)",
       "(neg ?x)",
       {"is_signed(?x)"},
       graph("input x: f64[3] constant c: f64[] = 0 b = broadcast(c, shape=[3]) y = sub(b, x) "
             "output y = y")},
      {"neg-sub",
       exact,
       "(neg (sub ?a ?b))",
       "(sub ?b ?a)",
       {},
       of_two("s = sub(a, b) y = neg(s)")},
      {"mul-neg",
       exact,
       "(mul (neg ?a) ?b)",
       "(neg (mul ?a ?b))",
       {},
       of_two("n = neg(a) y = mul(n, b)")},
      {"div-neg",
       exact,
       "(div (neg ?a) ?b)",
       "(neg (div ?a ?b))",
       {"is_float(?a)"},
       of_two("n = neg(a) y = div(n, b)")},
      {"abs-neg", exact, "(abs (neg ?x))", "(abs ?x)", {}, of_two("n = neg(a) y = abs(n)")},
      {"abs-abs", exact, "(abs (abs ?x))", "(abs ?x)", {}, of_two("n = abs(a) y = abs(n)")},
      {"square-of-neg",
       exact,
       "(mul (neg ?x) (neg ?x))",
       "(mul ?x ?x)",
       {},
       of_two("n = neg(a) y = mul(n, n)")},
      {"square-of-abs",
       exact,
       "(mul (abs ?x) (abs ?x))",
       "(mul ?x ?x)",
       {},
       of_two("n = abs(a) y = mul(n, n)")},
  };
}

Rules powers() {
  return {
      {"pow-two", reorders, "(pow ?x 2)", "(mul ?x ?x)", {}, with_constant("pow", "2")},
      {"pow-three", reorders, "(pow ?x 3)", "(mul (mul ?x ?x) ?x)", {}, with_constant("pow", "3")},
      // pow(-infinity, 0.5) is infinity, its root no number.
      {"pow-half", approximates, "(pow ?x 0.5)", "(sqrt ?x)", {}, with_constant("pow", "0.5")},
      {"pow-minus-half",
       approximates,
       "(pow ?x -0.5)",
       "(rsqrt ?x)",
       {},
       with_constant("pow", "-0.5")},
      {"pow-minus-one",
       reorders,
       "(pow ?x -1)",
       "(div (const 1 ?x) ?x)",
       {},
       with_constant("pow", "-1")},
      {"one-over-sqrt",
       reorders,
       "(div 1 (sqrt ?x))",
       "(rsqrt ?x)",
       {},
       graph("input x: f64[3] constant c: f64[] = 1 b = broadcast(c, shape=[3]) r = sqrt(x) "
             "y = div(b, r) output y = y")},
      {"rsqrt-is-one-over-sqrt",
       reorders,
       "(rsqrt ?x)",
       "(div (const 1 ?x) (sqrt ?x))",
       {},
       of_two("y = rsqrt(a)")},
      {"div-by-sqrt",
       reorders,
       "(div ?a (sqrt ?b))",
       "(mul ?a (rsqrt ?b))",
       {},
       of_two("r = sqrt(b) y = div(a, r)")},
      {"mul-by-rsqrt",
       reorders,
       "(mul ?a (rsqrt ?b))",
       "(div ?a (sqrt ?b))",
       {},
       of_two("r = rsqrt(b) y = mul(a, r)")},
      // The root of the square is the distance from zero, of whatever sign.
      {"sqrt-of-square",
       approximates,
       "(sqrt (mul ?x ?x))",
       "(abs ?x)",
       {},
       of_two("s = mul(a, a) y = sqrt(s)")},
  };
}

Rules quotients() {
  return {
      {"div-by-power-of-two",
       exact,
       "(div ?x ?c:const)",
       "(mul ?x (const reciprocal(?c) ?x))",
       {"is_power_of_two(?c)", "is_float(?x)"},
       with_constant("div", "8")},
      {"div-by-constant",
       reorders,
       "(div ?x ?c:const)",
       "(mul ?x (const reciprocal(?c) ?x))",
       {"is_invertible(?c)", "is_float(?x)"},
       with_constant("div", "3")},
      {"mul-by-reciprocal",
       reorders,
       "(mul ?a (div 1 ?b))",
       "(div ?a ?b)",
       {"is_float(?a)"},
       graph("input a: f64[3] input b: f64[3] constant c: f64[] = 1 o = broadcast(c, shape=[3]) "
             "r = div(o, b) y = mul(a, r) output y = y")},
      {"factor-of-quotient",
       reorders,
       "(mul (div ?a ?b:const) ?c:const)",
       "(mul ?a (const over(value(?c), value(?b)) ?a))",
       {"is_invertible(?b)", "is_float(?a)"},
       graph("input a: f64[3] constant kb: f64[] = 3 constant kc: f64[] = 5 "
             "b = broadcast(kb, shape=[3]) c = broadcast(kc, shape=[3]) d = div(a, b) "
             "y = mul(d, c) output y = y")},
      {"quotient-of-factor",
       reorders,
       "(div (mul ?a ?c:const) ?b:const)",
       "(mul ?a (const over(value(?c), value(?b)) ?a))",
       {"is_invertible(?b)", "is_float(?a)"},
       graph("input a: f64[3] constant kb: f64[] = 3 constant kc: f64[] = 5 "
             "b = broadcast(kb, shape=[3]) c = broadcast(kc, shape=[3]) m = mul(a, c) "
             "y = div(m, b) output y = y")},
      {"div-of-div",
       reorders,
       "(div (div ?a ?b) ?c)",
       "(div ?a (mul ?b ?c))",
       {"is_float(?a)"},
       of_three("d = div(a, b) y = div(d, c)")},
      {"constant-out-of-sum",
       reorders,
       "(add (mul ?a ?c:const) (mul ?b ?c))",
       "(mul (add ?a ?b) ?c)",
       {"is_finite(?c)"},
       graph("input a: f64[3] input b: f64[3] constant c: f64[] = 0.7 k = broadcast(c, shape=[3]) "
             "p = mul(a, k) q = mul(b, k) y = add(p, q) output y = y")},
      {"factor-out-of-sum-with-one",
       approximates,
       "(add (mul ?a ?b) ?a)",
       "(mul ?a (add (const 1 ?b) ?b))",
       {},
       of_two("p = mul(a, b) y = add(p, a)")},
      {"sum-is-twice", exact, "(add ?x ?x)", "(mul ?x (const 2 ?x))", {}, of_two("y = add(a, a)")},
      // expm1 and log1p keep digits that their spelled-out forms lose.
      {"exp-less-one",
       approximates,
       "(sub (exp ?x) 1)",
       "(expm1 ?x)",
       {},
       graph("input x: f64[3] constant c: f64[] = 1 o = broadcast(c, shape=[3]) e = exp(x) "
             "y = sub(e, o) output y = y")},
      {"log-of-one-more",
       approximates,
       "(log (add ?x 1))",
       "(log1p ?x)",
       {},
       graph("input x: f64[3] constant c: f64[] = 1 o = broadcast(c, shape=[3]) m = mul(x, x) "
             "e = add(m, o) y = log(e) output y = y")},
  };
}

}  // namespace

Rules algebra() {
  Rules rules;
  for (const auto& family : {associate, sums, neutral, signs, powers, quotients}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
