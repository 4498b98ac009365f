#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/dim.h"
#include "common/graph/workload.h"
#include "scheduler/choose/kernel_chooser.h"
#include "scheduler/paths/forms.h"
#include "scheduler/search/quotient.h"
#include "scheduler/search/space.h"

namespace paceline::paths {

// A graph's forms, and how often the whole that is searched contains the graph: equal regions take
// the same path.
struct Part {
  const Forms* forms = nullptr;
  int count = 1;
};

// What an alternative of a priced space stands for.
struct Pick {
  std::int32_t part = -1;
  egraph::NodeId node;
  std::string kernel;  // Empty for leaves, views and outputs of a node with several.
  Device device;       // Of the kernel.
};

// The forms of all parts as a space to search: an alternative for each node and each kernel that
// may compute it, with the predicted seconds under the bindings times the part's count.
struct PricedForms {
  search::Space space;
  std::vector<Pick> picks;  // By the alternatives' tags.
  // The space's class of a class, by part; classes that no root reaches have none.
  std::vector<std::map<egraph::ClassId, std::int32_t>> places;
  // What is searched: `space` without choices between free views, and without cycles. Its solutions
  // are lifted before a path is built from them.
  std::optional<search::Quotient> free_of_views;
};

struct PricingOptions {
  enum class Guesses {
    careful,  // At their upper end: a measurement is preferred to a guess that only looks better.
    none,     // Not at all: only what was measured here.
    hopeful,  // Near their lower end: what may turn out best comes up, to be measured.
  };
  Guesses guesses = Guesses::careful;
  // One alternative a node, by the chooser's decision: other graphs are told apart, and not other
  // kernels for the same one.
  bool decided_kernels = false;
  // For each byte that is computed at run time, besides what its kernel takes: a search for paths
  // that need less memory.
  double byte_s = 0;
};

// What a search adds up.
double search_cost_s(const Estimate& estimate,
                     PricingOptions::Guesses guesses = PricingOptions::Guesses::careful);

// Every workload that some path of the parts contains, each once: what the store is asked for.
// What bind time computes is left out.
std::vector<Workload> workloads_of(std::span<const Part> parts, const Bindings& bindings);

// Nodes that no kernel takes have no alternative. Throws `invalid` for a symbol left unbound.
PricedForms price(std::span<const Part> parts, const Bindings& bindings,
                  const KernelChooser& chooser, const PricingOptions& options = {});

}  // namespace paceline::paths
