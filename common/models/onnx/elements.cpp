#include "common/models/onnx/elements.h"

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

namespace fs = std::filesystem;

struct ElementType {
  std::string_view name;
  std::optional<Dtype> dtype;
};

// In the order of TensorProto.DataType.
constexpr std::array<ElementType, 24> element_types{{
    {"undefined", std::nullopt},
    {"float", Dtype::f32},
    {"uint8", Dtype::u8},
    {"int8", Dtype::i8},
    {"uint16", std::nullopt},
    {"int16", std::nullopt},
    {"int32", Dtype::i32},
    {"int64", Dtype::i64},
    {"string", std::nullopt},
    {"bool", Dtype::boolean},
    {"float16", Dtype::f16},
    {"double", Dtype::f64},
    {"uint32", std::nullopt},
    {"uint64", std::nullopt},
    {"complex64", std::nullopt},
    {"complex128", std::nullopt},
    {"bfloat16", Dtype::bf16},
    {"float8e4m3fn", std::nullopt},
    {"float8e4m3fnuz", std::nullopt},
    {"float8e5m2", std::nullopt},
    {"float8e5m2fnuz", std::nullopt},
    {"uint4", std::nullopt},
    {"int4", std::nullopt},
    {"float4e2m1", std::nullopt},
}};

// The bytes of int32_data and int64_data: the bit pattern for 16-bit floats, else the number.
template <typename T>
void store(const std::vector<std::int64_t>& numbers, std::byte* into) {
  for (const std::int64_t number : numbers) {
    const T element = static_cast<T>(number);
    std::memcpy(into, &element, sizeof(T));
    into += sizeof(T);
  }
}

void store(const std::vector<std::int64_t>& numbers, Dtype dtype, std::byte* into) {
  switch (size_bytes(dtype)) {
    case 1:
      store<std::uint8_t>(numbers, into);
      break;
    case 2:
      store<std::uint16_t>(numbers, into);
      break;
    case 4:
      store<std::uint32_t>(numbers, into);
      break;
    default:
      store<std::uint64_t>(numbers, into);
      break;
  }
}

// Booleans must be 0 or 1 in memory, whatever the file says.
void normalise(Tensor& tensor) {
  if (tensor.dtype() != Dtype::boolean) return;
  auto* elements = tensor.as<std::uint8_t>();
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) elements[i] = elements[i] != 0;
}

}  // namespace

std::optional<Dtype> dtype_of(std::int64_t element_type) {
  if (element_type < 0 || element_type >= std::ssize(element_types)) return std::nullopt;
  return element_types[element_type].dtype;
}

std::string name_of(std::int64_t element_type) {
  if (element_type < 0 || element_type >= std::ssize(element_types)) {
    return fmt::format("type {}", element_type);
  }
  return std::string(element_types[element_type].name);
}

Dtype require_dtype(std::int64_t element_type, std::string_view what) {
  const auto dtype = dtype_of(element_type);
  if (!dtype)
    throw unsupported("elements of {} are not supported: {}", name_of(element_type), what);
  return *dtype;
}

Storage::Storage(const fs::path& model) : folder_(model.parent_path()), source_(model.string()) {
  const auto mapped = MappedFile::open(model);
  file_ = model;
  bytes_ = mapped->bytes();
  owner_ = mapped;
}

Storage::Storage(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                 std::string source)
    : source_(std::move(source)), owner_(std::move(owner)), bytes_(bytes) {}

std::string Storage::describe(const TensorRecord& record) const {
  return fmt::format("tensor \"{}\" {}{}", record.name, name_of(record.element_type),
                     to_string(record.extents));
}

std::shared_ptr<const MappedFile> Storage::open(const TensorRecord& record,
                                                const std::string& location) {
  if (const auto known = external_.find(location); known != external_.end()) return known->second;
  const fs::path path(location);
  const fs::path normal = path.lexically_normal();
  if (location.empty() || path.is_absolute() || *normal.begin() == "..") {
    throw invalid("{}: external data must lie in the model's folder: {}: \"{}\"", source_,
                  describe(record), location);
  }
  if (file_.empty()) {
    throw invalid("{}: external data needs a model in a file: {}", source_, describe(record));
  }
  // A link may lead out of the folder as a path may.
  const fs::path inside = fs::weakly_canonical(folder_.empty() ? "." : folder_);
  const fs::path target = fs::weakly_canonical(inside / normal);
  if (!fs::is_regular_file(target)) {
    throw invalid("{}: a file with external data is missing: {}: {}", source_, describe(record),
                  (inside / normal).string());
  }
  if (*target.lexically_relative(inside).begin() == "..") {
    throw invalid("{}: external data must lie in the model's folder: {}: \"{}\" is a link to {}",
                  source_, describe(record), location, target.string());
  }
  return external_.emplace(location, MappedFile::open(target)).first->second;
}

