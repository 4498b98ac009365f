#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// Four queries over four keys.
std::string of_scores(std::string_view body) {
  return graph(fmt::format(
      "input q: f64[1,2,4,3] input k: f64[1,2,4,3] input v: f64[1,2,4,3] input p: bool[1,1,1,4] "
      "input f: f64[1,1,1,4] {} output y = y",
      body));
}

// `m`: bool[4,4], true up to the diagonal.
constexpr const char* causal_mask =
    "ki = iota(extent=4) kb = broadcast(ki, shape=[4,4]) qr = reshape(ki, shape=[4,1]) "
    "qb = broadcast(qr, shape=[4,4]) m = less_equal(kb, qb) ";
// The same as numbers to add.
constexpr const char* additive =
    "constant z: f64[] = 0 zb = broadcast(z, shape=[4,4]) constant l: f64[] = -1e30 "
    "lb = broadcast(l, shape=[4,4]) n = where(m, zb, lb) ";

constexpr const char* by_position =
    "(attention[scale=?s,softcap=?c,causal=sight_is_causal(?m, ?q, ?k),"
    "window=sight_window(?m, ?q, ?k)] ?q ?k ?v";

std::string attend(std::string_view mask) {
  return fmt::format("y = attention(q, k, v, {}, scale=0.5)", mask);
}

// A mask of positions is an attribute.
Rules positions() {
  const std::string unmasked = "(attention[scale=?s,softcap=?c] ?q ?k ?v ";
  return {
      {"mask-is-position",
       exact,
       unmasked + "?m)",
       fmt::format("{})", by_position),
       {"is_boolean(?m)"},
       of_scores(causal_mask + attend("m"))},
      // Numbers so low that nothing is left of what they are added to; alike while each row keeps
      // a key.
      {"added-mask-is-position",
       approximates,
       unmasked + "?m)",
       fmt::format("{})", by_position),
       {"is_float(?m)"},
       of_scores(std::string(causal_mask) + additive + attend("n"))},
      {"mask-and-position",
       exact,
       unmasked + "(logical_and ?m ?n))",
       fmt::format("{} ?n)", by_position),
       {},
       of_scores(std::string(causal_mask) +
                 "pb = broadcast(p, shape=[1,1,4,4]) mb = broadcast(m, shape=[1,1,4,4]) "
                 "both = logical_and(mb, pb) " +
                 attend("both"))},
      // A finite low number beside others in ?n does not hide: only -inf does, whatever ?n adds.
      {"filled-mask-and-position",
       approximates,
       unmasked + "(where ?m ?n ?f:const))",
       fmt::format("{} ?n)", by_position),
       {"is_minus_infinity(?f)", "!is_constant(?n)"},
       of_scores(std::string(causal_mask) +
                 "fb = broadcast(f, shape=[1,1,4,4]) mb = broadcast(m, shape=[1,1,4,4]) "
                 "constant l: f64[] = -inf lb = broadcast(l, shape=[1,1,4,4]) "
                 "both = where(mb, fb, lb) " +
                 attend("both"))},
  };
}

Rules forms() {
  return {
      {"mask-of-true",
       exact,
       "(attention[*=?r] ?q ?k ?v ?m:const)",
       "(attention[*=?r] ?q ?k ?v)",
       {"is_boolean(?m)", "!is_zero(value(?m))"},
       of_scores("constant t: bool[] = true tb = broadcast(t, shape=[4,4]) " + attend("tb"))},
      {"mask-of-constant",
       reorders,
       "(attention[*=?r] ?q ?k ?v ?m:const)",
       "(attention[*=?r] ?q ?k ?v)",
       {"is_float(?m)", "is_moderate(?m)"},
       of_scores("constant t: f64[] = 0 tb = broadcast(t, shape=[4,4]) " + attend("tb"))},
      {"mask-of-broadcast",
       exact,
       "(attention[*=?r] ?q ?k ?v (broadcast[*] ?m))",
       "(attention[*=?r] ?q ?k ?v ?m)",
       {},
       of_scores("pb = broadcast(p, shape=[1,2,4,4]) " + attend("pb"))},
      {"mask-of-leading-ones",
       exact,
       "(attention[*=?r] ?q ?k ?v (reshape[shape=?t] ?m))",
       "(attention[*=?r] ?q ?k ?v ?m)",
       {"adds_leading_ones(?m, ?t)"},
       of_scores("input m: f64[4,4] mr = reshape(m, shape=[1,1,4,4]) " + attend("mr"))},
      {"added-infinity-is-choice",
       reorders,
       "(attention[*=?r] ?q ?k ?v (where ?m 0 -inf))",
       "(attention[*=?r] ?q ?k ?v ?m)",
       {},
       of_scores("constant z: f64[] = 0 zb = broadcast(z, shape=[1,1,1,4]) constant l: f64[] = "
                 "-inf lb = broadcast(l, shape=[1,1,1,4]) n = where(p, zb, lb) " +
                 attend("n"))},
      {"causal-without-mask-of-causal",
       exact,
       "(attention[causal=true,window=0,*=?r] ?q ?k ?v ?m)",
       "(attention[causal=true,*=?r] ?q ?k ?v)",
       {"is_boolean(?m)", "is_causal(?m, ?q, ?k)"},
       of_scores(std::string(causal_mask) + "y = attention(q, k, v, m, scale=0.5, causal=true)")},
      // With one query at the last position nothing lies ahead.
      {"causal-of-one-query",
       exact,
       "(attention[causal=true,*=?r] ?q ?k ?v ?m...)",
       "(attention[*=?r] ?q ?k ?v ?m...)",
       {"has_one_query(?q)"},
       graph("input q: f64[1,2,1,3] input k: f64[1,2,4,3] "
             "y = attention(q, k, k, scale=0.5, causal=true) output y = y")},
  };
}

}  // namespace

Rules mask() {
  Rules rules = positions();
  const Rules own = forms();
  rules.insert(rules.end(), own.begin(), own.end());
  return rules;
}

}  // namespace paceline::rules
