#include <algorithm>
#include <map>
#include <utility>

#include "common/base/error.h"
#include "scheduler/regions/flow.h"
#include "scheduler/regions/joins.h"
#include "scheduler/regions/narrow.h"
#include "scheduler/regions/outline.h"
#include "scheduler/regions/regions.h"
#include "scheduler/regions/stream.h"

namespace paceline {

namespace {

using regions::Atom;
using regions::Flow;
using regions::Outline;
using regions::Outliner;

void check_options(const SplitOptions& options) {
  const std::int64_t least =
      std::min<std::int64_t>({options.nodes_max, options.whole_max + std::int64_t{1},
                              options.copied_max, options.constant_elements_max});
  if (least >= 1) return;
  throw invalid(
      "nodes_max, copied_max and constant_elements_max must be at least 1, whole_max at least 0: "
      "{}, {}, {} and {}",
      options.nodes_max, options.copied_max, options.constant_elements_max, options.whole_max);
}

std::vector<Atom> small_atoms(const Flow& flow, std::vector<Atom> atoms, int nodes_max) {
  std::vector<Atom> small;
  for (Atom& atom : atoms) {
    for (Atom& piece : regions::cut_narrow(flow, std::move(atom), nodes_max)) {
      small.push_back(std::move(piece));
    }
  }
  return small;
}

std::vector<regions::Piece> pieces_of(const Flow& flow, const std::vector<Atom>& atoms,
                                      const std::vector<Outline>& outlines) {
  std::map<Digest, std::int32_t> kinds;
  std::vector<regions::Piece> pieces;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    const auto next = static_cast<std::int32_t>(kinds.size());
    regions::Piece piece{kinds.emplace(outlines[i].digest, next).first->second,
                         static_cast<int>(atoms[i].size())};
    for (const std::int32_t node : atoms[i]) piece.is_heavy = piece.is_heavy || flow.is_heavy[node];
    pieces.push_back(piece);
  }
  return pieces;
}

std::vector<Atom> joined(const std::vector<Atom>& atoms, const std::vector<std::int32_t>& firsts) {
  std::vector<Atom> groups(firsts.size());
  for (std::size_t i = 0, group = 0; i < atoms.size(); ++i) {
    if (group + 1 < firsts.size() && firsts[group + 1] == static_cast<std::int32_t>(i)) ++group;
    groups[group].insert(groups[group].end(), atoms[i].begin(), atoms[i].end());
  }
  return groups;
}

// Equal outlines make equal graphs, and now and then different ones do, too.
Regions gather(const Outliner& outliner, std::vector<Outline> outlines) {
  Regions result;
  std::map<Digest, std::int32_t> by_outline;
  std::map<GraphId, std::int32_t> by_graph;
  for (Outline& outline : outlines) {
    auto known = by_outline.find(outline.digest);
    if (known == by_outline.end()) {
      Graph graph = outliner.build(outline.region);
      const auto next = static_cast<std::int32_t>(result.distinct.size());
      const auto graph_known = by_graph.emplace(graph.id(), next);
      if (graph_known.second) result.distinct.push_back(std::move(graph));
      known = by_outline.emplace(outline.digest, graph_known.first->second).first;
    }
    result.kind.push_back(known->second);
    result.all.push_back(std::move(outline.region));
  }
  return result;
}

}  // namespace

Regions split(const Graph& graph, const OpSet& ops, const SplitOptions& options) {
  check_options(options);
  const Flow flow = regions::flow_of(graph, ops);
  if (!flow.order.empty() && flow.order.size() <= static_cast<std::size_t>(options.whole_max)) {
    const std::vector<bool> is_copied(graph.nodes().size());
    Outliner outliner(flow, is_copied, options.constant_elements_max);
    return gather(outliner, outliner.outline({flow.order}));
  }
  regions::Atoms cut = regions::cut_along_stream(flow, options.copied_max);
  const std::vector<Atom> atoms = small_atoms(flow, std::move(cut.all), options.nodes_max);
  Outliner outliner(flow, cut.is_copied, options.constant_elements_max);
  const std::vector<regions::Piece> pieces = pieces_of(flow, atoms, outliner.outline(atoms));
  return gather(outliner, outliner.outline(
                              joined(atoms, regions::join_neighbours(pieces, options.nodes_max))));
}

}  // namespace paceline
