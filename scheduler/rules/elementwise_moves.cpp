#include <fmt/format.h>

#include "scheduler/rules/families.h"

namespace paceline::rules {

namespace {

using enum Precision;

// A move, as it stands around a value, and a graph's statement that makes one.
struct Move {
  std::string name;
  std::string open;  // "(permute[order=?p]": " ?x)" follows.
  std::string call;  // Of an f64[2,3,4].
  // Two values that this move brings to one shape had one shape before.
  bool keeps_shapes_apart;
  // Work is least before a broadcast and after a slice. The other two cost nothing: outwards they
  // meet others of their kind.
  enum class Direction { outwards, inwards } direction;
};

using enum Move::Direction;

const std::vector<Move>& moves() {
  static const std::vector<Move> all{
      {"permute", "(permute[order=?p]", "permute({}, order=[1,2,0])", true, outwards},
      {"reshape", "(reshape[shape=?s]", "reshape({}, shape=[6,4])", false, outwards},
      {"broadcast", "(broadcast[shape=?s]", "broadcast({}, shape=[5,2,3,4])", false, outwards},
      {"slice", "(slice[axis=?m,start=?b,stop=?e,step=?t]", "slice({}, axis=-1, start=1, stop=3)",
       false, inwards},
  };
  return all;
}

std::string moved(const Move& move, std::string_view value) {
  return fmt::format(fmt::runtime(move.call), value);
}

std::string of_cubes(std::string_view body) {
  return graph(fmt::format("input x: f64[2,3,4] input z: f64[2,3,4] {} output y = y", body));
}

// `inner` moves operands, `outer` the result: equal where the conditions hold.
egraph::Rule rule(const Move& move, std::string_view op, std::string outer, std::string inner,
                  std::vector<std::string> conditions, std::string_view of_operands) {
  const bool is_outwards = move.direction == outwards;
  const std::string body =
      is_outwards ? fmt::format("m = {} n = {} l = less(x, z) c = {} y = {}", moved(move, "x"),
                                moved(move, "z"), moved(move, "l"), of_operands)
                  : fmt::format("m = copy(x) n = copy(z) c = less(m, n) e = {} y = {}", of_operands,
                                moved(move, "e"));
  return {fmt::format("{}-of-{}", move.name, op),
          exact,
          is_outwards ? std::move(inner) : std::move(outer),
          is_outwards ? std::move(outer) : std::move(inner),
          std::move(conditions),
          of_cubes(body)};
}

// f(move(x)) and move(f(x)).
Rules through_unary() {
  Rules rules;
  for (const Move& move : moves()) {
    for (const std::string& op : unary_ops()) {
      rules.push_back(rule(move, op, fmt::format("{} ({} ?x))", move.open, any_form(op)),
                           fmt::format("({} {} ?x))", any_form(op), move.open), {},
                           fmt::format("{}(m)", op)));
    }
  }
  return rules;
}

// f(move(x), move(z)) and move(f(x, z)).
Rules through_binary() {
  Rules rules;
  for (const Move& move : moves()) {
    std::vector<std::string> conditions{"!is_static(?x)"};
    if (!move.keeps_shapes_apart) conditions.push_back("have_one_shape(?x, ?z)");
    for (const std::string& op : binary_ops()) {
      // A broadcast to nothing divides nothing; before it, integers may be divided by zero.
      std::vector<std::string> own = conditions;
      if (op == "div" && move.name == "broadcast") own.push_back("is_float(?x)");
      rules.push_back(rule(move, op, fmt::format("{} ({} ?x ?z))", move.open, any_form(op)),
                           fmt::format("({0} {1} ?x) {1} ?z))", any_form(op), move.open), own,
                           fmt::format("{}(m, n)", op)));
    }
    if (!move.keeps_shapes_apart) conditions.push_back("have_one_shape(?x, ?c)");
    rules.push_back(rule(move, "where", fmt::format("{} (where ?c ?x ?z))", move.open),
                         fmt::format("(where {0} ?c) {0} ?x) {0} ?z))", move.open), conditions,
                         "where(c, m, n)"));
  }
  return rules;
}

// A constant has no place, so it follows: f(move(x), c) is move(f(x, c)).
Rules past_constants() {
  Rules rules;
  for (const Move& move : moves()) {
    if (move.direction == inwards) continue;
    for (const std::string op : {"add", "sub", "mul", "div", "pow", "minimum", "maximum"}) {
      const std::string constant = "constant k: f64[] = 0.75 ";
      const std::string spread = move.name == "permute"   ? "[3,4,2]"
                                 : move.name == "reshape" ? "[6,4]"
                                                          : "[5,2,3,4]";
      const std::string body =
          fmt::format("{}c = broadcast(k, shape={}) m = {} ", constant, spread, moved(move, "x"));
      rules.push_back({fmt::format("{}-{}-constant", move.name, op),
                       exact,
                       fmt::format("({} {} ?x) ?c:const)", op, move.open),
                       fmt::format("{} ({} ?x (const value(?c) ?x)))", move.open, op),
                       {"!is_static(?x)"},
                       of_cubes(body + fmt::format("y = {}(m, c)", op))});
      if (op == "sub" || op == "div" || op == "pow") {
        rules.push_back({fmt::format("constant-{}-{}", op, move.name),
                         exact,
                         fmt::format("({} ?c:const {} ?x))", op, move.open),
                         fmt::format("{} ({} (const value(?c) ?x) ?x))", move.open, op),
                         {"is_float(?x)"},
                         of_cubes(body + fmt::format("y = {}(c, m)", op))});
      }
    }
  }
  rules.push_back({"broadcast-where-constants",
                   exact,
                   "(where (broadcast[shape=?s] ?p) ?c:const ?d:const)",
                   "(broadcast[shape=?s] (where ?p (const value(?c) (cast[dtype=dtype(?c)] ?p)) "
                   "(const value(?d) (cast[dtype=dtype(?c)] ?p))))",
                   {},
                   of_cubes("p = less(x, z) b = broadcast(p, shape=[5,2,3,4]) "
                            "constant k: f64[] = 0 constant l: f64[] = -9 "
                            "c = broadcast(k, shape=[5,2,3,4]) d = broadcast(l, shape=[5,2,3,4]) "
                            "y = where(b, c, d)")});
  return rules;
}

// f(concat(x, z)) is concat(f(x), f(z)).
Rules through_concat() {
  Rules rules;
  for (const std::string& op : unary_ops()) {
    rules.push_back({fmt::format("{}-of-concat", op),
                     exact,
                     fmt::format("({} (concat[axis=?a] ?x ?z))", any_form(op)),
                     fmt::format("(concat[axis=?a] ({0} ?x) ({0} ?z))", any_form(op)),
                     {},
                     of_cubes(fmt::format("c = concat(x, z, axis=-1) y = {}(c)", op))});
  }
  for (const std::string op : {"add", "mul", "div"}) {
    rules.push_back(
        {fmt::format("concat-{}-constant", op),
         exact,
         fmt::format("({} (concat[axis=?a] ?x ?z) ?c:const)", op),
         fmt::format("(concat[axis=?a] ({0} ?x (const value(?c) ?x)) ({0} ?z (const value(?c) "
                     "?z)))",
                     op),
         {},
         of_cubes(fmt::format("constant k: f64[] = 0.75 k2 = broadcast(k, shape=[2,3,8]) "
                              "c = concat(x, z, axis=-1) y = {}(c, k2)",
                              op))});
  }
  for (const std::string op : {"add", "sub", "mul"}) {
    rules.push_back({fmt::format("{}-of-concats", op),
                     exact,
                     fmt::format("({} (concat[axis=?a] ?x ?z) (concat[axis=?a] ?v ?w))", op),
                     fmt::format("(concat[axis=?a] ({0} ?x ?v) ({0} ?z ?w))", op),
                     {"have_one_shape(?x, ?v)", "have_one_shape(?z, ?w)"},
                     of_cubes(fmt::format(
                         "c = concat(x, z, axis=-1) d = concat(z, x, axis=-1) y = {}(c, d)", op))});
  }
  return rules;
}

}  // namespace

Rules elementwise_moves() {
  Rules rules;
  for (const auto& family : {through_unary, through_binary, past_constants, through_concat}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

}  // namespace paceline::rules
