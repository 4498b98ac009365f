#include "scheduler/regions/stream.h"

#include <algorithm>
#include <iterator>

#include "scheduler/regions/copies.h"
#include "scheduler/regions/placement.h"

namespace paceline::regions {

namespace {

constexpr std::size_t side_max = 32;  // A prologue of fewer nodes is one atom.

// One stream and what hangs on it, within a set of nodes that is closed under "reads".
class Cutter {
 public:
  Cutter(const Flow& flow, std::vector<std::int32_t> nodes)
      : flow_(flow),
        nodes_(std::move(nodes)),
        is_member_(flow.inputs.size()),
        is_side_(flow.inputs.size()),
        placement_(place_along_stream(flow, nodes_)) {
    for (const std::int32_t node : nodes_) is_member_[node] = true;
  }

  void run(std::vector<bool>& is_copied, int copied_max) {
    choose_copies(is_copied, copied_max);
    mark_side(is_copied);
    place_after_inputs(is_copied);
  }

  // What bypasses the stream or has nothing to do with it: comes first.
  std::vector<std::int32_t> side() const {
    std::vector<std::int32_t> side;
    std::copy_if(nodes_.begin(), nodes_.end(), std::back_inserter(side),
                 [&](std::int32_t node) { return is_side_[node]; });
    return side;
  }

  std::vector<Atom> atoms(const std::vector<bool>& is_copied) const {
    std::vector<Atom> steps(placement_.stream.size());
    for (const std::int32_t node : nodes_) {
      if (!is_side_[node] && !is_copied[node]) steps[placement_.step[node]].push_back(node);
    }
    return glued(std::move(steps));
  }

 private:
  void choose_copies(std::vector<bool>& is_copied, int copied_max) const {
    for (const std::int32_t node : placement_.shared) {
      if (is_copied[node]) continue;
      if (const auto cone = copied_cone(flow_, node, copied_max)) {
        for (const std::int32_t part : *cone) is_copied[part] = true;
      }
    }
  }

  void mark_side(const std::vector<bool>& is_copied) {
    for (const std::int32_t node : placement_.shared) is_side_[node] = true;
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      for (const std::int32_t reader : flow_.readers[*node]) {
        if (is_member_[reader] && is_side_[reader]) is_side_[*node] = true;
      }
      if (is_copied[*node]) is_side_[*node] = false;
    }
  }

  // What leads elsewhere than to the stream's end: beside the latest of what it reads.
  void place_after_inputs(const std::vector<bool>& is_copied) {
    std::vector<std::int32_t>& step = placement_.step;
    for (const std::int32_t node : nodes_) {
      if (step[node] >= 0 || is_copied[node]) continue;
      for (const std::int32_t input : flow_.inputs[node]) {
        if (is_copied[input] || is_side_[input]) continue;
        step[node] = std::max(step[node], step[input]);
      }
      if (step[node] < 0) is_side_[node] = true;
    }
  }

  // A heavy node keeps the steps that are nothing but pointwise: its epilogue.
  std::vector<Atom> glued(std::vector<Atom> steps) const {
    std::vector<Atom> atoms;
    bool has_product = false;  // At the end of the last atom, but for its epilogue.
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (has_product && is_pointwise(steps[i])) {
        atoms.back().insert(atoms.back().end(), steps[i].begin(), steps[i].end());
      } else {
        has_product = flow_.is_heavy[placement_.stream[i]];
        atoms.push_back(std::move(steps[i]));
      }
    }
    return atoms;
  }

  bool is_pointwise(const Atom& atom) const {
    return std::all_of(atom.begin(), atom.end(), [&](std::int32_t node) {
      return flow_.is_pointwise[node] || flow_.is_static[node];
    });
  }

  const Flow& flow_;
  std::vector<std::int32_t> nodes_;  // In the order of the flow.
  std::vector<bool> is_member_;
  std::vector<bool> is_side_;
  Placement placement_;
};

// Copies that an output or update reads; they read nothing but copies.
Atom copied_roots(const Flow& flow, const std::vector<bool>& is_copied) {
  Atom roots;
  std::copy_if(flow.order.begin(), flow.order.end(), std::back_inserter(roots),
               [&](std::int32_t node) { return is_copied[node] && flow.is_root[node]; });
  return roots;
}

}  // namespace

Atoms cut_along_stream(const Flow& flow, int copied_max) {
  Atoms result;
  result.is_copied.resize(flow.inputs.size());
  std::vector<std::vector<Atom>> streams;  // The last one first: each goes on with the one's side.
  std::vector<std::int32_t> rest = flow.order;
  while (rest.size() > side_max || (streams.empty() && !rest.empty())) {
    Cutter cutter(flow, std::move(rest));
    cutter.run(result.is_copied, copied_max);
    streams.push_back(cutter.atoms(result.is_copied));
    rest = cutter.side();
  }
  if (!rest.empty()) streams.push_back({std::move(rest)});
  Atom roots = copied_roots(flow, result.is_copied);
  if (!roots.empty()) streams.push_back({std::move(roots)});
  for (auto stream = streams.rbegin(); stream != streams.rend(); ++stream) {
    std::move(stream->begin(), stream->end(), std::back_inserter(result.all));
  }
  return result;
}

}  // namespace paceline::regions
