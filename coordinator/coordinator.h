#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/stop_signal.h"
#include "common/store/store.h"
#include "common/wire/socket.h"
#include "coordinator/store/fleet_store.h"
#include "scheduler/fleet/dispatcher.h"

namespace paceline {

// Remembers and talks: carries messages to the dispatcher, makes durable what it decides, and
// answers. Nothing is sent before what it says is in the database, so that it can be killed at any
// moment. One thread.
class Coordinator {
 public:
  struct Options {
    std::string store_url;
    std::string name;
    fleet::Policy policy;
    Duration heartbeat = std::chrono::seconds(1);
  };

  // Takes up what an earlier coordinator left. Throws when the store cannot be opened.
  Coordinator(Options options, wire::ServerSocket& socket);

  // Until the first signal. When the store fails it drops what it has in memory and goes on from
  // the database as soon as that answers.
  void run(const StopSignal& stop);

 private:
  void recover();
  void serve();
  void flush();

  void receive(const wire::ServerSocket::Incoming& incoming);
  void receive(const wire::ServerSocket::Incoming& from, const wire::Message& message);
  void receive_from_worker(const wire::ServerSocket::Incoming& from, const wire::Message& message);
  void receive_from_client(const wire::ServerSocket::Incoming& from, const wire::Message& message);
  void welcome(const wire::ServerSocket::Incoming& from, const wire::Hello& hello);
  void depart(const std::string& address, const WorkerId& worker);
  void keep(const WorkerId& worker, const wire::Result& result);
  void submit(const wire::ServerSocket::Incoming& from, const wire::Submit& submit);
  void control(const wire::ServerSocket::Incoming& from, const wire::Control& control);
  wire::Status status(const wire::Ask& ask);

  void step(const fleet::Event& event);
  fleet::KnownTimings load_known(const fleet::LoadKnown& question);
  void keep_paths(const wire::Result& result);
  void equip(const fleet::GrantLease& grant, wire::Lease& lease);
  void tell_what_is_known(const fleet::WorkerClass& members, wire::Lease& lease);
  void reply(const std::string& address, wire::Message message) {
    replies_.emplace_back(address, std::move(message));
  }

  Options options_;
  wire::ServerSocket& socket_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<FleetStore> fleet_;
  std::unique_ptr<fleet::Dispatcher> dispatcher_;
  std::map<std::string, WorkerId> workers_;  // By address.
  std::map<WorkerId, std::string> addresses_;
  // Decided but not yet durable, and what is to be sent when it is.
  std::vector<fleet::Action> decided_;
  std::vector<std::pair<std::string, wire::Message>> replies_;
  std::int64_t ticked_ns_ = 0;
};

}  // namespace paceline
