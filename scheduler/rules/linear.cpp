#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

std::string of_weights(std::string_view body) {
  return graph(
      fmt::format("input x: f64[2,3,4] weight w: f64[5,4] weight v: f64[5,4] "
                  "weight b: f64[5] weight g: f64[4] constant k: f64[] = 0.3 {} "
                  "output y = y",
                  body));
}

// Rules that hold with and without a bias, which `bias` stands for on either side.
Rules with_and_without_bias(const egraph::Rule& rule, std::string_view right_bias = " ?b") {
  Rules rules;
  for (const bool has_bias : {false, true}) {
    egraph::Rule own = rule;
    own.name = fmt::format(fmt::runtime(rule.name), has_bias ? "-and-bias" : "");
    own.left = fmt::format(fmt::runtime(rule.left), has_bias ? " ?b" : "");
    own.right = fmt::format(fmt::runtime(rule.right), has_bias ? right_bias : "");
    own.example = fmt::format(fmt::runtime(rule.example), has_bias ? ", b" : "");
    rules.push_back(own);
  }
  return rules;
}

std::string of_weights_with_bias(std::string_view body) {
  return "graph \"example\" {{ input x: f64[2,3,4] weight w: f64[5,4] weight b: f64[5] "
         "weight g: f64[4] constant k: f64[] = 0.3 " +
         std::string(body) + " output y = y }}";
}

// A product with a matrix, and its bias.
Rules spelling() {
  return {
      {"matmul-is-linear",
       exact,
       "(matmul[transpose_b=?u] ?x ?w)",
       "(linear[transpose_weight=?u] ?x ?w)",
       {"has_rank(?w, 2)"},
       of_weights("y = matmul(x, w, transpose_b=true)")},
      {"add-is-bias",
       reorders,
       "(add (linear[*=?r] ?x ?w) (broadcast[shape=?s] ?b))",
       "(linear[*=?r] ?x ?w ?b)",
       {"has_shape_of_last(?b, ?s)"},
       of_weights("m = linear(x, w) c = broadcast(b, shape=[2,3,5]) y = add(m, c)")},
      {"add-is-more-bias",
       reorders,
       "(add (linear[*=?r] ?x ?w ?b) (broadcast[shape=?s] ?c))",
       "(linear[*=?r] ?x ?w (add ?b ?c))",
       {"has_shape_of_last(?c, ?s)"},
       of_weights("m = linear(x, w, b) d = exp(b) c = broadcast(d, shape=[2,3,5]) y = add(m, c)")},
      {"bias-past-sum",
       reorders,
       "(add (add (linear[*=?r] ?x ?w) ?c) (broadcast[shape=?s] ?b))",
       "(add (linear[*=?r] ?x ?w ?b) ?c)",
       {"has_shape_of_last(?b, ?s)"},
       of_weights("input c: f64[2,3,5] m = linear(x, w) a = add(m, c) "
                  "d = broadcast(b, shape=[2,3,5]) y = add(a, d)")},
      {"sub-is-bias",
       reorders,
       "(sub (linear[*=?r] ?x ?w) (broadcast[shape=?s] ?b))",
       "(linear[*=?r] ?x ?w (neg ?b))",
       {"has_shape_of_last(?b, ?s)"},
       of_weights("m = linear(x, w) c = broadcast(b, shape=[2,3,5]) y = sub(m, c)")},
      {"bias-of-zero",
       exact,
       "(linear[*=?r] ?x ?w 0)",
       "(linear[*=?r] ?x ?w)",
       {},
       of_weights("constant z: f64[] = 0 o = broadcast(z, shape=[5]) y = linear(x, w, o)")},
  };
}

// Which way round a weight is stored: settled once, when it is bound.
Rules transposes() {
  Rules rules =
      with_and_without_bias({"weight-transposed{}",
                             exact,
                             "(linear[transpose_weight=?t] ?x (permute[order=?p] ?w){})",
                             "(linear[transpose_weight=not(?t)] ?x ?w{})",
                             {"swaps_last_two(?p)"},
                             of_weights_with_bias("p = permute(w, order=[1,0]) "
                                                  "y = linear(x, p{}, transpose_weight=false)")});
  const Rules stored =
      with_and_without_bias({"weight-stored-as-transpose{}",
                             exact,
                             "(linear ?x ?w:static{})",
                             "(linear[transpose_weight=false] ?x (permute[order=[1,0]] ?w){})",
                             {},
                             of_weights_with_bias("y = linear(x, w{})")});
  rules.insert(rules.end(), stored.begin(), stored.end());
  return rules;
}

