#include "common/models/checkpoint.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/models/json.h"

namespace paceline {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr auto single_name = "model.safetensors";
constexpr auto index_name = "model.safetensors.index.json";

// The tensors that an index places in each shard.
using Shards = std::map<std::string, std::vector<std::string>>;

Shards read_index(const fs::path& path) {
  const json index = parse_json(read_text_file(path), path.string());
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw invalid("{}: must hold an object named weight_map", path.string());
  }
  Shards shards;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    // A shard lies beside its index: no path leads out of the folder.
    if (name.empty() || name == ".." || fs::path(name).filename() != name) {
      throw invalid("{}: the shard of {:?} must be a file name: {}", path.string(), tensor,
                    print(file));
    }
    shards[name].push_back(tensor);
  }
  return shards;
}

void add_shard(Checkpoint& checkpoint, const std::string& shard,
               const std::vector<std::string>& tensors) {
  const fs::path path = checkpoint.folder / shard;
  if (!fs::exists(path)) {
    throw invalid("shard {} is missing: {} lists it for {:?}, expected at {}", shard, index_name,
                  tensors.front(), path.string());
  }
  Safetensors content = read_safetensors(path);
  for (const std::string& name : tensors) {
    auto found = content.tensors.extract(name);
    if (found.empty()) {
      throw invalid("{}: holds no tensor {:?}, which {} places there", path.string(), name,
                    index_name);
    }
    checkpoint.tensors.insert(std::move(found));
  }
}

}  // namespace

Checkpoint open_checkpoint(const fs::path& folder) {
  Checkpoint checkpoint{folder, {}};
  if (fs::exists(folder / single_name)) {
    checkpoint.tensors = read_safetensors(folder / single_name).tensors;
    return checkpoint;
  }
  if (!fs::exists(folder / index_name)) {
    throw invalid("no weights: expected {} or {} in {}", single_name, index_name, folder.string());
  }
  for (const auto& [shard, tensors] : read_index(folder / index_name)) {
    add_shard(checkpoint, shard, tensors);
  }
  return checkpoint;
}

}  // namespace paceline
