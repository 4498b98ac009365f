#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/graph/dim.h"
#include "common/graph/measurement.h"
#include "common/models/model.h"

namespace paceline {

// What a campaign file says:
//
//   name = "gpt2 short prompts"
//   model = "models/gpt2"                  # Beside this file.
//   bind = [{B = 1, N = 40}, "B=1,N=1"]
//   dtype = "f32"                          # Or several: ["f32", "bf16"].
//   form = "forward"                       # "generate": with key-value caches.
//   threads = [1, 2]                       # 0: as many as each worker was given.
//   regimes = ["hot", "cold"]
//   tolerance = 1e-4
//   priority = 0                           # Higher goes first.
//   strategy = "kernels"                   # "race": then also times whole paths.
//   paths = 8                              # Of a race: those that it begins with.
//   rounds = 4                             # Of a race, at most; each halves the paths.
//   [budget]
//   sitting_seconds = 2.0                  # For the rivals of one workload, in each regime.
//   campaign_seconds = 0.0                 # Of measuring in all; 0: no limit.
struct CampaignSpec {
  std::string name;
  std::filesystem::path model;
  std::vector<Bindings> bindings;
  std::vector<std::optional<Dtype>> dtypes = {std::nullopt};
  ModelForm form = ModelForm::forward;
  std::vector<std::int32_t> threads = {0};
  std::vector<Regime> regimes = {Regime::hot, Regime::cold};
  double tolerance = 1e-4;
  std::int32_t priority = 0;
  std::string strategy = "kernels";
  std::int32_t paths = 8;
  std::int32_t rounds = 4;
  double sitting_seconds = 2;
  double campaign_seconds = 0;
};

// Throws `invalid` naming file, line and key, and what is allowed there.
CampaignSpec read_campaign_spec(const std::filesystem::path& file);

// What a race can be asked for; the graph as it stands comes on top.
inline constexpr std::int32_t race_paths_max = 1024;
inline constexpr std::int32_t race_rounds_max = 16;

// Of `--bind N=40 --bind N=1 --bind B=1`: every combination of the values given for each symbol;
// one text may bind several, "B=1,N=40".
std::vector<Bindings> combine_bindings(const std::vector<std::string>& texts);

}  // namespace paceline
