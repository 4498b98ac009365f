#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace paceline {

// Settings below the command line's flags: PACELINE_STORE, then `store` in ./paceline.toml, then in
// the user's configuration folder ($XDG_CONFIG_HOME/paceline/paceline.toml). Tables are joined by
// dots and underscores: [fleet] workers = 2 is `fleet.workers` and PACELINE_FLEET_WORKERS.
class Settings {
 public:
  // Throws `invalid` with file, line and column when a file does not parse.
  static Settings load();

  std::optional<std::string> find(std::string_view key) const;

 private:
  std::map<std::string, std::string, std::less<>> from_files_;
};

}  // namespace paceline
