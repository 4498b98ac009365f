#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "common/graph/tensor.h"
#include "common/models/onnx/records.h"

namespace paceline::onnx {

// Numbers of TensorProto.DataType. nullopt for those that Paceline lacks (u16, string, float8,
// ...).
std::optional<Dtype> dtype_of(std::int64_t element_type);
std::string name_of(std::int64_t element_type);  // "uint16"; "type 99" for one that is not known.
// Throws `unsupported` naming the type and `what` has it.
Dtype require_dtype(std::int64_t element_type, std::string_view what);

// The bytes behind a model: its own file, and files beside it that hold external data. Maps each
// once and keeps it mapped as long as some tensor views it. One thread.
class Storage {
 public:
  explicit Storage(const std::filesystem::path& model);
  // Of bytes that `owner` keeps alive; external data is refused.
  Storage(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string source);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& source() const { return source_; }

  // The elements as a view of the mapped file where they are stored as they are in memory, aligned
  // to their size; otherwise a copy, read without touching the map, so that each is resident once.
  // Throws `invalid` naming the tensor: sizes that disagree with its shape, data outside of the
  // file, a missing file, a path that leaves the model's folder. `unsupported` for its type.
  Tensor tensor(const TensorRecord& record);

 private:
  struct Extent {
    std::shared_ptr<const void> owner;
    std::span<const std::byte> bytes;
    std::filesystem::path file;  // Empty when there is none.
    std::uint64_t offset = 0;    // In the file.
  };

  Extent external(const TensorRecord& record, std::size_t size);
  std::shared_ptr<const MappedFile> open(const TensorRecord& record, const std::string& location);
  Tensor place(const TensorRecord& record, Dtype dtype, const Extent& extent);
  std::string describe(const TensorRecord& record) const;

  std::filesystem::path folder_;
  std::filesystem::path file_;
  std::string source_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  std::map<std::string, std::shared_ptr<const MappedFile>> external_;
};

}  // namespace paceline::onnx
