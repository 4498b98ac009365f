#include "common/models/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/models/json.h"

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace paceline {

namespace {

using nlohmann::json;

constexpr std::size_t header_bytes_max = 100'000'000;  // As in the reference implementation.
constexpr std::size_t length_bytes = 8;

constexpr std::array<std::pair<std::string_view, Dtype>, 9> dtype_names{{
    {"F64", Dtype::f64},
    {"F32", Dtype::f32},
    {"F16", Dtype::f16},
    {"BF16", Dtype::bf16},
    {"I64", Dtype::i64},
    {"I32", Dtype::i32},
    {"I8", Dtype::i8},
    {"U8", Dtype::u8},
    {"BOOL", Dtype::boolean},
}};

std::optional<Dtype> dtype_of(std::string_view name) {
  for (const auto& [known, dtype] : dtype_names) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

std::string_view name_of(Dtype dtype) {
  const auto is_it = [dtype](const auto& entry) { return entry.second == dtype; };
  return std::find_if(dtype_names.begin(), dtype_names.end(), is_it)->first;
}

std::size_t padding(std::size_t bytes) { return (8 - bytes % 8) % 8; }

// A header entry whose shape and byte range agree.
struct Entry {
  std::string name;
  Dtype dtype = Dtype::f32;
  Extents extents;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
         std::string_view source)
      : bytes_(bytes), owner_(std::move(owner)), source_(source) {}

  Safetensors parse() {
    Safetensors result;
    std::vector<Entry> entries;
    const json header = read_header();
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        result.metadata = read_metadata(value);
      } else {
        entries.push_back(read_entry(name, value));
      }
    }
    check_coverage(entries);
    for (const Entry& entry : entries) result.tensors.emplace(entry.name, map(entry));
    return result;
  }

 private:
  json read_header() {
    if (bytes_.size() < length_bytes) {
      throw invalid("{}: too short for a safetensors file: {} bytes", source_, bytes_.size());
    }
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), length_bytes);
    if (length > header_bytes_max) {
      throw invalid("{}: header length must be at most {} bytes: {}", source_, header_bytes_max,
                    length);
    }
    if (length > bytes_.size() - length_bytes) {
      throw invalid("{}: header is longer than the file, which is damaged or cut short: {} of {}",
                    source_, length, bytes_.size() - length_bytes);
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + length_bytes,
                                length);
    data_ = bytes_.subspan(length_bytes + length);
    if (!text.starts_with('{')) {
      throw invalid("{}: header is no JSON object: it starts with {:?}", source_,
                    std::string(text.substr(0, 1)));
    }
    return parse_json(text, source_);
  }

  std::map<std::string, std::string> read_metadata(const json& value) const {
    std::map<std::string, std::string> metadata;
    if (!value.is_object()) throw invalid("{}: __metadata__ must be an object", source_);
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) throw invalid("{}: metadata must be text: {:?}", source_, key);
      metadata.emplace(key, text.get<std::string>());
    }
    return metadata;
  }

  Entry read_entry(const std::string& name, const json& value) const {
    if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
        !value.contains("data_offsets")) {
      throw invalid("{}: tensor {:?} must have dtype, shape and data_offsets", source_, name);
    }
    Entry entry;
    entry.name = name;
    entry.extents = read_shape(name, value["shape"]);
    const json& dtype = value["dtype"];
    const auto known = dtype.is_string() ? dtype_of(dtype.get<std::string>()) : std::nullopt;
    if (!known) {
      throw invalid(
          "{}: tensor {:?} has an unknown dtype; known are F64 F32 F16 BF16 I64 I32 I8 U8 BOOL: {}",
          source_, name, print(dtype));
    }
    entry.dtype = *known;
    read_offsets(entry, value["data_offsets"]);
    return entry;
  }

  Extents read_shape(const std::string& name, const json& shape) const {
    const auto fits = [](const json& extent) {
      return extent.is_number_unsigned() &&
             extent.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
    };
    if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), fits)) {
      throw invalid("{}: tensor {:?} must have a shape of integers >= 0: {}", source_, name,
                    print(shape));
    }
    if (shape.size() > tensor_rank_max) {
      throw invalid("{}: tensor {:?} has more than {} axes: {}", source_, name, tensor_rank_max,
                    shape.size());
    }
    return shape.get<Extents>();
  }

  void read_offsets(Entry& entry, const json& offsets) const {
    const auto fits = [](const json& offset) { return offset.is_number_unsigned(); };
    if (!offsets.is_array() || offsets.size() != 2 ||
        !std::all_of(offsets.begin(), offsets.end(), fits)) {
      throw invalid("{}: tensor {:?} must have two data_offsets >= 0: {}", source_, entry.name,
                    print(offsets));
    }
    entry.begin = offsets[0].get<std::uint64_t>();
    entry.end = offsets[1].get<std::uint64_t>();
    if (entry.begin > entry.end || entry.end > data_.size()) {
      throw invalid(
          "{}: tensor {:?} lies outside the data, which is damaged or cut short: {} of {}", source_,
          entry.name, print(offsets), data_.size());
    }
    if (bytes_needed(entry) != entry.end - entry.begin) {
      throw invalid("{}: tensor {:?} has data_offsets that disagree with {}{}: {}", source_,
                    entry.name, to_string(entry.dtype), to_string(entry.extents), print(offsets));
    }
  }

  // nullopt when no file could hold it.
  static std::optional<std::uint64_t> bytes_needed(const Entry& entry) {
    std::uint64_t bytes = size_bytes(entry.dtype);
    for (const std::int64_t extent : entry.extents) {
      if (extent == 0) return 0;
      if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) {
        return std::nullopt;
      }
    }
    return bytes;
  }

  // The format allows no byte that belongs to no tensor or to two.
  void check_coverage(std::vector<Entry>& entries) const {
    const auto place = [](const Entry& entry) { return std::pair(entry.begin, entry.end); };
    std::sort(entries.begin(), entries.end(),
              [&](const Entry& a, const Entry& b) { return place(a) < place(b); });
    std::uint64_t end = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != end) {
        throw invalid("{}: tensor {:?} {}: it starts at {}, the one before ends at {}", source_,
                      entry.name, entry.begin < end ? "overlaps another" : "follows a hole",
                      entry.begin, end);
      }
      end = entry.end;
    }
    if (end != data_.size()) {
      throw invalid("{}: {} bytes after the last tensor belong to none", source_,
                    data_.size() - end);
    }
  }

  Tensor map(const Entry& entry) const {
    const std::byte* data = data_.data() + entry.begin;
    if (entry.dtype == Dtype::boolean) check_booleans(entry);
    if (reinterpret_cast<std::uintptr_t>(data) % size_bytes(entry.dtype) == 0) {
      return Tensor(entry.dtype, entry.extents, owner_, data);
    }
    Tensor copy(entry.dtype, entry.extents);
    std::memcpy(copy.data(), data, copy.size_bytes());
    return copy;
  }

  void check_booleans(const Entry& entry) const {
    for (const std::byte byte : data_.subspan(entry.begin, entry.end - entry.begin)) {
      if (byte > std::byte{1}) {
        throw invalid("{}: tensor {:?} is BOOL, whose bytes are 0 or 1: {}", source_, entry.name,
                      std::to_integer<int>(byte));
      }
    }
  }

  std::span<const std::byte> bytes_;
  std::span<const std::byte> data_;
  std::shared_ptr<const void> owner_;
  std::string_view source_;
};

}  // namespace

