#pragma once

#include <cstdlib>
#include <filesystem>

namespace paceline::testing {

// A folder of one test, removed at its end.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "paceline-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }
  friend std::filesystem::path operator/(const Scratch& scratch,
                                         const std::filesystem::path& name) {
    return scratch.path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace paceline::testing
