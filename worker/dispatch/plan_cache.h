#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/id.h"
#include "common/graph/dim.h"
#include "kernels/kernel.h"

namespace paceline {

// Everything that a search's result depends on: another value of any of them asks for another plan.
struct PlanKey {
  GraphId graph;  // As it was before any pass.
  Bindings bindings;
  MachineId machine;
  EnvironmentId environment;
  Digest program;               // Its build: see program_build().
  Digest kernels;               // Of what this program can run: `digest_of`.
  std::string options;          // Tolerance, rules, budgets: in the caller's words.
  std::int64_t generation = 0;  // Of the store's timings: it moves when better ones come in.

  Digest digest() const;
};

Digest digest_of(std::span<const Kernel> kernels);

// Texts of plans (or of paths, or of plan variants) in a file, with a checksum. Reading throws
// `invalid` for what is no such file or is damaged, `unsupported` for one of another version, each
// with the path and what to do; writing throws `unavailable`.
void write_plan_file(const std::filesystem::path& path, std::string_view text);
std::string read_plan_file(const std::filesystem::path& path);

// Such files in a folder, by key. What cannot be read is as if it were not there, with a line in
// the log, and is replaced by the next `put`; a folder that cannot be written keeps nothing, with a
// line in the log. Several processes may share a folder: readers see whole files. One thread.
class PlanCache {
 public:
  // Beyond `bytes_max`, the files that were not used for the longest time go. So does what a killed
  // process left half-written, after an hour.
  explicit PlanCache(std::filesystem::path folder, std::int64_t bytes_max = 64 << 20)
      : folder_(std::move(folder)), bytes_max_(bytes_max) {}

  std::optional<std::string> find(const PlanKey& key) const;
  void put(const PlanKey& key, std::string_view text) const;
  // Where the plan of a key is, or would be.
  std::filesystem::path path_of(const PlanKey& key) const;

 private:
  void prune(const std::filesystem::path& newest) const;

  std::filesystem::path folder_;
  std::int64_t bytes_max_;
};

}  // namespace paceline
