#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace paceline::kernels {

// Why the loader would not take this shared object; nullopt when it would. Looks for what the
// object needs where the loader looks; loads it only when something is not found there, to hear
// the loader's own word. ELF(5); dlinfo(3).
std::optional<std::string> load_obstacle(const std::filesystem::path& object);

}  // namespace paceline::kernels
