#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::build {

// The tokens of C++ (or CUDA) text, with comments gone and nothing left of its layout but one "\n"
// token after each preprocessor line. Literals are one token each, raw strings byte for byte.
// Throws std::runtime_error for a literal or comment that never ends.
std::vector<std::string> tokens_of(std::string_view text);

// The text of a file. Throws std::runtime_error when it cannot be read.
std::string read_file(const std::filesystem::path& path);

// A hex digest of what `file` (relative to `root`) compiles to, as far as the project's own text
// and `compiler` decide it: its tokens, and those of every header below its top folder that it
// includes, directly or not. Comments and layout do not count.
std::string source_digest(const std::filesystem::path& root, const std::filesystem::path& file,
                          std::string_view compiler);

}  // namespace paceline::build
