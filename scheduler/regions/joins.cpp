#include "scheduler/regions/joins.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace paceline::regions {

namespace {

constexpr std::int32_t outside = -1;  // Before the first and behind the last.

struct Run {
  Piece piece;
  std::int32_t first = 0;
};

struct Neighbours {
  int count = 0;
  int size = 0;
  std::set<std::int32_t> before;
  std::set<std::int32_t> behind;
};

// To join `hub` with all of its neighbours on one side.
struct Proposal {
  int joins = 0;
  std::int32_t hub = 0;
  bool is_before = false;  // The neighbours stand before the hub.
};

class Joiner {
 public:
  Joiner(const std::vector<Piece>& pieces, int size_max) : size_max_(size_max) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      runs_.push_back({pieces[i], static_cast<std::int32_t>(i)});
      next_kind_ = std::max(next_kind_, pieces[i].kind + 1);
      std::set<std::int32_t>& heavy = heavy_[pieces[i].kind];
      if (!pieces[i].is_heavy) continue;
      if (!heavy.insert(pieces[i].kind).second) repeated_.insert(pieces[i].kind);
    }
  }

  std::vector<std::int32_t> run() {
    while (pass()) {
    }
    std::vector<std::int32_t> firsts;
    for (const Run& run : runs_) firsts.push_back(run.first);
    return firsts;
  }

 private:
  bool pass() {
    look_around();
    std::vector<Proposal> proposals = propose();
    std::stable_sort(proposals.begin(), proposals.end(),
                     [](const Proposal& a, const Proposal& b) { return a.joins > b.joins; });
    std::set<std::int32_t> taken;
    std::set<std::pair<std::int32_t, std::int32_t>> pairs;
    for (const Proposal& proposal : proposals) accept(proposal, taken, pairs);
    if (pairs.empty()) return false;
    join(pairs);
    return true;
  }

  void look_around() {
    around_.clear();
    std::int32_t before = outside;
    for (const Run& run : runs_) {
      Neighbours& own = around_[run.piece.kind];
      ++own.count;
      own.size = std::max(own.size, run.piece.size);
      own.before.insert(before);
      if (before != outside) around_[before].behind.insert(run.piece.kind);
      before = run.piece.kind;
    }
    if (before != outside) around_[before].behind.insert(outside);
  }

  std::vector<Proposal> propose() const {
    std::vector<Proposal> proposals;
    std::set<std::int32_t> seen;
    for (const Run& run : runs_) {
      const std::int32_t hub = run.piece.kind;
      if (!seen.insert(hub).second) continue;
      for (const bool is_before : {true, false}) {
        if (fits(hub, is_before)) proposals.push_back({around_.at(hub).count, hub, is_before});
      }
    }
    return proposals;
  }

  // Every neighbour on that side has nothing but the hub on its own other side, and joining makes
  // no more than two new kinds, or at least fewer than it makes joins.
  bool fits(std::int32_t hub, bool is_before) const {
    const Neighbours& own = around_.at(hub);
    const std::set<std::int32_t>& others = is_before ? own.before : own.behind;
    for (const std::int32_t other : others) {
      if (other == outside || other == hub) return false;
      const Neighbours& theirs = around_.at(other);
      const std::set<std::int32_t>& back = is_before ? theirs.behind : theirs.before;
      if (back.size() != 1 || own.size + theirs.size > size_max_) return false;
      if (shares_heavy(hub, other)) return false;
    }
    if (own.count == 1) return !repeats(hub) && !repeats(*others.begin());
    return others.size() <= 2 || static_cast<int>(others.size()) < own.count;
  }

  // Part of it is part of other runs: a layer, to which prologue and head do not belong.
  bool repeats(std::int32_t kind) const {
    const std::set<std::int32_t>& heavy = heavy_.at(kind);
    return std::any_of(heavy.begin(), heavy.end(),
                       [&](std::int32_t piece) { return repeated_.count(piece) > 0; });
  }

  bool shares_heavy(std::int32_t a, std::int32_t b) const {
    const std::set<std::int32_t>& theirs = heavy_.at(b);
    return std::any_of(heavy_.at(a).begin(), heavy_.at(a).end(),
                       [&](std::int32_t kind) { return theirs.count(kind) > 0; });
  }

  void accept(const Proposal& proposal, std::set<std::int32_t>& taken,
              std::set<std::pair<std::int32_t, std::int32_t>>& pairs) const {
    const Neighbours& own = around_.at(proposal.hub);
    const std::set<std::int32_t>& others = proposal.is_before ? own.before : own.behind;
    const auto is_taken = [&](std::int32_t kind) { return taken.count(kind) > 0; };
    if (is_taken(proposal.hub) || std::any_of(others.begin(), others.end(), is_taken)) return;
    taken.insert(proposal.hub);
    taken.insert(others.begin(), others.end());
    for (const std::int32_t other : others) {
      pairs.insert(proposal.is_before ? std::pair(other, proposal.hub)
                                      : std::pair(proposal.hub, other));
    }
  }

  void join(const std::set<std::pair<std::int32_t, std::int32_t>>& pairs) {
    std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> kinds;
    std::vector<Run> joined;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      Run run = runs_[i];
      if (i + 1 < runs_.size()) {
        const std::pair<std::int32_t, std::int32_t> pair(run.piece.kind, runs_[i + 1].piece.kind);
        if (pairs.count(pair) > 0) {
          const auto it = kinds.emplace(pair, next_kind_);
          if (it.second) {
            heavy_[next_kind_] = heavy_.at(pair.first);
            heavy_[next_kind_].insert(heavy_.at(pair.second).begin(), heavy_.at(pair.second).end());
            ++next_kind_;
          }
          run.piece = {it.first->second, run.piece.size + runs_[i + 1].piece.size};
          ++i;
        }
      }
      joined.push_back(run);
    }
    runs_ = std::move(joined);
  }

  int size_max_;
  std::vector<Run> runs_;
  std::int32_t next_kind_ = 0;
  std::map<std::int32_t, Neighbours> around_;             // By kind.
  std::map<std::int32_t, std::set<std::int32_t>> heavy_;  // Heavy pieces by kind.
  std::set<std::int32_t> repeated_;                       // Heavy pieces.
};

}  // namespace

std::vector<std::int32_t> join_neighbours(const std::vector<Piece>& pieces, int size_max) {
  return Joiner(pieces, size_max).run();
}

}  // namespace paceline::regions
