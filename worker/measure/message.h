#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/measure/sitting.h"

// What parent and child of a measuring process say to each other: JSON in frames with an eight-byte
// length, over a local socket. Both are always of the same build.
namespace paceline::message {

// Blocks until all is written; false when the peer is gone.
bool send_frame(int socket, std::string_view body);

// Collects a frame from what arrives; keeps what belongs to the next.
class FrameReader {
 public:
  // Reads once from the socket, which is readable. False when the peer is gone.
  bool receive(int socket);
  bool take(std::string& body);  // The next complete frame, when there is one.

 private:
  std::string buffer_;
};

// The first request: where the child is pinned.
struct Setup {
  std::vector<int> cpus;
};
// The answer to it: what kernels there are.
struct Catalogue {
  std::vector<std::string> names;
  std::vector<KernelId> ids;
  std::vector<DeviceKind> devices;
};
// Which kernels of the devices accept a workload? Answered by their names.
struct CandidatesRequest {
  Workload workload;
  DeviceSet devices = {};
};

std::string write(const Setup& setup);
std::string write(const Catalogue& catalogue);
std::string write(const CandidatesRequest& request);
std::string write(const SittingRequest& request);
std::string write(const std::vector<std::string>& names);
std::string write(const std::vector<SittingResult>& results);
std::string write(const Error& error);

Setup read_setup(std::string_view body);

enum class RequestKind { candidates, sitting };
RequestKind kind_of(std::string_view body);
CandidatesRequest read_candidates_request(std::string_view body, const OpSet& ops);
SittingRequest read_sitting_request(std::string_view body, const OpSet& ops);

// Of the child's answers; these throw the Error that the child answered with, if it did.
Catalogue read_catalogue(std::string_view body);
std::vector<std::string> read_names(std::string_view body);
std::vector<SittingResult> read_results(std::string_view body);

}  // namespace paceline::message
