#include "scheduler/search/nodes.h"

namespace paceline::search {
namespace {

// A branch with a probability as its share of the paths.
std::int32_t draw_branch(const DiagramNodes& nodes, const DiagramNode& choice, Random& random) {
  double rest = random.uniform();
  std::int32_t branch = -1;
  for (std::int32_t i = 0; i < choice.second; ++i) {
    branch = nodes.links[choice.first + i];
    rest -= nodes.nodes[branch].count.over(choice.count);
    if (rest < 0) break;
  }
  return branch;
}

}  // namespace

Solution Diagram::sample(Random& random) const {
  const DiagramNodes& nodes = *nodes_;
  std::vector<Taken> taken(nodes.problem.classes.size());
  std::vector<std::int32_t> open = {nodes.root};
  while (!open.empty()) {
    const DiagramNode& node = nodes.nodes[open.back()];
    open.pop_back();
    if (node.kind == DiagramNode::Kind::leaf) {
      const auto picks = static_cast<std::int64_t>(nodes.picks(node).size());
      taken[node.first] = {node.second, static_cast<std::int32_t>(random.below(picks))};
    } else if (node.kind == DiagramNode::Kind::product) {
      open.insert(open.end(), {node.first, node.second});
    } else {
      open.push_back(draw_branch(nodes, node, random));
    }
  }
  return solution_of(nodes.space, nodes.problem, taken);
}

}  // namespace paceline::search
