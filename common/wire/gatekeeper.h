#pragma once

#include <filesystem>
#include <thread>
#include <zmq.hpp>

#include "common/wire/keys.h"

namespace paceline::wire {

// Decides whose CURVE handshake with a server in `context` succeeds: keys on the allow list, which
// is read again when its file changes. A broken list admits nobody. Runs a thread (ZeroMQ RFC 27)
// that ends when the context is shut down; make it before any server socket binds. Each message of
// an admitted peer then carries user_id() of its key.
class Gatekeeper {
 public:
  Gatekeeper(zmq::context_t& context, std::filesystem::path allow_list);
  ~Gatekeeper();  // Requires: the context was shut down.
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

 private:
  std::thread thread_;
};

// "worker NAME": what ZeroMQ carries with each message.
std::string user_id(const AllowedKey& key);
std::pair<Role, std::string> parse_user_id(std::string_view text);

}  // namespace paceline::wire
