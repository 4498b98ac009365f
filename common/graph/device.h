#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace paceline {

enum class DeviceKind { cpu, cuda };

std::string_view to_string(DeviceKind kind);
std::optional<DeviceKind> parse_device_kind(std::string_view name);

// Where a value lives and a kernel runs. Libraries are not devices: OpenBLAS and our own kernels
// share `cpu`.
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;

  friend auto operator<=>(const Device&, const Device&) = default;
  std::string to_string() const;  // "cpu", "cuda:0"
  static Device parse(std::string_view text);  // Throws `invalid`.
};

// The devices that one run may use. Inputs and outputs are on the CPU whatever it says.
struct DeviceSet {
  bool cpu = true;
  std::optional<int> cuda;  // Its index.

  friend bool operator==(const DeviceSet&, const DeviceSet&) = default;
  bool contains(const Device& device) const;
  std::string to_string() const;                  // "cpu", "cuda:0", "cpu+cuda:0"
  static DeviceSet parse(std::string_view text);  // Those, and "auto" for the last. Throws `invalid`.
};

}  // namespace paceline
