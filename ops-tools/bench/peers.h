#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ops-tools/bench/contestant.h"
#include "ops-tools/bench/task.h"

namespace paceline::bench {

// A runtime to compare with, as it was found on this machine for one model.
struct Peer {
  std::string name;           // As --against calls it.
  std::string title;          // "ONNX Runtime"
  std::vector<Launch> forms;  // Ways to run it: the quickest counts. Empty: it is missing.
  std::string missing;        // Why it does not take part, where it was looked for, what to do.
};

// "ort", "torch", "llama".
const std::vector<std::string>& peer_names();

// Whether files of this extension are its own.
bool reads(const std::string& name, const std::filesystem::path& model);

// Looks for it. `folder` is for files that its process needs. Requires: `name` is one of the above.
Peer find_peer(const std::string& name, const Task& task, const std::filesystem::path& folder);

// The command of a contestant's process of this very program: its own command line, as the child
// that FILE, with `request`, asks for.
Launch own_launch(const std::string& peer, const std::string& form, const nlohmann::json& request,
                  const std::filesystem::path& folder);

}  // namespace paceline::bench