namespace {

std::uint64_t parse_number(const std::map<std::string, std::string>& entries,
                           const std::string& key, std::uint64_t missing,
                           const std::string& where) {
  const auto found = entries.find(key);
  if (found == entries.end()) return missing;
  const std::string& text = found->second;
  std::uint64_t number = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || stop != text.data() + text.size()) {
    throw invalid("{}: external data has no sound {}: \"{}\"", where, key, text);
  }
  return number;
}

}  // namespace

Storage::Extent Storage::external(const TensorRecord& record, std::size_t size) {
  const std::string where = fmt::format("{}: {}", source_, describe(record));
  const auto location = record.external.find("location");
  const auto mapped = open(record, location == record.external.end() ? "" : location->second);
  const std::uint64_t offset = parse_number(record.external, "offset", 0, where);
  const std::uint64_t length = parse_number(record.external, "length", size, where);
  const std::uint64_t available = mapped->bytes().size();
  if (offset > available || length > available - offset) {
    throw invalid("{}: external data lies outside of {}: bytes {} to {} of {}", where,
                  mapped->path().string(), offset, offset + length, available);
  }
  return {mapped, mapped->bytes().subspan(offset, length), mapped->path(), offset};
}

Tensor Storage::place(const TensorRecord& record, Dtype dtype, const Extent& extent) {
  const auto address = reinterpret_cast<std::uintptr_t>(extent.bytes.data());
  if (address % size_bytes(dtype) == 0 && dtype != Dtype::boolean) {
    return {dtype, record.extents, extent.owner, extent.bytes.data()};
  }
  Tensor tensor(dtype, record.extents);
  // Read, not copied from the map: pages of a map that were touched stay resident beside the copy.
  std::ifstream file;
  if (!extent.file.empty() && extent.bytes.size() > 4096) {
    file.open(extent.file, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(extent.offset));
    file.read(tensor.as<char>(), static_cast<std::streamsize>(extent.bytes.size()));
  }
  if (!file.is_open() || !file) {
    std::memcpy(tensor.data(), extent.bytes.data(), extent.bytes.size());
  }
  normalise(tensor);
  return tensor;
}

Tensor Storage::tensor(const TensorRecord& record) {
  const std::string what = describe(record);
  if (record.has_text || record.element_type == 8) {
    throw unsupported("{}: strings are not supported: {}", source_, what);
  }
  const Dtype dtype = require_dtype(record.element_type, fmt::format("{}: {}", source_, what));
  if (record.extents.size() > tensor_rank_max) {
    throw unsupported("{}: at most {} axes are supported: {}", source_, tensor_rank_max, what);
  }
  std::int64_t count = 1;
  for (const std::int64_t extent : record.extents) {
    if (extent < 0) throw invalid("{}: an extent is negative: {}", source_, what);
    if (__builtin_mul_overflow(count, extent, &count) ||
        count > std::numeric_limits<std::int64_t>::max() / 16) {
      throw invalid("{}: too many elements: {}", source_, what);
    }
  }
  const std::size_t size = static_cast<std::size_t>(count) * size_bytes(dtype);
  const auto expect = [&](std::size_t found) {
    if (found != size) {
      throw invalid("{}: {} bytes of data are stored where the shape needs {}: {}", source_, found,
                    size, what);
    }
  };
  if (record.is_external) {
    const Extent extent = external(record, size);
    expect(extent.bytes.size());
    return place(record, dtype, extent);
  }
  if (record.raw) {
    expect(record.raw->size());
    return place(record, dtype,
                 {owner_, *record.raw, file_,
                  static_cast<std::uint64_t>(record.raw->data() - bytes_.data())});
  }
  if (!record.reals.empty()) {
    if (dtype != Dtype::f32 && dtype != Dtype::f64) {
      throw invalid("{}: a tensor of this type cannot be stored as floats: {}", source_, what);
    }
    expect(record.reals.size());
    Tensor tensor(dtype, record.extents);
    std::memcpy(tensor.data(), record.reals.data(), size);
    return tensor;
  }
  expect(record.integers.size() * size_bytes(dtype));
  if (size != 0 && (dtype == Dtype::f32 || dtype == Dtype::f64)) {
    throw invalid("{}: a tensor of this type cannot be stored as integers: {}", source_, what);
  }
  Tensor tensor(dtype, record.extents);
  store(record.integers, dtype, tensor.as<std::byte>());
  normalise(tensor);
  return tensor;
}

}  // namespace paceline::onnx
