#include "worker/dispatch/program_build.h"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/file.h"

namespace paceline {
namespace {

std::size_t padded(std::size_t size) { return (size + 3) / 4 * 4; }

// The GNU build id among the notes of a segment.
std::span<const std::byte> build_id_in(std::span<const std::byte> notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes.data(), sizeof header);
    notes = notes.subspan(sizeof header);
    const std::size_t name_size = padded(header.n_namesz);
    const std::size_t size = name_size + padded(header.n_descsz);
    if (size > notes.size()) return {};
    const std::string_view name(reinterpret_cast<const char*>(notes.data()), header.n_namesz);
    if (header.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU\0", 4)) {
      return notes.subspan(name_size, header.n_descsz);
    }
    notes = notes.subspan(size);
  }
  return {};
}

// The program itself comes first, and is the only one that is looked at.
int look_at_program(dl_phdr_info* program, std::size_t, void* result) {
  auto& id = *static_cast<std::span<const std::byte>*>(result);
  for (int i = 0; i < program->dlpi_phnum && id.empty(); ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* begin = reinterpret_cast<const std::byte*>(program->dlpi_addr + segment.p_vaddr);
    id = build_id_in({begin, static_cast<std::size_t>(segment.p_memsz)});
  }
  return 1;
}

Digest digest_of_program() {
  Hasher hasher("program build/1");
  std::span<const std::byte> id;
  dl_iterate_phdr(look_at_program, &id);
  if (!id.empty()) return hasher.add_bytes(id).finish();
  return hasher.add(read_text_file("/proc/self/exe")).finish();
}

}  // namespace

const Digest& program_build() {
  static const Digest digest = digest_of_program();
  return digest;
}

}  // namespace paceline
