#include "kernels/cuda/libraries/find_library.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/error.h"

namespace paceline::kernels::cuda {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> split(const char* list) {
  std::vector<fs::path> parts;
  std::string_view rest = list == nullptr ? "" : list;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0) parts.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return parts;
}

// Folders directly in `folder`, in order of their names.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

// nvidia/NAME/lib in the packages of an interpreter's installation.
void add_packages(const fs::path& installation, std::vector<fs::path>& folders) {
  std::error_code error;
  for (const fs::path& version : folders_in(installation / "lib")) {
    if (!version.filename().string().starts_with("python3")) continue;
    for (const char* packages : {"site-packages", "dist-packages"}) {
      for (const fs::path& part : folders_in(version / packages / "nvidia")) {
        if (fs::is_directory(part / "lib", error)) folders.push_back(part / "lib");
      }
    }
  }
}

// Where the loader found it.
std::string path_of(void* handle, const fs::path& asked) {
  const link_map* map = nullptr;
  const bool is_known = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr;
  return is_known ? map->l_name : asked.string();
}

}  // namespace

std::vector<fs::path> library_folders() {
  std::vector<fs::path> folders = split(std::getenv("PACELINE_CUDA_LIBRARIES"));
  folders.emplace_back();
  folders.emplace_back("/usr/local/cuda/lib64");
  std::error_code error;
  for (const fs::path& folder : split(std::getenv("PATH"))) {
    const fs::path python = folder / "python3";
    if (!fs::exists(python, error)) continue;
    add_packages(folder.parent_path(), folders);
    const fs::path real = fs::canonical(python, error);
    if (!error) add_packages(real.parent_path().parent_path(), folders);
    break;
  }
  return folders;
}

OpenedLibrary open_library(const std::string& file) {
  std::string searched;
  for (const fs::path& folder : library_folders()) {
    const fs::path path = folder.empty() ? fs::path(file) : folder / file;
    std::error_code error;
    if (folder.empty() || fs::exists(path, error)) {
      if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
        return {.handle = handle, .path = path_of(handle, path)};
      }
      if (!folder.empty()) searched += std::string(searched.empty() ? "" : ", ") + dlerror();
    }
    const std::string name = folder.empty() ? "the loader's path" : folder.string();
    searched += (searched.empty() ? "" : ", ") + name;
  }
  return {.absence = file + " not found in " + searched};
}

void* symbol_of(const OpenedLibrary& library, const char* name) {
  void* found = dlsym(library.handle, name);
  if (found == nullptr) throw unavailable("{} has no {}", library.path, name);
  return found;
}

}  // namespace paceline::kernels::cuda
