#include "worker/dispatch/range_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/base/error.h"
#include "scheduler/choose/raced_paths.h"

namespace paceline {
namespace {

class Study {
 public:
  Study(GraphDispatcher& dispatcher, const OpSet& ops, std::span<const Kernel> kernels,
        Store& store, const Graph& graph, const Bindings& bindings, const SymbolRange& range,
        const std::function<RaceData(const Bindings&)>& draw, const RangeStudyOptions& options,
        const std::function<void(std::string_view)>& note)
      : dispatcher_(dispatcher),
        ops_(ops),
        kernels_(kernels),
        store_(store),
        graph_(graph),
        bindings_(bindings),
        range_(range),
        draw_(draw),
        options_(options),
        note_(note),
        tolerance_(tolerance_of(graph, dispatcher.options().choose.tolerance)) {}

  RangeStudy run() {
    std::int64_t below = 0;
    std::optional<Path> serving;
    for (const std::int64_t anchor : anchors_of(range_.first, range_.last)) {
      Path winner = settle(anchor, serving);
      if (serving && winner.id() != serving->id()) narrow(below, anchor, *serving, winner);
      serving = std::move(winner);
      below = anchor;
    }
    study_.ranges = dispatcher_.ranges(graph_, at(range_.last), range_.symbol);
    return std::move(study_);
  }

 private:
  Bindings at(std::int64_t value) const {
    Bindings bound = bindings_;
    bound[range_.symbol] = value;
    return bound;
  }

  Path settle(std::int64_t anchor, const std::optional<Path>& serving) {
    note_(fmt::format("paths at {}={}", range_.symbol, anchor));
    const Bindings here = at(anchor);
    PathStudyOptions options = options_.at_anchor;
    if (serving) options.rivals = {*serving};
    const PathStudy study =
        study_paths(dispatcher_, ops_, kernels_, store_, graph_, here, draw_(here), options, note_);
    study_.workloads_measured += study.workloads_measured;
    const auto& rows = study.confirmed.empty() ? study.rows : study.confirmed;
    const std::vector<PathMeasurement> finalists = finalists_of(rows, tolerance_);
    if (finalists.empty()) {
      throw unsupported("no path runs at {}={}: {}", range_.symbol, anchor,
                        study.rows.front().reason);
    }
    std::vector<PathId> incumbents;
    if (serving) incumbents.push_back(serving->id());
    incumbents.push_back(study.rows.front().path);
    const PathId winner = winner_of(finalists, incumbents).path;
    const auto text = store_.find(winner);
    check(text.has_value(), "a study stores its paths");
    return parse_path(text->text, ops_);
  }

  void narrow(std::int64_t lower, std::int64_t upper, const Path& below, const Path& above) {
    const std::int64_t from = find_switch(lower, upper, [&](std::int64_t middle) {
      const bool takes_over = race(middle, below, above);
      note_(fmt::format("at {}={} the path of {}={} {}", range_.symbol, middle, range_.symbol,
                        upper, takes_over ? "is faster" : "is not faster"));
      return takes_over;
    });
    note_(fmt::format("switch at {}={}", range_.symbol, from));
  }

  // Whether `above` is better than `below`. The graph as it stands races too: where the double
  // reference would take too long, errors are distances to its outputs.
  bool race(std::int64_t middle, const Path& below, const Path& above) {
    const Bindings here = at(middle);
    std::vector<PathCandidate> all = {{dispatcher_.decide(graph_, here).path, 0}};
    const auto place_of = [&](const Path& path) {
      const auto found = std::ranges::find_if(
          all, [&](const PathCandidate& other) { return other.path.id() == path.id(); });
      const auto place = static_cast<std::size_t>(found - all.begin());
      if (found == all.end()) all.push_back({path, 0});
      return place;
    };
    const std::size_t one = place_of(below);
    const std::size_t other = place_of(above);
    const PathRace race(graph_, ops_, kernels_, here, draw_(here), dispatcher_.options().threads);
    RaceBudget budget = options_.between;
    budget.stay = all.size();
    auto rows = race.run(all, tolerance_, budget, static_cast<std::uint64_t>(middle));
    keep_paths(store_, graph_, all);
    keep_rows(dispatcher_, store_, rows);
    ++study_.sittings;
    return rows[other].outcome == Outcome::ok &&
           (rows[one].outcome != Outcome::ok || is_better(rows[other], rows[one]));
  }

  GraphDispatcher& dispatcher_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  Store& store_;
  const Graph& graph_;
  const Bindings& bindings_;
  const SymbolRange& range_;
  const std::function<RaceData(const Bindings&)>& draw_;
  const RangeStudyOptions& options_;
  const std::function<void(std::string_view)>& note_;
  double tolerance_;
  RangeStudy study_;
};

}  // namespace

RangeStudy study_range(GraphDispatcher& dispatcher, const OpSet& ops,
                       std::span<const Kernel> kernels, Store& store, const Graph& graph,
                       const Bindings& bindings, const SymbolRange& range,
                       const std::function<RaceData(const Bindings&)>& draw,
                       const RangeStudyOptions& options,
                       const std::function<void(std::string_view)>& note) {
  return Study(dispatcher, ops, kernels, store, graph, bindings, range, draw, options, note).run();
}

}  // namespace paceline
