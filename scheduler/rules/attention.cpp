#include <array>

#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// A choice that a way of writing attention makes.
struct Choice {
  std::string suffix;
  std::string pattern;  // Around `{}`.
  std::string call;     // Makes value OUT of value IN; empty: nothing.
  std::vector<std::string> conditions = {};
  std::string attribute = {};
  std::string operand = {};  // A fourth operand of attention.
  Precision precision = reorders;
};

// How the heads lie.
struct Form {
  std::string suffix;
  std::string q, k, v, scores;  // Types of an example.
  bool is_grouped = false;
  bool needs_axes = false;  // Fewer than four.
};

const std::array<Form, 3> forms{{
    {"", "[1,4,3,2]", "[1,4,5,2]", "[1,4,5,6]", "[1,4,3,5]"},
    {"-of-few-axes", "[4,3,2]", "[4,5,2]", "[4,5,6]", "[4,3,5]", false, true},
    {"-of-groups", "[1,4,3,2]", "[1,2,5,2]", "[1,2,5,6]", "[1,4,3,5]", true, false},
}};

const std::array<Choice, 3> scales{{
    {"",
     "(mul {} ?c:const)",
     "constant kc: f64[] = 0.6 c = broadcast(kc, shape=SCORES) "
     "OUT = mul(IN, c) ",
     {},
     "scale=value(?c)"},
    {"-by-quotient",
     "(div {} ?c:const)",
     "constant kc: f64[] = 1.7 c = broadcast(kc, shape=SCORES) OUT = div(IN, c) ",
     {"is_invertible(?c)"},
     "scale=reciprocal(?c)"},
    {"-unscaled", "{}", "", {}, "scale=1.0"},
}};

const std::array<Choice, 2> caps{{
    {"", "{}", ""},
    {"-capped",
     "(mul ?p:const (tanh (div {} ?p)))",
     "constant kp: f64[] = 2.5 top = broadcast(kp, shape=SCORES) cp = div(IN, top) ct = tanh(cp) "
     "OUT = mul(top, ct) ",
     {"is_positive(?p)"},
     ",softcap=value(?p)"},
}};

constexpr const char* causal_call =
    "ki = iota(extent=5) kb = broadcast(ki, shape=SCORES) qi = iota(start=2, extent=3) "
    "qr = reshape(qi, shape=[3,1]) qb = broadcast(qr, shape=SCORES) m = less_equal(kb, qb) ";

std::array<Choice, 5> masks() {
  return {{
      {"", "{}", ""},
      {"-masked",
       "(where ?m {} -inf)",
       "input m: bool[MASK] mb = broadcast(m, shape=SCORES) constant ki: f64[] = -inf "
       "inf = broadcast(ki, shape=SCORES) OUT = where(mb, IN, inf) ",
       {},
       "",
       " ?m"},
      {"-plus-mask",
       "(add {} ?m)",
       "input m: f64[MASK] mb = broadcast(m, shape=SCORES) OUT = add(IN, mb) ",
       {},
       "",
       " ?m"},
      // A large negative number where others write -infinity: alike unless a row has nothing else.
      {"-filled",
       "(where ?m {} ?f:const)",
       std::string(causal_call) + "constant kf: f64[] = -100000 f = broadcast(kf, shape=SCORES) "
                                  "OUT = where(m, IN, f) ",
       {"hides(?f, ?m)"},
       "",
       " (where ?m (const 0 ?f) ?f)",
       approximates},
      {"-plus-mask-by-position",
       "(where ?m (add {} ?n) -inf)",
       std::string(causal_call) + "input n: f64[MASK] nb = broadcast(n, shape=SCORES) "
                                  "sn = add(IN, nb) constant kf: f64[] = -inf "
                                  "f = broadcast(kf, shape=SCORES) OUT = where(m, sn, f) ",
       {},
       ",causal=sight_is_causal(?m, ?q, ?k),window=sight_window(?m, ?q, ?k)",
       " ?n"},
  }};
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), by);
    at += by.size();
  }
  return text;
}

std::string wrap(const std::string& pattern, const std::string& inner) {
  return fmt::format(fmt::runtime(pattern), inner);
}

