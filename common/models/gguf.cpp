#include "common/models/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <tuple>
#include <utility>

#include "common/base/error.h"
#include "common/base/file.h"

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

namespace paceline {

namespace {

constexpr std::uint32_t axes_max = 4;
constexpr std::uint64_t alignment_default = 32;
constexpr std::uint64_t alignment_max = 1 << 20;
constexpr auto alignment_key = "general.alignment";

// How values of metadata are numbered.
enum class Kind : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  text,
  list,
  u64,
  i64,
  f64
};
constexpr std::array<std::size_t, 13> kind_bytes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

bool is_real(Kind kind) { return kind == Kind::f32 || kind == Kind::f64; }

// Types of elements that are no blocks.
constexpr std::array<std::pair<std::uint32_t, Dtype>, 7> plain_types{{
    {0, Dtype::f32},
    {1, Dtype::f16},
    {24, Dtype::i8},
    {26, Dtype::i32},
    {27, Dtype::i64},
    {28, Dtype::f64},
    {30, Dtype::bf16},
}};

// What else GGML numbers.
constexpr std::array<std::pair<std::uint32_t, std::string_view>, 17> other_types{{
    {9, "q8_1"},
    {15, "q8_k"},
    {16, "iq2_xxs"},
    {17, "iq2_xs"},
    {18, "iq3_xxs"},
    {19, "iq1_s"},
    {21, "iq3_s"},
    {22, "iq2_s"},
    {23, "iq4_xs"},
    {25, "i16"},
    {29, "iq1_m"},
    {31, "q4_0_4_4"},
    {32, "q4_0_4_8"},
    {33, "q4_0_8_8"},
    {34, "tq1_0"},
    {35, "tq2_0"},
    {39, "mxfp4"},
}};

// Reads values one after the other and knows where it stands.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::string_view source)
      : bytes_(bytes), source_(source) {}

  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }

  template <typename T>
  T take(std::string_view what) {
    T value;
    std::memcpy(&value, take_bytes(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> take_bytes(std::uint64_t count, std::string_view what) {
    if (count > left()) {
      throw invalid(
          "{}: {} ends beyond the file, which is damaged or cut short: {} bytes at offset {} of {}",
          source_, what, count, at_, bytes_.size());
    }
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

  std::string take_text(std::string_view what) {
    const auto length = take<std::uint64_t>(what);
    const auto text = take_bytes(length, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  // Counts of things of at least `bytes_each`.
  std::uint64_t take_count(std::uint64_t bytes_each, std::string_view what) {
    const std::uint64_t from = at_;
    const auto count = take<std::uint64_t>(what);
    if (count > left() / bytes_each) {
      throw invalid("{}: {} is more than the file has room for, which is damaged: {} at offset {}",
                    source_, what, count, from);
    }
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view source_;
  std::uint64_t at_ = 0;
};

// A tensor as the header announces it.
struct Announced {
  std::string name;
  Extents extents;
  std::uint32_t type = 0;
  std::uint64_t offset = 0;  // From the start of the data.
  std::uint64_t announced_at = 0;
};

// The number of fewest digits that is this float: who wrote 1e-6 meant that.
double as_written(float value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  double result = value;
  std::from_chars(digits.data(), end, result);
  return result;
}

// What a type number means here.
struct Elements {
  Dtype dtype = Dtype::u8;
  const ops::BlockFormat* blocks = nullptr;
};

std::optional<Elements> elements_of(std::uint32_t type) {
  for (const auto& [number, dtype] : plain_types) {
    if (number == type) return Elements{dtype};
  }
  for (const ops::BlockFormat& format : ops::block_formats) {
    if (static_cast<std::uint32_t>(format.ggml_type) == type) return Elements{Dtype::u8, &format};
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
         std::string_view source)
      : bytes_(bytes), owner_(std::move(owner)), source_(source), reader_(bytes, source) {}

  Gguf parse() {
    result_.source = source_;
    read_start();
    // A name or key of no letters, and what stands after it.
    const std::uint64_t tensors = reader_.take_count(8 + 4 + 4 + 8, "the number of tensors");
    const std::uint64_t entries = reader_.take_count(8 + 4 + 1, "the number of metadata entries");
    for (std::uint64_t i = 0; i < entries; ++i) read_entry();
    std::vector<Announced> announced;
    for (std::uint64_t i = 0; i < tensors; ++i) announced.push_back(read_announcement());
    check_types(announced);
    find_data();
    for (const Announced& one : announced) map(one);
    check_overlaps();
    return std::move(result_);
  }

 private:
  void read_start() {
    const auto magic = reader_.take_bytes(4, "the magic number");
    if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
      throw invalid("{}: no GGUF file: it does not start with GGUF", source_);
    }
    const auto version = reader_.take<std::uint32_t>("the version");
    if (version == 2 || version == 3) return;
    const bool is_big_endian = version != 0 && (version & 0xffff) == 0;
    throw unsupported("{}: {}: {}", source_,
                      is_big_endian ? "a big-endian GGUF file; convert it to little-endian"
                                    : "GGUF versions 2 and 3 are read; convert it anew",
                      version);
  }

  Kind take_kind(std::string_view key) {
    const std::uint64_t from = reader_.at();
    const auto kind = reader_.take<std::uint32_t>(key);
    if (kind < kind_bytes.size()) return static_cast<Kind>(kind);
    throw invalid("{}: {:?} has an unknown type of value, 0 to {} are known: {} at offset {}",
                  source_, key, kind_bytes.size() - 1, kind, from);
  }

  void read_entry() {
    const std::uint64_t from = reader_.at();
    const std::string key = reader_.take_text("a metadata key");
    Gguf::Value value = read_value(take_kind(key), key);
    if (!result_.metadata.emplace(key, std::move(value)).second) {
      throw invalid("{}: metadata has a key twice: {:?} at offset {}", source_, key, from);
    }
  }

  Gguf::Value read_value(Kind kind, const std::string& key) {
    if (kind == Kind::text) return reader_.take_text(key);
    if (kind == Kind::list) return read_list(key);
    if (kind == Kind::boolean) return read_boolean(key);
    if (is_real(kind)) return real_of(kind, key);
    return integer_of(kind, key);
  }

  bool read_boolean(const std::string& key) {
    const auto byte = reader_.take<std::uint8_t>(key);
    if (byte > 1) {
      throw invalid("{}: {:?} must be 0 or 1: {} at offset {}", source_, key, byte,
                    reader_.at() - 1);
    }
    return byte == 1;
  }

  double real_of(Kind kind, const std::string& key) {
    return kind == Kind::f32 ? as_written(reader_.take<float>(key)) : reader_.take<double>(key);
  }

  std::int64_t integer_of(Kind kind, const std::string& key) {
    switch (kind) {
      case Kind::i8:
        return reader_.take<std::int8_t>(key);
      case Kind::u16:
        return reader_.take<std::uint16_t>(key);
      case Kind::i16:
        return reader_.take<std::int16_t>(key);
      case Kind::u32:
        return reader_.take<std::uint32_t>(key);
      case Kind::i32:
        return reader_.take<std::int32_t>(key);
      case Kind::u64:
      case Kind::i64:
        return reader_.take<std::int64_t>(key);
      default:
        return reader_.take<std::uint8_t>(key);
    }
  }

  Gguf::Value read_list(const std::string& key) {
    const Kind kind = take_kind(key);
    if (kind == Kind::list) {
      throw unsupported("{}: {:?} is a list of lists, at offset {}", source_, key, reader_.at());
    }
    if (kind == Kind::text) {
      const std::uint64_t count = reader_.take_count(8, key);
      for (std::uint64_t i = 0; i < count; ++i) {
        reader_.take_bytes(reader_.take<std::uint64_t>(key), key);
      }
      return Gguf::Texts{count};
    }
    const std::uint64_t count = reader_.take_count(kind_bytes[static_cast<std::size_t>(kind)], key);
    if (is_real(kind)) {
      std::vector<double> numbers(count);
      for (double& number : numbers) number = real_of(kind, key);
      return numbers;
    }
    std::vector<std::int64_t> numbers(count);
    for (std::int64_t& number : numbers) {
      number = kind == Kind::boolean ? read_boolean(key) : integer_of(kind, key);
    }
    return numbers;
  }

  Announced read_announcement() {
    Announced one{.announced_at = reader_.at()};
    one.name = reader_.take_text("a tensor's name");
    const auto axes = reader_.take<std::uint32_t>(one.name);
    if (axes > axes_max) {
      throw invalid("{}: tensor {:?} has more than {} axes: {} at offset {}", source_, one.name,
                    axes_max, axes, one.announced_at);
    }
    for (std::uint32_t i = 0; i < axes; ++i) {
      const auto extent = reader_.take<std::int64_t>(one.name);
      if (extent < 0) {
        throw invalid("{}: tensor {:?} has a negative extent: {} at offset {}", source_, one.name,
                      extent, reader_.at() - 8);
      }
      one.extents.insert(one.extents.begin(), extent);
    }
    one.type = reader_.take<std::uint32_t>(one.name);
    one.offset = reader_.take<std::uint64_t>(one.name);
    return one;
  }

  // All that are not read, at once.
  void check_types(const std::vector<Announced>& announced) const {
    std::string found;
    for (const Announced& one : announced) {
      if (elements_of(one.type)) continue;
      const auto known = std::find_if(other_types.begin(), other_types.end(),
                                      [&](const auto& type) { return type.first == one.type; });
      if (known == other_types.end()) {
        throw invalid("{}: tensor {:?} has an unknown type: {}, announced at offset {}", source_,
                      one.name, one.type, one.announced_at);
      }
      found += fmt::format("{}{} ({})", found.empty() ? "" : ", ", one.name, known->second);
    }
    if (found.empty()) return;
    throw unsupported("{}: tensors of types that are not read; quantise the model anew: {}",
                      source_, found);
  }

  void find_data() {
    std::uint64_t alignment = alignment_default;
    if (result_.has(alignment_key)) {
      const std::int64_t given = result_.integer(alignment_key);
      alignment = static_cast<std::uint64_t>(given);
      if (given < 1 || alignment > alignment_max || !std::has_single_bit(alignment)) {
        throw invalid("{}: {} must be a power of two up to {}: {}", source_, alignment_key,
                      alignment_max, given);
      }
    }
    alignment_ = alignment;
    const std::uint64_t start = (reader_.at() + alignment - 1) / alignment * alignment;
    data_at_ = std::min<std::uint64_t>(start, bytes_.size());
  }

  // nullopt when no file could hold it, with 1 for extents of 0: those of an empty tensor are
  // multiplied, too.
  static std::optional<std::uint64_t> bytes_needed(const Elements& elements,
                                                   const Extents& extents) {
    auto bytes = static_cast<std::int64_t>(size_bytes(elements.dtype));
    bool is_empty = false;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      std::int64_t extent = std::max<std::int64_t>(extents[i], 1);
      is_empty = is_empty || extents[i] == 0;
      if (elements.blocks != nullptr && i + 1 == extents.size()) {
        extent = std::max<std::int64_t>(extent / elements.blocks->elements, 1);
        if (__builtin_mul_overflow(extent, elements.blocks->bytes, &extent)) return std::nullopt;
      }
      if (__builtin_mul_overflow(bytes, extent, &bytes)) return std::nullopt;
    }
    return is_empty ? 0 : static_cast<std::uint64_t>(bytes);
  }

  void map(const Announced& one) {
    const Elements elements = *elements_of(one.type);
    if (elements.blocks != nullptr &&
        (one.extents.empty() || one.extents.back() % elements.blocks->elements != 0)) {
      throw invalid("{}: tensor {:?} has rows of no whole blocks of {}, {} elements each: {}",
                    source_, one.name, elements.blocks->name, elements.blocks->elements,
                    to_string(one.extents));
    }
    const auto bytes = bytes_needed(elements, one.extents);
    const std::uint64_t room = bytes_.size() - data_at_;
    if (!bytes || one.offset > room || *bytes > room - one.offset) {
      throw invalid(
          "{}: tensor {:?} lies beyond the file, which is damaged or cut short: {} {} at offset {} "
          "of {} bytes of data",
          source_, one.name,
          elements.blocks != nullptr ? elements.blocks->name : to_string(elements.dtype),
          to_string(one.extents), one.offset, room);
    }
    if (one.offset % alignment_ != 0) {
      throw invalid("{}: tensor {:?} starts at no multiple of the alignment {}: {}", source_,
                    one.name, alignment_, one.offset);
    }
    Extents stored = one.extents;
    if (elements.blocks != nullptr) stored.back() = elements.blocks->row_bytes(stored.back());
    Gguf::Entry entry{tensor_at(elements.dtype, stored, data_at_ + one.offset), elements.blocks,
                      one.extents};
    if (!result_.tensors.emplace(one.name, std::move(entry)).second) {
      throw invalid("{}: two tensors have one name: {:?}, again at offset {}", source_, one.name,
                    one.announced_at);
    }
    if (*bytes > 0) places_.push_back({one.offset, one.offset + *bytes, one.name});
  }

  Tensor tensor_at(Dtype dtype, const Extents& extents, std::uint64_t at) const {
    const std::byte* data = bytes_.data() + at;
    if (reinterpret_cast<std::uintptr_t>(data) % size_bytes(dtype) == 0) {
      return Tensor(dtype, extents, owner_, data);
    }
    Tensor copy(dtype, extents);
    if (copy.size_bytes() > 0) std::memcpy(copy.data(), data, copy.size_bytes());
    return copy;
  }

  void check_overlaps() {
    std::sort(places_.begin(), places_.end());
    for (std::size_t i = 1; i < places_.size(); ++i) {
      const auto& [start, end, name] = places_[i];
      const auto& [start_before, end_before, name_before] = places_[i - 1];
      if (start >= end_before) continue;
      throw invalid("{}: tensors overlap: {:?} ends at {}, {:?} starts at {}", source_, name_before,
                    end_before, name, start);
    }
  }

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::string_view source_;
  Reader reader_;
  Gguf result_;
  std::uint64_t alignment_ = alignment_default;
  std::uint64_t data_at_ = 0;
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> places_;  // Start, end, name.
};

const Gguf::Value& value_of(const Gguf& file, std::string_view key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) {
    throw invalid("{}: metadata has no {}, which the model needs", file.source, key);
  }
  return found->second;
}

}  // namespace

std::int64_t Gguf::integer(std::string_view key) const {
  if (const auto* value = std::get_if<std::int64_t>(&value_of(*this, key))) return *value;
  throw invalid("{}: {} must be an integer", source, key);
}

double Gguf::number(std::string_view key) const {
  const Value& value = value_of(*this, key);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return static_cast<double>(integer(key));
}

const std::string& Gguf::text(std::string_view key) const {
  if (const auto* value = std::get_if<std::string>(&value_of(*this, key))) return *value;
  throw invalid("{}: {} must be text", source, key);
}

Gguf parse_gguf(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                std::string_view source) {
  return Parser(bytes, std::move(owner), source).parse();
}

Gguf read_gguf(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return parse_gguf(file->bytes(), file, path.string());
}

}  // namespace paceline
