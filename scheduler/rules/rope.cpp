#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// Tables [2,2] for f64[2,3,2,4]: two positions, two pairs.
std::string of_tables(std::string_view body) {
  return graph(
      fmt::format("input x: f64[3,2,4] input c: f64[2,2] input n: f64[2,2] {} output y = y", body));
}

constexpr const char* tables = "(reshape[shape=last_two(?c)] ?c) (reshape[shape=last_two(?n)] ?n)";

std::string rope_of(std::string_view x, bool interleaved = false) {
  return fmt::format("(rope{} {} {})", interleaved ? "[interleaved=true]" : "", x, tables);
}

// a cos - b sin and b cos + a sin.
struct Turned {
  std::string first, second;
};

Turned turned(std::string_view a, std::string_view b, std::string_view cos, std::string_view sin) {
  return {fmt::format("(sub (mul {0} {2}) (mul {1} {3}))", a, b, cos, sin),
          fmt::format("(add (mul {1} {2}) (mul {0} {3}))", a, b, cos, sin)};
}

constexpr const char* turn_calls =
    "ac = mul(a, d) bs = mul(b, s) bc = mul(b, d) as = mul(a, s) f = sub(ac, bs) g = add(bc, as) ";

// x cos + rotate_half(x) sin, with tables whose halves are alike.
Rules rotate_half() {
  Rules rules;
  const std::string half =
      "(concat[axis=-1] (neg (slice[axis=-1,start=?h,stop=?d] ?x)) (slice[axis=-1,stop=?h] ?x))";
  for (const bool is_spread : {true, false}) {
    const auto table = [&](const char* name) {
      const std::string both = fmt::format("(concat[axis=-1] {0} {0})", name);
      return is_spread ? fmt::format("(broadcast[*] {})", both) : both;
    };
    const std::string widen = is_spread ? "d = broadcast(c2, shape=[3,2,4]) "
                                          "s = broadcast(n2, shape=[3,2,4]) "
                                        : "d = copy(c2) s = copy(n2) ";
    const std::string body =
        "c2 = concat(c, c, axis=-1) n2 = concat(n, n, axis=-1) " +
        std::string(is_spread ? widen : "") +
        "a = slice(x, axis=-1, stop=2) b = slice(x, axis=-1, start=2, stop=4) m = neg(b) "
        "h = concat(m, a, axis=-1) " +
        (is_spread ? "p = mul(x, d) q = mul(h, s) y = add(p, q)"
                   : "p = mul(x, c2) q = mul(h, n2) y = add(p, q)");
    rules.push_back({is_spread ? "lift-rope" : "lift-rope-unspread",
                     reorders,
                     fmt::format("(add (mul ?x {}) (mul {} {}))", table("?c"), half, table("?n")),
                     rope_of("?x"),
                     {"are_halves(?x, ?h, ?d)", "are_angles(?x, ?c, ?n)"},
                     is_spread ? of_tables(body)
                               : graph(fmt::format("input x: f64[2,4] input c: f64[2,2] "
                                                   "input n: f64[2,2] {} output y = y",
                                                   body))});
  }
  return rules;
}

