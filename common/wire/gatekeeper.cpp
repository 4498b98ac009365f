#include "common/wire/gatekeeper.h"

#include <algorithm>
#include <array>
#include <vector>
#include <zmq_addon.hpp>

#include "common/base/error.h"
#include "common/base/log.h"

namespace paceline::wire {

namespace {

constexpr const char* endpoint = "inproc://zeromq.zap.01";

class AllowList {
 public:
  explicit AllowList(std::filesystem::path file) : file_(std::move(file)) {}

  const AllowedKey* find(const std::string& public_key) {
    refresh();
    const auto found = std::ranges::find(keys_, public_key, &AllowedKey::public_key);
    return found == keys_.end() ? nullptr : &*found;
  }

 private:
  void refresh() {
    std::error_code missing;
    const auto changed = std::filesystem::last_write_time(file_, missing);
    if (!missing && changed == read_at_) return;
    keys_.clear();
    read_at_ = changed;
    try {
      keys_ = read_allow_list(file_);
    } catch (const Error& error) {
      log::error("allow-list-broken", {{"reason", error.what()}});
    }
  }

  std::filesystem::path file_;
  std::filesystem::file_time_type read_at_ = std::filesystem::file_time_type::min();
  std::vector<AllowedKey> keys_;
};

std::string z85(const zmq::message_t& key) {
  std::array<char, 41> text;
  if (key.size() != 32) return "";
  ::zmq_z85_encode(text.data(), key.data<std::uint8_t>(), key.size());
  return text.data();
}

// Frames: version, request id, domain, address, identity, mechanism, credentials.
void answer(zmq::socket_t& socket, AllowList& allowed, std::vector<zmq::message_t>& request) {
  const bool is_curve = request.size() == 7 && request[5].to_string_view() == "CURVE";
  const std::string key = is_curve ? z85(request[6]) : "";
  const AllowedKey* peer = key.empty() ? nullptr : allowed.find(key);
  if (peer == nullptr) log::warning("peer-refused", {{"key", key}});
  const std::string user = peer != nullptr ? user_id(*peer) : "";
  const std::string id = request.size() > 1 ? request[1].to_string() : "";
  for (const std::string& frame :
       {std::string("1.0"), id, std::string(peer != nullptr ? "200" : "400"),
        std::string(peer != nullptr ? "OK" : "key is not on the allow list"), user}) {
    socket.send(zmq::buffer(frame), zmq::send_flags::sndmore);
  }
  socket.send(zmq::message_t(), zmq::send_flags::none);
}

void serve(zmq::socket_t socket, AllowList allowed) {
  try {
    for (;;) {
      std::vector<zmq::message_t> request;
      if (!zmq::recv_multipart(socket, std::back_inserter(request))) continue;
      answer(socket, allowed, request);
    }
  } catch (const zmq::error_t& error) {
    if (error.num() != ETERM) log::error("gatekeeper-stopped", {{"reason", error.what()}});
  }
}

}  // namespace

Gatekeeper::Gatekeeper(zmq::context_t& context, std::filesystem::path allow_list) {
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind(endpoint);
  thread_ = std::thread(serve, std::move(socket), AllowList(std::move(allow_list)));
}

Gatekeeper::~Gatekeeper() { thread_.join(); }

std::string user_id(const AllowedKey& key) {
  return std::string(to_string(key.role)) + " " + key.name;
}

std::pair<Role, std::string> parse_user_id(std::string_view text) {
  const std::size_t space = text.find(' ');
  check(space != std::string_view::npos, "user id with a role");
  const Role role = text.substr(0, space) == to_string(Role::worker) ? Role::worker : Role::client;
  return {role, std::string(text.substr(space + 1))};
}

}  // namespace paceline::wire
