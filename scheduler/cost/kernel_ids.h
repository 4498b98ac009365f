#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "common/graph/kernel_info.h"

namespace paceline {

// Numbers kernels by content, so that an id is hashed once and not at each question. One thread.
class KernelIds {
 public:
  // The same number for the same content, counting from 0.
  int number_of(const KernelInfo& kernel);
  const KernelId& id(int number) const { return ids_[number]; }

 private:
  struct Known {
    KernelInfo kernel;
    int number = 0;
  };
  std::unordered_map<std::string, std::vector<Known>> known_;  // By name.
  std::vector<KernelId> ids_;
};

}  // namespace paceline