// Factors go into the weights, where they cost nothing at run time. Those of a product stay: it is
// most likely a norm, whose kernels apply them anyway.
Rules factors() {
  Rules rules = with_and_without_bias(
      {"factor-into-weight{}",
       reorders,
       "(mul (linear[*=?r] ?x ?w:static{}) ?c:const)",
       "(linear[*=?r] ?x (mul ?w (const value(?c) ?w)){})",
       {"is_finite(?c)", "is_bound(?w)"},
       of_weights_with_bias("f = broadcast(k, shape=[2,3,5]) m = linear(x, w{}) y = mul(m, f)")},
      " (mul ?b (const value(?c) ?b))");
  const Rules others[] = {
      with_and_without_bias(
          {"quotient-into-weight{}",
           reorders,
           "(div (linear[*=?r] ?x ?w:static{}) ?c:const)",
           "(linear[*=?r] ?x (div ?w (const value(?c) ?w)){})",
           {"is_invertible(?c)", "is_bound(?w)"},
           of_weights_with_bias("f = broadcast(k, shape=[2,3,5]) m = linear(x, w{}) "
                                "y = div(m, f)")},
          " (div ?b (const value(?c) ?b))"),
      with_and_without_bias(
          {"input-factor-into-weight{}",
           reorders,
           "(linear[*=?r] (mul ?x ?c:const) ?w:static{})",
           "(linear[*=?r] ?x (mul ?w (const value(?c) ?w)){})",
           {"is_finite(?c)", "is_bound(?w)"},
           of_weights_with_bias(
               "f = broadcast(k, shape=[2,3,4]) m = mul(x, f) y = linear(m, w{})")}),
      // One factor a column of x: of a weight [N,K] its columns, of one [K,N] its rows.
      with_and_without_bias({"column-factors-into-weight{}",
                             reorders,
                             "(linear (mul ?x (broadcast[shape=?s] ?g:static)) ?w:static{})",
                             "(linear ?x (mul ?w (broadcast[shape=shape(?w)] ?g)){})",
                             {"has_shape_of_last(?g, ?s)", "is_bound(?w)", "!is_product(?x)"},
                             of_weights_with_bias("f = broadcast(g, shape=[2,3,4]) m = mul(x, f) "
                                                  "y = linear(m, w{})")}),
      with_and_without_bias(
          {"row-factors-into-weight{}",
           reorders,
           "(linear[transpose_weight=false] (mul ?x (broadcast[shape=?s] ?g:static)) ?w:static{})",
           "(linear[transpose_weight=false] ?x (mul ?w (broadcast[shape=shape(?w)] "
           "(reshape[shape=as_column(?g)] ?g))){})",
           {"has_shape_of_last(?g, ?s)", "is_bound(?w)", "!is_product(?x)"},
           of_weights_with_bias("v = permute(w, order=[1,0]) f = broadcast(g, shape=[2,3,4]) "
                                "m = mul(x, f) y = linear(m, v{}, transpose_weight=false)")}),
      with_and_without_bias(
          {"norm-weight-into-weight{}",
           reorders,
           "(linear (rms_norm[epsilon=?e] ?x ?g:static) ?w:static{})",
           "(linear (rms_norm[epsilon=?e] ?x (const 1 ?g)) (mul ?w (broadcast[shape=shape(?w)] "
           "?g)){})",
           {"!is_constant(?g)", "is_bound(?w)"},
           of_weights_with_bias("n = rms_norm(x, g) y = linear(n, w{})")}),
      with_and_without_bias({"neg-into-weight{}",
                             exact,
                             "(neg (linear[*=?r] ?x ?w:static{}))",
                             "(linear[*=?r] ?x (neg ?w){})",
                             {},
                             of_weights_with_bias("m = linear(x, w{}) y = neg(m)")},
                            " (neg ?b)")};
  for (const Rules& own : others) rules.insert(rules.end(), own.begin(), own.end());
  rules.push_back({"column-factors-of-result",
                   reorders,
                   "(mul (linear ?x ?w:static) (broadcast[shape=?s] ?g:static))",
                   "(linear ?x (mul ?w (broadcast[shape=shape(?w)] (reshape[shape=as_column(?g)] "
                   "?g))))",
                   {"has_shape_of_last(?g, ?s)", "is_bound(?w)"},
                   of_weights("f = broadcast(b, shape=[2,3,5]) m = linear(x, w) y = mul(m, f)")});
  rules.push_back({"linear-of-linear",
                   reorders,
                   "(linear[transpose_weight=?t] (linear[transpose_weight=?u] ?x ?w:static) "
                   "?v:static)",
                   "(linear[transpose_weight=false] ?x "
                   "(matmul[transpose_a=?u,transpose_b=?t] ?w ?v))",
                   {},
                   of_weights("h = linear(x, w) y = linear(h, v, transpose_weight=false)")});
  rules.push_back({"sum-of-linears",
                   reorders,
                   "(add (linear[transpose_weight=?t] ?x ?w:static) (linear[transpose_weight=?t] "
                   "?x ?v:static))",
                   "(linear[transpose_weight=?t] ?x (add ?w ?v))",
                   {"have_one_shape(?w, ?v)"},
                   of_weights("m = linear(x, w) n = linear(x, v) y = add(m, n)")});
  return rules;
}