// The two halves by themselves.
Rules by_halves() {
  Rules rules;
  const Turned plain = turned("(slice[axis=-1,stop=?h] ?x)", "(slice[axis=-1,start=?h,stop=?d] ?x)",
                              "(broadcast[*] ?c)", "(broadcast[*] ?n)");
  rules.push_back({"lift-rope-of-halves",
                   reorders,
                   fmt::format("(concat[axis=-1] {} {})", plain.first, plain.second),
                   rope_of("?x"),
                   {"are_halves(?x, ?h, ?d)", "are_angles(?x, ?c, ?n)"},
                   of_tables("a = slice(x, axis=-1, stop=2) b = slice(x, axis=-1, start=2, stop=4) "
                             "d = broadcast(c, shape=[3,2,2]) s = broadcast(n, shape=[3,2,2]) " +
                             std::string(turn_calls) + "y = concat(f, g, axis=-1)")});
  // As the op's decomposition has it: pairs as an axis of two.
  for (const bool interleaved : {false, true}) {
    const std::string axis = interleaved ? "-1" : "-2";
    const auto part = [&](const char* range) {
      return fmt::format("(slice[axis={},{}] (reshape[shape=?p] ?x))", axis, range);
    };
    const Turned own =
        turned(part("stop=1"), part("start=1,stop=2"), "(broadcast[*] (reshape[shape=?t] ?c))",
               "(broadcast[*] (reshape[shape=?t] ?n))");
    const std::string pairs = interleaved ? "[3,2,2,2]" : "[3,2,2,2]";
    const std::string table = interleaved ? "[2,2,1]" : "[2,1,2]";
    const std::string wide = interleaved ? "[3,2,2,1]" : "[3,2,1,2]";
    rules.push_back(
        {interleaved ? "lift-rope-of-interleaved-pairs" : "lift-rope-of-pairs",
         reorders,
         fmt::format("(reshape[shape=?o] (concat[axis={}] {} {}))", axis, own.first, own.second),
         rope_of("?x", interleaved),
         {"has_shape(?x, ?o)", "are_angles(?x, ?c, ?n)",
          fmt::format("are_pairs(?x, ?p, {})", interleaved),
          fmt::format("are_angles_of_pairs(?c, ?t, {})", interleaved)},
         of_tables(fmt::format("r = reshape(x, shape={0}) a = slice(r, axis={1}, stop=1) "
                               "b = slice(r, axis={1}, start=1, stop=2) c2 = reshape(c, shape={2}) "
                               "n2 = reshape(n, shape={2}) d = broadcast(c2, shape={3}) "
                               "s = broadcast(n2, shape={3}) {4} j = concat(f, g, axis={1}) "
                               "y = reshape(j, shape=[3,2,4])",
                               pairs, axis, table, wide, turn_calls))});
  }
  // Every other element, put together again by an axis of two.
  const Turned strided =
      turned("(slice[axis=-1,stop=?d,step=2] ?x)", "(slice[axis=-1,start=1,stop=?e,step=2] ?x)",
             "(broadcast[*] ?c)", "(broadcast[*] ?n)");
  rules.push_back(
      {"lift-rope-of-every-other",
       reorders,
       fmt::format("(reshape[shape=?o] (concat[axis=-1] (reshape[shape=?u] {}) (reshape[shape=?u] "
                   "{})))",
                   strided.first, strided.second),
       rope_of("?x", true),
       {"has_shape(?x, ?o)", "are_angles(?x, ?c, ?n)", "are_columns(?x, ?u)"},
       of_tables("a = slice(x, axis=-1, stop=4, step=2) b = slice(x, axis=-1, start=1, stop=4, "
                 "step=2) d = broadcast(c, shape=[3,2,2]) s = broadcast(n, shape=[3,2,2]) " +
                 std::string(turn_calls) +
                 "f2 = reshape(f, shape=[3,2,2,1]) g2 = reshape(g, shape=[3,2,2,1]) "
                 "j = concat(f2, g2, axis=-1) y = reshape(j, shape=[3,2,4])")});
  return rules;
}

Rules parts() {
  return {
      {"rope-of-first-part",
       exact,
       "(concat[axis=-1] (rope[*=?r] (slice[axis=-1,stop=?m] ?x) ?c ?n) "
       "(slice[axis=-1,start=?m,stop=?d] ?x))",
       "(rope[*=?r] ?x ?c ?n)",
       {"ends_at(?x, ?d)"},
       graph("input x: f64[3,2,6] input c: f64[2,2] input n: f64[2,2] "
             "a = slice(x, axis=-1, stop=4) b = slice(x, axis=-1, start=4, stop=6) "
             "r = rope(a, c, n) y = concat(r, b, axis=-1) output y = y")},
      {"rope-of-reshape",
       exact,
       "(rope[*=?r] (reshape[shape=?s] ?x) ?c ?n)",
       "(reshape[shape=?s] (rope[*=?r] ?x ?c ?n))",
       {"keeps_last_two_extents(?x, ?s)", "has_axes(?x, 2)"},
       of_tables("p = reshape(x, shape=[1,3,2,4]) y = rope(p, c, n)")},
      {"rope-of-permute",
       exact,
       "(rope[*=?r] (permute[order=?p] ?x) ?c ?n)",
       "(permute[order=?p] (rope[*=?r] ?x ?c ?n))",
       {"keeps_last_two(?p)"},
       graph("input x: f64[2,3,2,4] input c: f64[2,2] input n: f64[2,2] "
             "p = permute(x, order=[1,0,2,3]) y = rope(p, c, n) output y = y")},
  };
}

}  // namespace

Rules rope() {
  Rules rules;
  for (const auto& family : {rotate_half, by_halves, parts}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
