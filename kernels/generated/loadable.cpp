#include "kernels/generated/loadable.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <sstream>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline::kernels {
namespace {

using Folders = std::vector<std::filesystem::path>;

// What an object says of its loading.
struct Needs {
  std::vector<std::string> libraries;
  Folders folders;  // Of its own, to look in.
};

template <typename T>
T at(const std::string& bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    throw invalid("not a shared object: ends before byte {}", offset);
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

Folders folders_in(const std::string& list) {
  Folders folders;
  std::istringstream text(list);
  for (std::string folder; std::getline(text, folder, ':');) {
    if (!folder.empty()) folders.push_back(folder);
  }
  return folders;
}

Needs needs_of(const std::string& bytes) {
  const auto header = at<ElfW(Ehdr)>(bytes, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) throw invalid("not a shared object");
  const auto section = [&](std::size_t index) {
    return at<ElfW(Shdr)>(bytes, header.e_shoff + index * sizeof(ElfW(Shdr)));
  };
  Needs needs;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const auto dynamic = section(i);
    if (dynamic.sh_type != SHT_DYNAMIC) continue;
    const std::size_t names = section(dynamic.sh_link).sh_offset;
    for (std::size_t offset = 0; offset < dynamic.sh_size; offset += sizeof(ElfW(Dyn))) {
      const auto entry = at<ElfW(Dyn)>(bytes, dynamic.sh_offset + offset);
      if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RUNPATH) continue;
      at<char>(bytes, names + entry.d_un.d_val);
      const std::string name = bytes.c_str() + names + entry.d_un.d_val;
      if (entry.d_tag == DT_NEEDED) needs.libraries.push_back(name);
      if (entry.d_tag == DT_RUNPATH) needs.folders = folders_in(name);
    }
  }
  if (needs.libraries.empty()) throw invalid("a shared object that needs nothing");
  return needs;
}

// Where the loader looks for all that this program loads.
Folders loader_folders() {
  Folders folders;
  void* self = dlopen(nullptr, RTLD_LAZY);
  Dl_serinfo size;
  if (self == nullptr || dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0) return folders;
  std::vector<std::max_align_t> memory(size.dls_size / sizeof(std::max_align_t) + 1);
  auto* found = reinterpret_cast<Dl_serinfo*>(memory.data());
  if (dlinfo(self, RTLD_DI_SERINFOSIZE, found) != 0) return folders;
  if (dlinfo(self, RTLD_DI_SERINFO, found) != 0) return folders;
  for (unsigned i = 0; i < found->dls_cnt; ++i) {
    folders.emplace_back(found->dls_serpath[i].dls_name);
  }
  return folders;
}

bool finds_all(const std::filesystem::path& object) {
  try {
    const Needs needs = needs_of(read_text_file(object));
    Folders folders = loader_folders();
    folders.insert(folders.end(), needs.folders.begin(), needs.folders.end());
    return std::ranges::all_of(needs.libraries, [&](const std::string& library) {
      return std::ranges::any_of(folders, [&](const std::filesystem::path& folder) {
        std::error_code error;
        return std::filesystem::exists(folder / library, error);
      });
    });
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::optional<std::string> load_obstacle(const std::filesystem::path& object) {
  if (finds_all(object)) return std::nullopt;
  if (dlopen(object.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return std::nullopt;
  return dlerror();
}

}  // namespace paceline::kernels
