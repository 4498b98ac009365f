#include "common/graph/device.h"

#include <charconv>

#include "common/base/error.h"

namespace paceline {

std::string_view to_string(DeviceKind kind) { return kind == DeviceKind::cpu ? "cpu" : "cuda"; }

std::optional<DeviceKind> parse_device_kind(std::string_view name) {
  if (name == "cpu") return DeviceKind::cpu;
  if (name == "cuda") return DeviceKind::cuda;
  return std::nullopt;
}

std::string Device::to_string() const {
  if (kind == DeviceKind::cpu) return "cpu";
  return fmt::format("cuda:{}", index);
}

Device Device::parse(std::string_view text) {
  if (text == "cpu") return {};
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    Device device{DeviceKind::cuda, 0};
    const char* end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data() + prefix.size(), end, device.index);
    if (status == std::errc() && stop == end && device.index >= 0) return device;
  }
  throw invalid("no such device, give cpu or cuda:N: {}", text);
}

bool DeviceSet::contains(const Device& device) const {
  return device.kind == DeviceKind::cpu ? cpu : cuda == device.index;
}

std::string DeviceSet::to_string() const {
  if (!cuda) return "cpu";
  const std::string gpu = Device{DeviceKind::cuda, *cuda}.to_string();
  return cpu ? "cpu+" + gpu : gpu;
}

DeviceSet DeviceSet::parse(std::string_view text) {
  if (text == "auto") return {.cpu = true, .cuda = 0};
  constexpr std::string_view both = "cpu+";
  const bool with_cpu = text.starts_with(both);
  const Device device = Device::parse(with_cpu ? text.substr(both.size()) : text);
  if (device.kind == DeviceKind::cuda) return {.cpu = with_cpu, .cuda = device.index};
  if (with_cpu) throw invalid("no such devices, give cpu, cuda:N, cpu+cuda:N or auto: {}", text);
  return {};
}

}  // namespace paceline
