#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_booleans(std::string_view body) {
  return graph(fmt::format(
      "input p: bool[5] input q: bool[5] input a: f64[5] input b: f64[5] {} output y = y", body));
}

std::string of_integers(std::string_view body) {
  return graph(fmt::format("input a: i64[5] input b: i64[5] {} output y = y", body));
}

Rules booleans() {
  Rules rules{
      {"not-not",
       exact,
       "(logical_not (logical_not ?p))",
       "?p",
       {},
       of_booleans("n = logical_not(p) y = logical_not(n)")},
      {"not-and",
       exact,
       "(logical_not (logical_and ?p ?q))",
       "(logical_or (logical_not ?p) (logical_not ?q))",
       {},
       of_booleans("n = logical_and(p, q) y = logical_not(n)")},
      {"not-or",
       exact,
       "(logical_not (logical_or ?p ?q))",
       "(logical_and (logical_not ?p) (logical_not ?q))",
       {},
       of_booleans("n = logical_or(p, q) y = logical_not(n)")},
      {"and-itself", exact, "(logical_and ?p ?p)", "?p", {}, of_booleans("y = logical_and(p, p)")},
      {"or-itself", exact, "(logical_or ?p ?p)", "?p", {}, of_booleans("y = logical_or(p, p)")},
      {"and-associates",
       exact,
       "(logical_and (logical_and ?a ?b) ?c)",
       "(logical_and ?a (logical_and ?b ?c))",
       {},
       of_booleans("r = less(a, b) n = logical_and(p, q) y = logical_and(n, r)")},
  };
  struct Neutral {
    std::string name, op, constant, right;
  };
  for (const Neutral& n : {Neutral{"and-true", "logical_and", "1", "?p"},
                           Neutral{"and-false", "logical_and", "0", "(const 0 ?p)"},
                           Neutral{"or-false", "logical_or", "0", "?p"},
                           Neutral{"or-true", "logical_or", "1", "(const 1 ?p)"}}) {
    rules.push_back({n.name,
                     exact,
                     fmt::format("({} ?p {})", n.op, n.constant),
                     n.right,
                     {},
                     of_booleans(fmt::format("constant c: bool[] = {} k = broadcast(c, shape=[5]) "
                                             "y = {}(p, k)",
                                             n.constant == "1" ? "true" : "false", n.op))});
  }
  return rules;
}

Rules comparisons() {
  return {
      {"less-is-greater",
       exact,
       "(less ?a ?b)",
       "(greater ?b ?a)",
       {},
       of_booleans("y = less(a, b)"),
       true},
      {"less-equal-is-greater-equal",
       exact,
       "(less_equal ?a ?b)",
       "(greater_equal ?b ?a)",
       {},
       of_booleans("y = less_equal(a, b)"),
       true},
      {"not-equal-is-not",
       exact,
       "(not_equal ?a ?b)",
       "(logical_not (equal ?a ?b))",
       {},
       of_booleans("y = not_equal(a, b)"),
       true},
      // What is no number is neither less nor greater, so floats have no such opposite.
      {"not-less",
       exact,
       "(logical_not (less ?a ?b))",
       "(greater_equal ?a ?b)",
       {"is_integer(?a)"},
       of_integers("l = less(a, b) y = logical_not(l)")},
      {"not-greater",
       exact,
       "(logical_not (greater ?a ?b))",
       "(less_equal ?a ?b)",
       {"is_integer(?a)"},
       of_integers("l = greater(a, b) y = logical_not(l)")},
      {"not-less-equal",
       exact,
       "(logical_not (less_equal ?a ?b))",
       "(greater ?a ?b)",
       {"is_integer(?a)"},
       of_integers("l = less_equal(a, b) y = logical_not(l)")},
      {"not-greater-equal",
       exact,
       "(logical_not (greater_equal ?a ?b))",
       "(less ?a ?b)",
       {"is_integer(?a)"},
       of_integers("l = greater_equal(a, b) y = logical_not(l)")},
      {"is-nan-by-equality",
       exact,
       "(not_equal ?x ?x)",
       "(is_nan ?x)",
       {"is_float(?x)"},
       of_booleans("y = not_equal(a, a)")},
  };
}

Rules choices() {
  return {
      {"where-same", exact, "(where ?p ?x ?x)", "?x", {}, of_booleans("y = where(p, a, a)")},
      {"where-true",
       exact,
       "(where 1 ?x ?y)",
       "?x",
       {},
       of_booleans("constant c: bool[] = true k = broadcast(c, shape=[5]) y = where(k, a, b)")},
      {"where-false",
       exact,
       "(where 0 ?x ?y)",
       "?y",
       {},
       of_booleans("constant c: bool[] = false k = broadcast(c, shape=[5]) y = where(k, a, b)")},
      {"where-not",
       exact,
       "(where (logical_not ?p) ?x ?y)",
       "(where ?p ?y ?x)",
       {},
       of_booleans("n = logical_not(p) y = where(n, a, b)")},
      {"where-of-where",
       exact,
       "(where ?p (where ?q ?x ?y) ?y)",
       "(where (logical_and ?p ?q) ?x ?y)",
       {},
       of_booleans("w = where(q, a, b) y = where(p, w, b)"),
       true},
      {"where-of-where-else",
       exact,
       "(where ?p ?x (where ?q ?x ?y))",
       "(where (logical_or ?p ?q) ?x ?y)",
       {},
       of_booleans("w = where(q, a, b) y = where(p, a, w)")},
      {"where-same-condition",
       exact,
       "(where ?p (where ?p ?x ?y) ?z)",
       "(where ?p ?x ?z)",
       {},
       of_booleans("c = add(a, b) w = where(p, a, b) y = where(p, w, c)")},
      // A boolean as a number, times a number: the exporters' way to choose.
      {"mul-by-boolean",
       exact,
       "(mul ?c:const (cast[dtype=?d] ?p))",
       "(where ?p ?c (const 0 ?c))",
       {"is_finite(?c)", "is_boolean(?p)"},
       of_booleans("constant c: f64[] = -3 k = broadcast(c, shape=[5]) n = cast(p, dtype=f64) "
                   "y = mul(k, n)")},
      {"one-less-boolean",
       exact,
       "(sub 1 (cast[dtype=?d] ?p))",
       "(cast[dtype=?d] (logical_not ?p))",
       {"is_boolean(?p)"},
       of_booleans("constant c: f64[] = 1 k = broadcast(c, shape=[5]) n = cast(p, dtype=f64) "
                   "y = sub(k, n)")},
      {"boolean-of-number",
       exact,
       "(not_equal ?x 0)",
       "(cast[dtype=bool] ?x)",
       {},
       of_booleans("constant c: f64[] = 0 k = broadcast(c, shape=[5]) y = not_equal(a, k)")},
      {"nan-to-number",
       exact,
       "(where (is_nan ?x) ?y (where (is_nan ?x) ?z ?x))",
       "(where (is_nan ?x) ?y ?x)",
       {},
       of_booleans("n = is_nan(a) s = add(a, b) w = where(n, s, a) y = where(n, b, w)")},
  };
}

}  // namespace

Rules logic() {
  Rules rules = booleans();
  for (const Rules& own : {comparisons(), choices()}) {
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
