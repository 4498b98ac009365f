#include "common/graph/plan_variants.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/graph/text/plans.h"
#include "common/graph/text/writer.h"

namespace paceline {

namespace {

// What callers see of a plan: "input x: f32[N]", "output y: f32[N]".
std::set<std::string> interface_of(const Graph& graph) {
  std::set<std::string> lines;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input && node.kind != NodeKind::state) continue;
    lines.insert(fmt::format("{} {}: {}", node.kind == NodeKind::input ? "input" : "state",
                             node.name, node.outputs[0].to_string()));
  }
  for (const auto& [name, value] : graph.outputs()) {
    lines.insert(fmt::format("output {}: {}", name, graph.type(value).to_string()));
  }
  return lines;
}

void check_interfaces(const PlanVariants& variants) {
  const std::set<std::string> first = interface_of(variants.all.front().plan.graph);
  for (const auto& [from, plan] : variants.all) {
    std::vector<std::string> different;
    const std::set<std::string> lines = interface_of(plan.graph);
    std::set_symmetric_difference(first.begin(), first.end(), lines.begin(), lines.end(),
                                  std::back_inserter(different));
    if (different.empty()) continue;
    throw invalid("variants take and give the same; from {}={} one does not: {}", variants.symbol,
                  from, different.front());
  }
}

}  // namespace

PlanVariants one_plan(Plan plan) {
  PlanVariants variants;
  variants.all.push_back({0, std::move(plan)});
  return variants;
}

std::size_t PlanVariants::select(const Bindings& bindings) const {
  if (all.size() == 1) return 0;
  const auto bound = bindings.find(symbol);
  if (bound == bindings.end()) {
    throw invalid(
        "the plan's variants depend on a symbol that is not bound, bind it as in {}=128: {}",
        symbol, symbol);
  }
  std::size_t index = 0;
  while (index + 1 < all.size() && all[index + 1].from <= bound->second) ++index;
  return index;
}

void validate(const PlanVariants& variants) {
  if (variants.all.empty())
    throw invalid("variants over {} need at least one plan", variants.symbol);
  std::int64_t least = 0;
  for (const auto& [from, plan] : variants.all) {
    const bool is_first = &plan == &variants.all.front().plan;
    if (is_first ? from != 0 : from < least) {
      throw invalid("variants over {} start at 0 and ascend: {}", variants.symbol, from);
    }
    least = from + 1;
  }
  check_interfaces(variants);
}

std::string to_text(const PlanVariants& variants) {
  std::string text = fmt::format("variants {} {{\n", name_text(variants.symbol));
  for (const auto& [from, plan] : variants.all)
    text += fmt::format("from {} {}", from, to_text(plan));
  return text + "}\n";
}

PlanVariants parse_plan_variants(std::string_view text, const OpSet& ops) {
  TextReader reader(text);
  const std::size_t start = reader.place();
  reader.expect_word("variants");
  PlanVariants variants{.symbol = reader.name("a symbol")};
  reader.expect("{");
  while (!reader.accept("}")) {
    reader.expect_word("from");
    const std::int64_t from = reader.integer();
    variants.all.push_back({from, read_plan(reader, ops)});
  }
  reader.expect_end();
  reader.located(start, [&] { validate(variants); });
  return variants;
}

}  // namespace paceline
