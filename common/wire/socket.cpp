#include "common/wire/socket.h"

#include <cerrno>
#include <vector>
#include <zmq.hpp>
#include <zmq_addon.hpp>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/wire/codec.h"
#include "common/wire/gatekeeper.h"

namespace paceline::wire {

namespace {

// Thousands of workers: ZeroMQ's own limit is 1023.
constexpr int sockets_max = 16384;
constexpr int backlog = 1024;

std::chrono::milliseconds to_ms(Duration timeout) {
  return std::chrono::ceil<std::chrono::milliseconds>(timeout);
}

void set_common_options(zmq::socket_t& socket, const KeyPair& keys) {
  socket.set(zmq::sockopt::curve_publickey, keys.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(message_bytes_max));
  // A peer that vanished without a word is noticed.
  socket.set(zmq::sockopt::heartbeat_ivl, 2000);
  socket.set(zmq::sockopt::heartbeat_timeout, 10000);
}

void check_endpoint(const std::string& endpoint) {
  if (endpoint.starts_with("tcp://") || endpoint.starts_with("ipc://")) return;
  throw invalid("endpoint that is neither tcp://HOST:PORT nor ipc://PATH: {}", endpoint);
}

template <typename Operation>
void at_endpoint(const std::string& endpoint, const char* what, Operation operation) {
  check_endpoint(endpoint);
  try {
    operation();
  } catch (const zmq::error_t& error) {
    if (error.num() == EADDRINUSE || error.num() == EADDRNOTAVAIL) {
      throw unavailable("cannot {}, {}: {}", what, error.what(), endpoint);
    }
    throw invalid("cannot {}, {}: {}", what, error.what(), endpoint);
  }
}

// False at the time limit, or when a signal came.
bool poll(std::vector<zmq::pollitem_t> items, Duration timeout) {
  try {
    return zmq::poll(items, to_ms(timeout)) > 0;
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return false;
    throw;
  }
}

}  // namespace

struct ServerSocket::Impl {
  zmq::context_t context;
  std::unique_ptr<Gatekeeper> gatekeeper;
  zmq::socket_t socket;
};

ServerSocket::ServerSocket(const std::string& endpoint, const KeyPair& keys,
                           const std::filesystem::path& allow_list)
    : impl_(std::make_unique<Impl>()) {
  check_endpoint(endpoint);
  impl_->context.set(zmq::ctxopt::max_sockets, sockets_max);
  impl_->gatekeeper = std::make_unique<Gatekeeper>(impl_->context, allow_list);
  impl_->socket = zmq::socket_t(impl_->context, zmq::socket_type::router);
  set_common_options(impl_->socket, keys);
  impl_->socket.set(zmq::sockopt::curve_server, true);
  impl_->socket.set(zmq::sockopt::router_mandatory, false);
  impl_->socket.set(zmq::sockopt::backlog, backlog);
  impl_->socket.set(zmq::sockopt::linger, 1000);
  try {
    at_endpoint(endpoint, "listen", [&] { impl_->socket.bind(endpoint); });
  } catch (...) {
    impl_->socket.close();
    impl_->context.shutdown();
    throw;
  }
  endpoint_ = impl_->socket.get(zmq::sockopt::last_endpoint);
}

ServerSocket::ServerSocket(ServerSocket&&) noexcept = default;

ServerSocket::~ServerSocket() {
  if (!impl_) return;  // Moved from.
  impl_->socket.close();
  impl_->context.shutdown();
}

std::optional<ServerSocket::Incoming> ServerSocket::receive(Duration timeout) {
  if (!poll({{impl_->socket.handle(), 0, ZMQ_POLLIN, 0}}, timeout)) return std::nullopt;
  std::vector<zmq::message_t> frames;
  if (!zmq::recv_multipart(impl_->socket, std::back_inserter(frames))) return std::nullopt;
  if (frames.size() != 2) return std::nullopt;  // No program of ours sends such.
  auto [role, user] = parse_user_id(frames[1].gets("User-Id"));
  return Incoming{frames[0].to_string(), role, std::move(user), frames[1].to_string()};
}

void ServerSocket::send(const std::string& address, const Message& message) {
  const std::string bytes = encode(message);
  if (!impl_->socket.send(zmq::buffer(address),
                          zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
    return;
  }
  (void)impl_->socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
}

struct ClientSocket::Impl {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::dealer};
};

ClientSocket::ClientSocket(const std::string& endpoint, const std::string& server_public_key,
                           const KeyPair& keys)
    : impl_(std::make_unique<Impl>()), endpoint_(endpoint) {
  set_common_options(impl_->socket, keys);
  impl_->socket.set(zmq::sockopt::curve_serverkey, server_public_key);
  impl_->socket.set(zmq::sockopt::linger, 500);
  impl_->socket.set(zmq::sockopt::reconnect_ivl, 100);
  impl_->socket.set(zmq::sockopt::reconnect_ivl_max, 2000);
  at_endpoint(endpoint, "connect", [&] { impl_->socket.connect(endpoint); });
}

ClientSocket::ClientSocket(const std::string& endpoint, const std::filesystem::path& key_folder,
                           Role role)
    : ClientSocket(
          endpoint, read_public_key(key_folder / key_files::coordinator_public),
          read_secret_key(key_folder / (role == Role::worker ? key_files::worker_secret
                                                             : key_files::client_secret))) {}

ClientSocket::ClientSocket(ClientSocket&&) noexcept = default;
ClientSocket& ClientSocket::operator=(ClientSocket&&) noexcept = default;
ClientSocket::~ClientSocket() = default;

void ClientSocket::send(const Message& message) {
  const std::string bytes = encode(message);
  // A full queue drops: everything that matters is sent again.
  (void)impl_->socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
}

std::optional<Message> ClientSocket::receive(Duration timeout, int descriptor) {
  std::vector<zmq::pollitem_t> items = {{impl_->socket.handle(), 0, ZMQ_POLLIN, 0}};
  if (descriptor >= 0) items.push_back({nullptr, descriptor, ZMQ_POLLIN, 0});
  if (!poll(items, timeout)) return std::nullopt;
  zmq::message_t message;
  if (!impl_->socket.recv(message, zmq::recv_flags::dontwait)) return std::nullopt;
  return decode(std::span(message.data<std::byte>(), message.size()));
}

Message ClientSocket::ask(const Message& request, Duration timeout) {
  send(request);
  const auto deadline = monotonic_ns() + timeout.count();
  while (monotonic_ns() < deadline) {
    auto answer = receive(Duration(deadline - monotonic_ns()));
    if (!answer) continue;
    if (const auto* refused = std::get_if<Refused>(&*answer)) {
      throw Error(refused->kind, refused->reason);
    }
    if (const auto* unknown = std::get_if<Unsupported>(&*answer)) {
      throw unsupported("coordinator speaks protocol {} and does not know: {}", unknown->protocol,
                        unknown->what);
    }
    return *std::move(answer);
  }
  throw unavailable(
      "coordinator does not answer within {} s, is it running and this key on its allow list? {}",
      std::chrono::duration_cast<std::chrono::seconds>(timeout).count(), endpoint_);
}

}  // namespace paceline::wire
