#include "scheduler/search/components.h"

#include <algorithm>

namespace paceline::search {
namespace {

class Components {
 public:
  explicit Components(const Space& space)
      : space_(space), index_(space.classes.size(), -1), low_(space.classes.size(), -1) {
    component_.assign(space.classes.size(), -1);
  }

  std::vector<std::int32_t> run() {
    for (const std::int32_t root : space_.roots) {
      if (index_[root] < 0) enter(root);
      while (!frames_.empty()) advance();
    }
    return std::move(component_);
  }

 private:
  struct Frame {
    std::int32_t at;
    std::size_t alternative = 0;
    std::size_t child = 0;
  };

  void enter(std::int32_t at) {
    index_[at] = low_[at] = next_index_++;
    open_.push_back(at);
    frames_.push_back({at});
  }

  void advance() {
    Frame& frame = frames_.back();
    const std::int32_t at = frame.at;
    const auto& alternatives = space_.classes[at];
    while (frame.alternative < alternatives.size() &&
           frame.child == alternatives[frame.alternative].children.size()) {
      ++frame.alternative;
      frame.child = 0;
    }
    if (frame.alternative == alternatives.size()) return leave(at);
    const std::int32_t child = alternatives[frame.alternative].children[frame.child++];
    if (index_[child] < 0) {
      enter(child);
    } else if (component_[child] < 0) {
      low_[at] = std::min(low_[at], index_[child]);
    }
  }

  void leave(std::int32_t at) {
    frames_.pop_back();
    if (!frames_.empty()) low_[frames_.back().at] = std::min(low_[frames_.back().at], low_[at]);
    if (low_[at] != index_[at]) return;
    for (std::int32_t member = -1; member != at; open_.pop_back()) {
      member = open_.back();
      component_[member] = component_count_;
    }
    ++component_count_;
  }

  const Space& space_;
  std::vector<std::int32_t> index_;
  std::vector<std::int32_t> low_;
  std::vector<std::int32_t> component_;
  std::vector<std::int32_t> open_;
  std::vector<Frame> frames_;
  std::int32_t next_index_ = 0;
  std::int32_t component_count_ = 0;
};

}  // namespace

std::vector<std::int32_t> strong_components(const Space& space) { return Components(space).run(); }

}  // namespace paceline::search
