#pragma once

#include <map>
#include <set>
#include <string>

#include "common/graph/dim.h"

namespace paceline::onnx {

// The names of a file's extents as symbols. Files call extents as they like ("batch size", "N + 1",
// "unk__12"); symbols are words, so that --bind can name them. One thread.
class Symbols {
 public:
  // The extent called `name`; without a name it is called `otherwise`. A name that reads as a sum
  // of products is one.
  Dim extent(const std::string& name, const std::string& otherwise);

 private:
  Dim symbol(const std::string& name);

  std::map<std::string, Dim> known_;
  std::set<std::string> taken_;
};

}  // namespace paceline::onnx
