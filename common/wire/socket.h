#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/wire/keys.h"
#include "common/wire/message.h"

namespace paceline::wire {

// The coordinator's end: a ROUTER that speaks CURVE and admits the keys of an allow list. Owns its
// context. One thread.
class ServerSocket {
 public:
  // Throws `invalid` for an endpoint that is no tcp:// or ipc:// address, `unavailable` when it is
  // taken.
  ServerSocket(const std::string& endpoint, const KeyPair& keys,
               const std::filesystem::path& allow_list);
  ServerSocket(ServerSocket&&) noexcept;
  ~ServerSocket();

  // With the port that the system gave for "tcp://127.0.0.1:0".
  const std::string& endpoint() const { return endpoint_; }

  struct Incoming {
    std::string address;  // Of the connection: where answers go.
    Role role = Role::client;
    std::string user;   // Name of its key.
    std::string bytes;  // For decode().
  };
  // Waits at most `timeout`; nullopt when nothing came or a signal arrived.
  std::optional<Incoming> receive(Duration timeout);
  // Drops the message when the peer is gone: it will say so itself when it comes back.
  void send(const std::string& address, const Message& message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string endpoint_;
};

// A worker's or client's end: a DEALER that finds the coordinator again by itself. A key that is
// not on the allow list hears nothing. One thread.
class ClientSocket {
 public:
  ClientSocket(const std::string& endpoint, const std::string& server_public_key,
               const KeyPair& keys);
  // With ROLE.key and coordinator.pub of a key folder.
  ClientSocket(const std::string& endpoint, const std::filesystem::path& key_folder, Role role);
  ClientSocket(ClientSocket&&) noexcept;
  ClientSocket& operator=(ClientSocket&&) noexcept;
  ~ClientSocket();

  const std::string& endpoint() const { return endpoint_; }

  void send(const Message& message);
  // Waits at most `timeout` for a message, or until `descriptor` (-1: none) can be read. Throws as
  // decode().
  std::optional<Message> receive(Duration timeout, int descriptor = -1);

  // Sends a request and waits for its answer, which is not Refused nor Unsupported: those become
  // errors. Throws `unavailable` after `timeout`, with what to look at.
  Message ask(const Message& request, Duration timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string endpoint_;
};

}  // namespace paceline::wire
