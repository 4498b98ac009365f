#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/kernel_info.h"
#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/functions.h"

namespace paceline::egraph {

// A rewrite as text: what `left` matches equals `right`.
//
//   (matmul ?a ?b)            an op and its children. An attribute that is not named has the op's
//                             default: on the left it must, on the right it gets it.
//   (permute[order=?p] ?x)    ?p is the attribute; where a variable stands twice both must be equal
//   (softmax[axis=-1] ?x)     a literal: true, 3, 1.5, "max", f32, [0,2,1], N+1
//   (slice[*] ?x)             left: any attributes
//   (slice[*=?rest] ?x)       all attributes that are not named, together; right: [*=?rest]
//   (top_k#1[*=?rest] ?x)     output 1
//   (concat[axis=?a] ?xs...)  the last child may be all further children; right: ?xs... anywhere
//   0.5  -inf                 left: a class of which every element has this value, after rounding
//   to
//                             its dtype (0 and -0 differ); right: (const 0.5 ?x), with the dtype
//                             and the shape of ?x (on the left too); the value may be an
//                             expression, as below
//   ?c:const  ?w:static       only a class with a known splat; only one that bind time can compute
//   [order=compose(?p, ?q)]   right: an attribute function of variables of either kind, literals
//   and
//                             other calls: value(?c), axis(?p, 1.5, "max", f32, [1,0], true,
//                             ?xs...)
//
// Commutative ops (OpFacts) match in both orders: no rule needs to say so.
struct Rule {
  std::string name;
  Precision precision = Precision::exact;
  std::string left;
  std::string right;
  // All must hold: "name(?a, ?p)", or "!name(?a)" for its contrary.
  std::vector<std::string> conditions = {};
  std::string example = {};  // A graph in text form in which the rule fires.
  bool both_ways = false;    // Also from right to left, as "NAME-reversed".
};

// A rule in code: for each node of op `op` (its own class, and the node), the class that equals it.
struct DynamicRule {
  std::string name;
  Precision precision = Precision::exact;
  std::string op;
  std::function<std::optional<ClassId>(EGraph&, NodeId)> rewrite;
};

struct Program;  // How a rule's two sides are matched and built: scheduler/egraph/program.h.

// A rule that the runner can apply. Immutable, cheap to copy; any thread. The OpSet and the
// functions that it was compiled with must outlive it.
struct CompiledRule {
  std::string name;
  Precision precision = Precision::exact;
  std::shared_ptr<const Program> program;
};

// One rule, or two when it goes both ways. Throws `invalid` naming the rule and the place: an
// unbound variable, an unknown op, attribute, condition or function, a wrong number of children.
std::vector<CompiledRule> compile_rule(const Rule& rule, const OpSet& ops,
                                       const Functions& functions);

struct Rules {
  std::vector<CompiledRule> compiled;
  std::vector<DynamicRule> dynamic;
};

// All of them, and the decompositions of all composite ops. Throws `invalid` on a name used twice.
Rules compile_rules(std::span<const Rule> rules, const OpSet& ops, const Functions& functions);

// One for each composite op, "decompose-OP".
std::vector<DynamicRule> decompose_rules(const OpSet& ops);

}  // namespace paceline::egraph
