#pragma once

#include <string_view>

namespace paceline::bench {

// Peers that run in other languages: torch_peer.py and llama_peer.mjs of this folder, which the
// build makes part of the program.
std::string_view torch_script();
std::string_view llama_script();

}  // namespace paceline::bench