// One way to write attention, from the products to the sum of values.
class Writer {
 public:
  Writer(const Form& form, const Choice& scale, const Choice& cap, const Choice& mask)
      : form_(form), scale_(scale), cap_(cap), mask_(mask) {}

  egraph::Rule rule() const {
    return {"lift-attention" + form_.suffix + scale_.suffix + cap_.suffix + mask_.suffix,
            mask_.precision,
            left(),
            right(),
            conditions(),
            example()};
  }

 private:
  std::string left() const {
    const std::string q = form_.is_grouped ? "(reshape[shape=?u] ?q)" : "?q";
    std::string scores = wrap(scale_.pattern, fmt::format("(matmul[transpose_b=true] {} ?k)", q));
    if (form_.is_grouped) scores = fmt::format("(reshape[shape=?t] {})", scores);
    const std::string weights =
        fmt::format("(softmax[axis=-1] {})", wrap(mask_.pattern, wrap(cap_.pattern, scores)));
    if (!form_.is_grouped) return fmt::format("(matmul {} ?v)", weights);
    return fmt::format("(reshape[shape=?o] (matmul (reshape[shape=?z] {}) ?v))", weights);
  }

  std::string right() const {
    const std::string attributes = scale_.attribute + cap_.attribute + mask_.attribute;
    if (!form_.needs_axes) {
      return fmt::format("(attention[{}] ?q ?k ?v{})", attributes, mask_.operand);
    }
    const auto with_axes = [](std::string_view x) {
      return fmt::format("(reshape[shape=with_four_axes({0})] {0})", x);
    };
    return fmt::format(
        "(reshape[shape=with_last(shape(?q), extent(?v, -1))] "
        "(attention[{}] {} {} {}{}))",
        attributes, with_axes("?q"), with_axes("?k"), with_axes("?v"), mask_.operand);
  }

  std::vector<std::string> conditions() const {
    std::vector<std::string> all;
    if (form_.is_grouped) {
      all = {"are_grouped(?q, ?k, ?v, ?u, ?t, ?z, ?o)"};
    } else if (form_.needs_axes) {
      all = {"!has_axes(?q, 4)", "have_one_rank(?q, ?k)", "have_one_rank(?q, ?v)"};
    } else {
      all = {"has_rank(?q, 4)", "has_rank(?k, 4)", "has_rank(?v, 4)"};
    }
    for (const Choice* choice : {&scale_, &cap_, &mask_}) {
      all.insert(all.end(), choice->conditions.begin(), choice->conditions.end());
    }
    return all;
  }

  // Appends a choice's statements; the value that stands for its input afterwards.
  static std::string write(std::string& body, const Choice& choice, const std::string& in,
                           const std::string& out) {
    if (choice.call.empty()) return in;
    body += replaced(replaced(choice.call, "IN", in), "OUT", out);
    return out;
  }

  std::string example() const {
    std::string body =
        fmt::format("input q: f64{} input k: f64{} input v: f64{} ", form_.q, form_.k, form_.v);
    std::string last = "s0";
    body += form_.is_grouped ? "qg = reshape(q, shape=[1,2,6,2]) s0 = matmul(qg, k, "
                               "transpose_b=true) "
                             : "s0 = matmul(q, k, transpose_b=true) ";
    last = write(body, scale_, last, "s1");
    if (form_.is_grouped) {
      body = replaced(body, "SCORES", "[1,2,6,5]");
      body += fmt::format("sr = reshape({}, shape=SCORES) ", last);
      last = "sr";
    }
    last = write(body, cap_, last, "s2");
    last = write(body, mask_, last, "s3");
    body += fmt::format("p = softmax({}) ", last);
    body += form_.is_grouped ? "pg = reshape(p, shape=[1,2,6,5]) yg = matmul(pg, v) "
                               "y = reshape(yg, shape=[1,4,3,6])"
                             : "y = matmul(p, v)";
    return graph(replaced(replaced(body, "SCORES", form_.scores), "MASK", "3,5") + " output y = y");
  }

  const Form& form_;
  const Choice& scale_;
  const Choice& cap_;
  const Choice& mask_;
};

