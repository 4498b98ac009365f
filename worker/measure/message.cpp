#include "worker/measure/message.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <nlohmann/json.hpp>

namespace paceline::message {
namespace {

using nlohmann::json;

constexpr std::size_t length_bytes = sizeof(std::uint64_t);

json to_json(const Summary& summary) {
  return {summary.median_s,  summary.low_s,   summary.high_s,
          summary.minimum_s, summary.samples, summary.blocks};
}

Summary summary_from(const json& value) {
  return {value[0], value[1], value[2], value[3], value[4], value[5]};
}

// JSON has no infinity, and errors may be infinite.
json real(double value) { return fmt::format("{}", value); }
double real_from(const json& value) { return std::stod(value.get<std::string>()); }

json to_json(const std::vector<Measurement::Discarded>& discarded) {
  json list = json::array();
  for (const auto& sample : discarded) list.push_back({sample.seconds, sample.block, sample.cause});
  return list;
}

std::vector<Measurement::Discarded> discarded_from(const json& list) {
  std::vector<Measurement::Discarded> discarded;
  for (const json& sample : list) {
    discarded.push_back({sample[0], sample[1], sample[2].get<std::string>()});
  }
  return discarded;
}

json to_json(std::optional<double> value) { return value ? json(*value) : json(nullptr); }
std::optional<double> optional_from(const json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

json to_json(const Measurement::Conditions& conditions) {
  return {{"load_before", conditions.load_before},
          {"load_after", conditions.load_after},
          {"steal_fraction", conditions.steal_fraction},
          {"clock_mhz_before", to_json(conditions.clock_mhz_before)},
          {"clock_mhz_after", to_json(conditions.clock_mhz_after)},
          {"throttle", conditions.throttle}};
}

Measurement::Conditions conditions_from(const json& value) {
  return {.load_before = value["load_before"],
          .load_after = value["load_after"],
          .steal_fraction = value["steal_fraction"],
          .clock_mhz_before = optional_from(value["clock_mhz_before"]),
          .clock_mhz_after = optional_from(value["clock_mhz_after"]),
          .throttle = value["throttle"]};
}

json to_json(const SittingResult& result) {
  const Measurement& measurement = result.measurement;
  return {{"kernel_name", result.kernel},
          {"id", measurement.id.to_string()},
          {"kernel", measurement.kernel.to_string()},
          {"workload", measurement.workload.to_string()},
          {"device", to_string(measurement.device)},
          {"regime", to_string(measurement.regime)},
          {"outcome", to_string(measurement.outcome)},
          {"reason", measurement.reason},
          {"summary", to_json(measurement.summary)},
          {"samples_s", measurement.samples_s},
          {"blocks", measurement.blocks},
          {"discarded", to_json(measurement.discarded)},
          {"error_relative", real(measurement.error_relative)},
          {"error_elementwise", real(measurement.error_elementwise)},
          {"method", measurement.method},
          {"seed", measurement.seed},
          {"calls_per_sample", measurement.calls_per_sample},
          {"noise_floor", measurement.noise_floor},
          {"workspace_bytes", measurement.workspace_bytes},
          {"peak_resident_bytes", measurement.peak_resident_bytes},
          {"conditions", to_json(measurement.conditions)},
          {"started_ns", to_unix_ns(measurement.started)},
          {"finished_ns", to_unix_ns(measurement.finished)}};
}

SittingResult result_from(const json& value) {
  SittingResult result{.kernel = value["kernel_name"]};
  Measurement& measurement = result.measurement;
  measurement.id = *MeasurementId::parse(value["id"].get<std::string>());
  measurement.kernel = *KernelId::parse(value["kernel"].get<std::string>());
  measurement.workload = *WorkloadId::parse(value["workload"].get<std::string>());
  measurement.device = *parse_device_kind(value["device"].get<std::string>());
  measurement.regime = *parse_regime(value["regime"].get<std::string>());
  measurement.outcome = *parse_outcome(value["outcome"].get<std::string>());
  measurement.reason = value["reason"];
  measurement.summary = summary_from(value["summary"]);
  measurement.samples_s = value["samples_s"].get<std::vector<double>>();
  measurement.blocks = value["blocks"].get<std::vector<std::int32_t>>();
  measurement.discarded = discarded_from(value["discarded"]);
  measurement.error_relative = real_from(value["error_relative"]);
  measurement.error_elementwise = real_from(value["error_elementwise"]);
  measurement.method = value["method"];
  measurement.seed = value["seed"];
  measurement.calls_per_sample = value["calls_per_sample"];
  measurement.noise_floor = value["noise_floor"];
  measurement.workspace_bytes = value["workspace_bytes"];
  measurement.peak_resident_bytes = value["peak_resident_bytes"];
  measurement.conditions = conditions_from(value["conditions"]);
  measurement.started = from_unix_ns(value["started_ns"]);
  measurement.finished = from_unix_ns(value["finished_ns"]);
  return result;
}

// An answer, unless it is an error.
json read_answer(std::string_view body) {
  json answer = json::parse(body);
  if (answer.is_object() && answer.contains("error")) {
    throw Error(static_cast<ErrorKind>(answer["kind"].get<int>()), answer["error"]);
  }
  return answer;
}

}  // namespace

bool send_frame(int socket, std::string_view body) {
  const std::uint64_t length = body.size();
  std::string frame(reinterpret_cast<const char*>(&length), length_bytes);
  frame += body;
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t sent = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool FrameReader::receive(int socket) {
  std::array<char, 65536> chunk;
  ssize_t size = 0;
  while ((size = ::recv(socket, chunk.data(), chunk.size(), 0)) < 0 && errno == EINTR) {
  }
  if (size <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(size));
  return true;
}

bool FrameReader::take(std::string& body) {
  if (buffer_.size() < length_bytes) return false;
  std::uint64_t length = 0;
  std::memcpy(&length, buffer_.data(), length_bytes);
  if (buffer_.size() - length_bytes < length) return false;
  body = buffer_.substr(length_bytes, length);
  buffer_.erase(0, length_bytes + length);
  return true;
}

std::string write(const Setup& setup) { return json{{"cpus", setup.cpus}}.dump(); }

Setup read_setup(std::string_view body) {
  return {json::parse(body)["cpus"].get<std::vector<int>>()};
}

std::string write(const Catalogue& catalogue) {
  json ids = json::array();
  for (const KernelId& id : catalogue.ids) ids.push_back(id.to_string());
  json devices = json::array();
  for (const DeviceKind device : catalogue.devices) devices.push_back(to_string(device));
  return json{{"names", catalogue.names}, {"ids", ids}, {"devices", devices}}.dump();
}

Catalogue read_catalogue(std::string_view body) {
  const json answer = read_answer(body);
  Catalogue catalogue{.names = answer["names"].get<std::vector<std::string>>()};
  for (const json& id : answer["ids"]) {
    catalogue.ids.push_back(*KernelId::parse(id.get<std::string>()));
  }
  for (const json& device : answer["devices"]) {
    catalogue.devices.push_back(*parse_device_kind(device.get<std::string>()));
  }
  return catalogue;
}

std::string write(const CandidatesRequest& request) {
  return json{{"candidates", request.workload.to_text()}, {"devices", request.devices.to_string()}}
      .dump();
}

CandidatesRequest read_candidates_request(std::string_view body, const OpSet& ops) {
  const json value = json::parse(body);
  return {parse_workload(value["candidates"].get<std::string>(), ops),
          DeviceSet::parse(value["devices"].get<std::string>())};
}

std::string write(const SittingRequest& request) {
  json regimes = json::array();
  for (const Regime regime : request.regimes) regimes.push_back(to_string(regime));
  return json{{"workload", request.workload.to_text()},
              {"kernels", request.kernels},
              {"regimes", regimes},
              {"cuda_index", request.cuda_index},
              {"seed", request.seed},
              {"time_ns", request.budget.time.count()},
              {"blocks_max", request.budget.blocks_max},
              {"relative_interval", request.budget.relative_interval},
              {"flops_per_s", request.roofline.flops_per_s},
              {"bytes_per_s", request.roofline.bytes_per_s}}
      .dump();
}

SittingRequest read_sitting_request(std::string_view body, const OpSet& ops) {
  const json value = json::parse(body);
  SittingRequest request{.workload = parse_workload(value["workload"].get<std::string>(), ops),
                         .kernels = value["kernels"].get<std::vector<std::string>>()};
  for (const json& regime : value["regimes"]) {
    request.regimes.push_back(*parse_regime(regime.get<std::string>()));
  }
  request.cuda_index = value["cuda_index"];
  request.seed = value["seed"];
  request.budget = {.time = Duration(value["time_ns"].get<std::int64_t>()),
                    .blocks_max = value["blocks_max"],
                    .relative_interval = value["relative_interval"]};
  request.roofline.flops_per_s = value["flops_per_s"];
  request.roofline.bytes_per_s = value["bytes_per_s"];
  return request;
}

RequestKind kind_of(std::string_view body) {
  return json::parse(body).contains("candidates") ? RequestKind::candidates : RequestKind::sitting;
}

std::string write(const std::vector<std::string>& names) { return json(names).dump(); }

std::vector<std::string> read_names(std::string_view body) {
  return read_answer(body).get<std::vector<std::string>>();
}

std::string write(const std::vector<SittingResult>& results) {
  json list = json::array();
  for (const SittingResult& result : results) list.push_back(to_json(result));
  return list.dump();
}

std::vector<SittingResult> read_results(std::string_view body) {
  std::vector<SittingResult> results;
  for (const json& value : read_answer(body)) results.push_back(result_from(value));
  return results;
}

std::string write(const Error& error) {
  return json{{"error", error.what()}, {"kind", static_cast<int>(error.kind())}}.dump();
}

}  // namespace paceline::message