// The rows of x in another arrangement, and parts of the columns of the result.
Rules moves() {
  Rules rules;
  const Rules all[] = {
      with_and_without_bias(
          {"linear-of-reshape{}",
           exact,
           "(linear[transpose_weight=?t] (reshape[shape=?s] ?x) ?w{})",
           "(reshape[shape=with_last(?s, out_extent(?w, ?t))] "
           "(linear[transpose_weight=?t] ?x ?w{}))",
           {"keeps_last(?x, ?s)", "has_axes(?x, 2)"},
           of_weights_with_bias("r = reshape(x, shape=[6,4]) y = linear(r, w{})")}),
      with_and_without_bias(
          {"rows-of-linear{}",
           exact,
           "(slice[axis=?a,*=?r] (linear[*=?s] ?x ?w{}))",
           "(linear[*=?s] (slice[axis=?a,*=?r] ?x) ?w{})",
           {"is_before_last(?a)"},
           of_weights_with_bias("m = linear(x, w{}) y = slice(m, axis=-2, start=2, stop=3)")}),
      with_and_without_bias(
          {"columns-of-linear{}",
           exact,
           "(slice[axis=-1,*=?r] (linear ?x ?w:static{}))",
           "(linear ?x (slice[axis=-2,*=?r] ?w){})",
           {},
           of_weights_with_bias("m = linear(x, w{}) y = slice(m, axis=-1, start=2, stop=4)")},
          " (slice[axis=-1,*=?r] ?b)"),
      with_and_without_bias(
          {"columns-of-linear-by-rows{}",
           exact,
           "(slice[axis=-1,*=?r] (linear[transpose_weight=false] ?x ?w:static{}))",
           "(linear[transpose_weight=false] ?x (slice[axis=-1,*=?r] ?w){})",
           {},
           of_weights_with_bias("v = permute(w, order=[1,0]) "
                                "m = linear(x, v{}, transpose_weight=false) "
                                "y = slice(m, axis=-1, start=2, stop=4)")},
          " (slice[axis=-1,*=?r] ?b)")};
  for (const Rules& own : all) rules.insert(rules.end(), own.begin(), own.end());
  rules.push_back({"joined-linears",
                   exact,
                   "(concat[axis=-1] (linear ?x ?w:static) (linear ?x ?v:static))",
                   "(linear ?x (concat[axis=-2] ?w ?v))",
                   {},
                   of_weights("m = linear(x, w) n = linear(x, v) y = concat(m, n, axis=-1)")});
  rules.push_back({"joined-linears-with-bias",
                   exact,
                   "(concat[axis=-1] (linear ?x ?w:static ?b) (linear ?x ?v:static ?c))",
                   "(linear ?x (concat[axis=-2] ?w ?v) (concat[axis=-1] ?b ?c))",
                   {},
                   of_weights("c = exp(b) m = linear(x, w, b) n = linear(x, v, c) "
                              "y = concat(m, n, axis=-1)")});
  rules.push_back({"gather-is-embedding",
                   exact,
                   "(gather ?table ?ids)",
                   "(embedding ?ids ?table)",
                   {"has_rank(?table, 2)"},
                   graph("input ids: i64[3] weight t: f64[5,4] y = gather(t, ids) output y = y")});
  return rules;
}

}  // namespace

Rules linear() {
  Rules rules;
  for (const auto& family : {spelling, transposes, factors, moves}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