Rules lifts() {
  Rules rules;
  const auto all_masks = masks();
  for (const Form& form : forms) {
    for (const Choice& scale : scales) {
      for (const Choice& cap : caps) {
        for (const Choice& mask : all_masks) {
          rules.push_back(Writer(form, scale, cap, mask).rule());
        }
      }
    }
  }
  return rules;
}

std::string of_heads(std::string_view body) {
  return graph(
      fmt::format("input q: f64[1,4,3,2] input k: f64[1,4,3,2] input v: f64[1,4,3,6] "
                  "input g: f64[1,2,3,2] input w: f64[1,2,3,6] input m: f64[4,3,3] "
                  "constant c: f64[] = 0.7 {} output y = y",
                  body));
}

// Factors of queries and keys belong to the scale.
Rules scale_forms() {
  Rules rules;
  struct Factor {
    std::string name, op, function, condition;
  };
  for (const Factor& f : {Factor{"factor", "mul", "times", "is_finite(?c)"},
                          Factor{"quotient", "div", "over", "is_invertible(?c)"}}) {
    rules.push_back(
        {fmt::format("{}-of-queries", f.name),
         reorders,
         fmt::format("(attention[scale=?s,*=?r] ({} ?q ?c:const) ?k ?v ?m...)", f.op),
         fmt::format("(attention[scale={}(?s, value(?c)),*=?r] ?q ?k ?v ?m...)", f.function),
         {f.condition},
         of_heads(fmt::format("b = broadcast(c, shape=[1,4,3,2]) f = {}(q, b) "
                              "y = attention(f, k, v, m, scale=0.5)",
                              f.op))});
    rules.push_back(
        {fmt::format("{}-of-keys", f.name),
         reorders,
         fmt::format("(attention[scale=?s,*=?r] ?q ({} ?k ?c:const) ?v ?m...)", f.op),
         fmt::format("(attention[scale={}(?s, value(?c)),*=?r] ?q ?k ?v ?m...)", f.function),
         {f.condition},
         of_heads(fmt::format("b = broadcast(c, shape=[1,4,3,2]) f = {}(k, b) "
                              "y = attention(q, f, v, scale=0.5)",
                              f.op))});
  }
  return rules;
}

// Keys and values written once for each head of a group.
Rules group_forms() {
  const auto repeated = [](const char* x, const char* a, const char* b, const char* c) {
    return fmt::format("(reshape[shape=?{}] (broadcast[shape=?{}] (reshape[shape=?{}] {})))", c, b,
                       a, x);
  };
  return {
      {"attention-of-repeated-heads",
       exact,
       fmt::format("(attention[*=?r] ?q {} {} ?m...)", repeated("?k", "ka", "kb", "kc"),
                   repeated("?v", "va", "vb", "vc")),
       "(attention[*=?r] ?q ?k ?v ?m...)",
       {"repeats_heads(?k, ?ka, ?kb, ?kc)", "repeats_heads(?v, ?va, ?vb, ?vc)"},
       of_heads("g1 = reshape(g, shape=[1,2,1,3,2]) g2 = broadcast(g1, shape=[1,2,2,3,2]) "
                "g3 = reshape(g2, shape=[1,4,3,2]) w1 = reshape(w, shape=[1,2,1,3,6]) "
                "w2 = broadcast(w1, shape=[1,2,2,3,6]) w3 = reshape(w2, shape=[1,4,3,6]) "
                "y = attention(q, g3, w3, m, scale=0.5)")},
      {"attention-of-one-head-spread",
       exact,
       "(attention[*=?r] ?q (broadcast[shape=?s] ?k) (broadcast[shape=?t] ?v) ?m...)",
       "(attention[*=?r] ?q ?k ?v ?m...)",
       {"spreads_one_head(?k, ?s)", "spreads_one_head(?v, ?t)"},
       graph("input q: f64[1,4,3,2] input k: f64[1,1,3,2] a = broadcast(k, shape=[1,4,3,2]) "
             "y = attention(q, a, a, scale=0.5) output y = y")},
  };
}

}  // namespace

Rules attention() {
  Rules rules;
  for (const auto& family : {lifts, scale_forms, group_forms}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
