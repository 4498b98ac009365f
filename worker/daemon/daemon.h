#pragma once

#include <filesystem>
#include <string>

#include "common/base/stop_signal.h"
#include "common/wire/socket.h"
#include "worker/daemon/duty.h"
#include "worker/daemon/measuring_thread.h"
#include "worker/daemon/spool.h"

namespace paceline {

// What a worker says of itself: this machine, its environment at `threads`, the kernels of this
// program and, as resource, the host whose memory bandwidth its measurements need alone.
wire::Hello introduce(int threads, const std::string& name);

// Carries messages between the coordinator, the duty and the measuring thread. One thread.
class WorkerDaemon {
 public:
  WorkerDaemon(wire::Hello hello, wire::ClientSocket& socket, Spool& spool);

  // Until it was drained: by the coordinator, or by the first signal. The second signal stops it at
  // once; the result of the sitting under way is lost, and its lease returns when it expires.
  void run(const StopSignal& stop);

 private:
  void perform(const std::vector<Duty::Action>& actions);
  void perform(const Duty::StartSitting& action);
  void perform(const Duty::InterruptSitting&);
  void perform(const Duty::KeepResult& action);
  void perform(const Duty::SendMessage& action) { socket_.send(action.message); }
  void perform(const Duty::Forget& action) { spool_.forget(action.result); }
  void perform(const Duty::ResendResults& action);
  void perform(const Duty::Leave& action);
  void receive();
  void report_silence(std::int64_t now_ns);

  wire::ClientSocket& socket_;
  Spool& spool_;
  Duty duty_;
  MeasuringThread measuring_;
  bool is_done_ = false;
  bool was_in_touch_ = false;
  std::int64_t silence_told_ns_ = 0;
};

}  // namespace paceline