Safetensors parse_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                              std::string_view source) {
  return Parser(bytes, std::move(owner), source).parse();
}

Safetensors read_safetensors(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return parse_safetensors(file->bytes(), file, path.string());
}

void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorMap::value_type*> order;
  for (const auto& entry : tensors) order.push_back(&entry);
  // Widest elements first keeps every tensor aligned.
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_bytes(a->second.dtype()) > size_bytes(b->second.dtype());
  });

  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t data_bytes = 0;
  for (const auto* entry : order) {
    const Tensor& tensor = entry->second;
    header[entry->first] = {{"dtype", name_of(tensor.dtype())},
                            {"shape", tensor.extents()},
                            {"data_offsets", {data_bytes, data_bytes + tensor.size_bytes()}}};
    data_bytes += tensor.size_bytes();
  }
  std::string text = header.dump();
  text.append(padding(text.size()), ' ');

  const std::uint64_t length = text.size();
  std::vector<std::byte> bytes(length_bytes + text.size() + data_bytes);
  std::memcpy(bytes.data(), &length, length_bytes);
  std::memcpy(bytes.data() + length_bytes, text.data(), text.size());
  std::byte* out = bytes.data() + length_bytes + text.size();
  for (const auto* entry : order) {
    if (entry->second.size_bytes() == 0) continue;
    std::memcpy(out, entry->second.data(), entry->second.size_bytes());
    out += entry->second.size_bytes();
  }
  write_file_atomically(path, bytes);
}

}  // namespace paceline
