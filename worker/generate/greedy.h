#pragma once

#include "common/graph/graph.h"

namespace paceline {

// The generate form of a model with other outputs in place of `logits` [1,1,V]: `token` i64[1,1,1],
// the place of the first of the largest, and `logit`, its value. So what a run leaves is a few
// bytes where the logits of a vocabulary would have to leave a device. Throws `invalid` for a graph
// without logits.
Graph greedy_form(const Graph& graph, const OpSet& ops);

// The generate form of a model as it is planned under `bindings`: for one token at a time a graph
// of its own, in which heads lie one after the other whatever the layout, and nothing moves them.
Graph form_for(const Graph& graph, const OpSet& ops, const Bindings& bindings);

}  // namespace paceline
