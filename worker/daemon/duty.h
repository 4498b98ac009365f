#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/wire/message.h"

namespace paceline {

// What a worker owes its coordinator: the leases it holds, the sittings that are next, the results
// that have not been acknowledged.
//
// Plain state: no clock, no socket, no thread. Times are the worker's monotonic nanoseconds.
// Callers carry the actions out; one sitting is under way at a time.
class Duty {
 public:
  struct StartSitting {
    wire::Lease lease;
    wire::Sitting sitting;
  };
  struct InterruptSitting {};  // Its lease was revoked: what it measures is not wanted.
  // Make it durable, then send it.
  struct KeepResult {
    wire::Result result;
  };
  struct SendMessage {
    wire::Message message;
  };
  struct Forget {  // The coordinator has it.
    wire::Ack result;
  };
  struct ResendResults {};
  struct Leave {};  // Drained: everything that was begun is finished.
  using Action = std::variant<StartSitting, InterruptSitting, KeepResult, SendMessage, Forget,
                              ResendResults, Leave>;

  explicit Duty(wire::Hello hello) : hello_(std::move(hello)) {}

  std::vector<Action> start(std::int64_t now_ns);  // Says hello.
  std::vector<Action> receive(std::int64_t now_ns, const wire::Message& message);
  // The sitting under way has ended. `result` has its measurements, seconds and failure; what it
  // belongs to is filled in here.
  std::vector<Action> finish_sitting(std::int64_t now_ns, wire::Result result);
  // Call about twice a second: heartbeats, what has expired, results that want sending again.
  std::vector<Action> tick(std::int64_t now_ns);
  // No new leases; leaves after the sitting under way.
  std::vector<Action> drain(std::int64_t now_ns);

  bool is_measuring() const { return under_way_.has_value(); }
  // A sitting is under way whose lease has not lapsed.
  bool is_entitled(std::int64_t now_ns) const {
    return under_way_ && held_.at(*under_way_).valid_until_ns > now_ns;
  }
  // The coordinator was heard within `duration_ns` before `now_ns`.
  bool is_in_touch(std::int64_t now_ns, std::int64_t duration_ns) const {
    return heard_ns_ && now_ns - *heard_ns_ < duration_ns;
  }

 private:
  struct Held {
    wire::Lease lease;
    std::int64_t valid_until_ns = 0;
    std::deque<wire::Sitting> pending;
    bool is_revoked = false;
  };

  void receive_lease(std::int64_t now_ns, const wire::Lease& lease);
  void receive_renewal(const wire::Renewed& renewed);
  void revoke(const LeaseId& lease);
  void expire(std::int64_t now_ns);
  void end(const LeaseId& lease);
  void beat(std::int64_t now_ns);
  void start_next(std::int64_t now_ns);

  wire::Hello hello_;
  std::map<LeaseId, Held> held_;
  std::optional<LeaseId> under_way_;
  std::uint32_t under_way_block_ = 0;
  // Never to be started, should they come again; the oldest are dropped.
  std::set<LeaseId> ended_;
  std::deque<LeaseId> ended_order_;
  std::vector<LeaseId> released_;  // To be told with the next heartbeats.
  bool is_draining_ = false;
  bool has_left_ = false;
  bool is_welcome_ = false;
  std::int64_t heartbeat_ns_ = 1'000'000'000;
  std::optional<std::int64_t> last_beat_ns_;
  std::optional<std::int64_t> last_resend_ns_;
  std::optional<std::int64_t> heard_ns_;
  std::int64_t last_stamp_ns_ = INT64_MIN;

  std::vector<Action> actions_;  // Of the call at hand.
};

}  // namespace paceline
