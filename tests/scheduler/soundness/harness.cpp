#include "tests/scheduler/soundness/harness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <limits>

#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "scheduler/rules/rules.h"
#include "tests/scheduler/exports/exports.h"
#include "tests/support/mutated_graph.h"
#include "tests/support/rewritable_graph.h"

namespace paceline::test {

namespace {

// Extents that differ from each other see most.
const Bindings bindings = {{"B", 2}, {"N", 5}, {"past", 3}, {"capacity", 11}};

Soundness on_models() {
  Soundness soundness;
  const std::filesystem::path folder = std::filesystem::path(PACELINE_TEST_DATA) / "models";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const Model model = load_model(entry.path());
    saturate_checked(name, model.graph, all_rules(),
                     {.bindings = bindings, .values = model.weights}, Precision::narrows,
                     {.nodes = 10'000, .iterations = 8}, soundness);
  }
  return soundness;
}

Soundness on_exports() {
  Soundness soundness;
  for (const std::string& name : export_names()) {
    const Graph graph = export_graph(name);
    saturate_checked(name, graph, all_rules(),
                     {.bindings = export_bindings(), .values = export_values(graph, 1)},
                     Precision::narrows, {.nodes = 10'000, .iterations = 12}, soundness);
  }
  return soundness;
}

Soundness on_random_graphs() {
  Soundness soundness;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Graph graph = rewritable_graph(ops::all_ops(), seed);
    saturate_checked(fmt::format("seed {}", seed), graph, all_rules(),
                     {.bindings = bindings, .seed = seed + 1, .specials = seed % 4 == 3},
                     Precision::narrows, {.nodes = 1000, .iterations = 6, .matches = 200},
                     soundness);
  }
  return soundness;
}

Soundness on_mutants() {
  Soundness soundness;
  Random random(1);
  for (const egraph::Rule& rule : rules::all_rules()) {
    const Graph example = parse_graph(rule.example, ops::all_ops());
    for (int i = 0; i < 12; ++i) {
      const std::optional<Graph> mutant = mutated(example, ops::all_ops(), random);
      if (!mutant) continue;
      saturate_checked(fmt::format("mutant {} of {}", i, rule.name), *mutant, all_rules(),
                       {.bindings = bindings}, Precision::approximates,
                       {.nodes = 400, .iterations = 4, .matches = 100}, soundness);
    }
  }
  return soundness;
}

}  // namespace

void Soundness::add(const Soundness& other) {
  for (const auto& [rule, count] : other.fired) fired[rule] += count;
  disagreements.insert(disagreements.end(), other.disagreements.begin(), other.disagreements.end());
  graphs += other.graphs;
  nodes += other.nodes;
}

std::string Soundness::disagreements_text() const {
  return fmt::format("{}", fmt::join(disagreements, "\n\n"));
}

std::vector<std::string> names_of(const egraph::Rules& rules) {
  std::vector<std::string> names;
  for (const egraph::CompiledRule& rule : rules.compiled) names.push_back(rule.name);
  for (const egraph::DynamicRule& rule : rules.dynamic) names.push_back(rule.name);
  return names;
}

const egraph::Rules& all_rules() {
  static const egraph::Rules rules = rules::compiled_rules(ops::all_ops());
  return rules;
}

namespace {

// Only `exact` rules answer for NaN and infinity; others may turn one into the
// other. -infinity alone is what masks are made of.
bool is_tame(const egraph::EGraph& egraph) {
  for (const egraph::ClassId id : egraph.classes()) {
    for (const double element : egraph.value(id).to_doubles()) {
      if (!(element < std::numeric_limits<double>::infinity())) return false;
    }
  }
  return true;
}

}  // namespace

void saturate_checked(const std::string& name, const Graph& graph, const egraph::Rules& rules,
                      egraph::Evaluation evaluation, Precision weakest,
                      const egraph::Budget& budget, Soundness& into) {
  const bool specials = evaluation.specials;
  try {
    egraph::EGraph egraph(ops::all_ops(), {.check = std::move(evaluation)});
    egraph.add_graph(graph);
    const bool holds_all = !specials && is_tame(egraph);
    const egraph::Report report =
        run(egraph, rules, budget, holds_all ? weakest : Precision::exact);
    for (const egraph::RuleReport& rule : report.rules) {
      if (rule.applied > 0) into.fired[rule.name] += rule.applied;
    }
    into.nodes += report.nodes;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::internal) throw;
    into.disagreements.push_back(fmt::format("{}: {}\n{}", name, error.what(), to_text(graph)));
  }
  ++into.graphs;
}

const Soundness& soundness_on_models() {
  static const Soundness soundness = on_models();
  return soundness;
}

const Soundness& soundness_on_exports() {
  static const Soundness soundness = on_exports();
  return soundness;
}

const Soundness& soundness_on_random_graphs() {
  static const Soundness soundness = on_random_graphs();
  return soundness;
}

const Soundness& soundness_on_mutants() {
  static const Soundness soundness = on_mutants();
  return soundness;
}

}  // namespace paceline::test
