#include "worker/daemon/duty.h"

#include <algorithm>
#include <utility>

namespace paceline {

namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t resend_ns = 5'000'000'000;
// More than a coordinator can have in flight to one worker.
constexpr std::size_t ended_max = 256;

}  // namespace

std::vector<Duty::Action> Duty::start(std::int64_t now_ns) {
  last_beat_ns_ = now_ns;
  actions_.push_back(SendMessage{hello_});
  return std::exchange(actions_, {});
}

std::vector<Duty::Action> Duty::receive(std::int64_t now_ns, const wire::Message& message) {
  heard_ns_ = now_ns;
  if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
    is_welcome_ = true;
    if (welcome->heartbeat_ms > 0) heartbeat_ns_ = welcome->heartbeat_ms * ns_per_ms;
    last_resend_ns_ = now_ns;
    actions_.push_back(ResendResults{});
    beat(now_ns);
  } else if (std::holds_alternative<wire::Introduce>(message)) {
    actions_.push_back(SendMessage{hello_});
  } else if (const auto* lease = std::get_if<wire::Lease>(&message)) {
    receive_lease(now_ns, *lease);
  } else if (const auto* renewed = std::get_if<wire::Renewed>(&message)) {
    receive_renewal(*renewed);
  } else if (const auto* ack = std::get_if<wire::Ack>(&message)) {
    actions_.push_back(Forget{*ack});
  } else if (const auto* revoked = std::get_if<wire::Revoke>(&message)) {
    revoke(revoked->lease);
    beat(now_ns);
  } else if (std::holds_alternative<wire::Drain>(message)) {
    is_draining_ = true;
  }
  start_next(now_ns);
  return std::exchange(actions_, {});
}

std::vector<Duty::Action> Duty::finish_sitting(std::int64_t now_ns, wire::Result result) {
  const LeaseId id = *std::exchange(under_way_, std::nullopt);
  Held& held = held_.at(id);
  result.task = held.lease.task;
  result.lease = id;
  result.epoch = held.lease.epoch;
  result.block = under_way_block_;
  result.workload = held.lease.workload;
  const bool has_failed = !result.failure.empty();
  // A sitting that was interrupted has found nothing.
  if (!held.is_revoked || !has_failed) actions_.push_back(KeepResult{std::move(result)});
  if (held.is_revoked) released_.push_back(id);
  if (held.is_revoked || has_failed || held.pending.empty()) end(id);
  beat(now_ns);
  start_next(now_ns);
  return std::exchange(actions_, {});
}

std::vector<Duty::Action> Duty::tick(std::int64_t now_ns) {
  expire(now_ns);
  if (!last_beat_ns_ || now_ns - *last_beat_ns_ >= heartbeat_ns_) {
    // Until the first welcome, and again when nothing was heard for long: the hello may be lost.
    if (!is_welcome_ || !is_in_touch(now_ns, 5 * heartbeat_ns_)) {
      actions_.push_back(SendMessage{hello_});
    }
    beat(now_ns);
  }
  if (last_resend_ns_ && now_ns - *last_resend_ns_ >= resend_ns) {
    last_resend_ns_ = now_ns;
    actions_.push_back(ResendResults{});
  }
  start_next(now_ns);
  return std::exchange(actions_, {});
}

std::vector<Duty::Action> Duty::drain(std::int64_t now_ns) {
  is_draining_ = true;
  start_next(now_ns);
  return std::exchange(actions_, {});
}

void Duty::receive_lease(std::int64_t now_ns, const wire::Lease& lease) {
  if (held_.contains(lease.id) || ended_.contains(lease.id)) return;
  const std::int64_t valid_until_ns = lease.sent_ns + lease.valid_ms * ns_per_ms;
  if (valid_until_ns <= now_ns || is_draining_) return;
  held_[lease.id] = {lease, valid_until_ns, {lease.sittings.begin(), lease.sittings.end()}};
}

void Duty::receive_renewal(const wire::Renewed& renewed) {
  const std::int64_t valid_until_ns = renewed.sent_ns + renewed.valid_ms * ns_per_ms;
  for (const LeaseId& id : renewed.leases) {
    const auto held = held_.find(id);
    if (held == held_.end()) continue;
    held->second.valid_until_ns = std::max(held->second.valid_until_ns, valid_until_ns);
  }
}

void Duty::revoke(const LeaseId& id) {
  if (under_way_ == id) {
    held_.at(id).is_revoked = true;  // Released when the sitting ends.
    actions_.push_back(InterruptSitting{});
    return;
  }
  released_.push_back(id);
  end(id);
}

// A lapsed lease starts nothing more. A sitting under way is finished, under the host's lock: its
// result is as good as any.
void Duty::expire(std::int64_t now_ns) {
  for (const LeaseId& id : [&] {
         std::vector<LeaseId> lapsed;
         for (const auto& [lease, held] : held_) {
           if (held.valid_until_ns <= now_ns) lapsed.push_back(lease);
         }
         return lapsed;
       }()) {
    if (under_way_ == id) {
      held_.at(id).pending.clear();
    } else {
      end(id);
    }
  }
}

void Duty::end(const LeaseId& id) {
  held_.erase(id);
  if (!ended_.insert(id).second) return;
  ended_order_.push_back(id);
  if (ended_order_.size() > ended_max) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

void Duty::beat(std::int64_t now_ns) {
  wire::Heartbeat heartbeat;
  // Stamps order heartbeats, so no two are equal.
  heartbeat.sent_ns = last_stamp_ns_ = std::max(now_ns, last_stamp_ns_ + 1);
  heartbeat.credit = is_draining_ ? 0 : 1;
  for (const auto& [id, held] : held_) {
    if (!held.is_revoked) heartbeat.leases.push_back(id);
  }
  heartbeat.released = std::exchange(released_, {});
  last_beat_ns_ = now_ns;
  actions_.push_back(SendMessage{std::move(heartbeat)});
}

void Duty::start_next(std::int64_t now_ns) {
  if (under_way_) return;
  if (is_draining_) {
    for (const auto& [id, held] : std::map<LeaseId, Held>(held_)) end(id);
    if (!std::exchange(has_left_, true)) {
      actions_.push_back(SendMessage{wire::Goodbye{"drained"}});
      actions_.push_back(Leave{});
    }
    return;
  }
  expire(now_ns);
  for (auto& [id, held] : held_) {
    if (held.pending.empty()) continue;
    under_way_ = id;
    under_way_block_ = held.pending.front().block;
    actions_.push_back(StartSitting{held.lease, held.pending.front()});
    held.pending.pop_front();
    return;
  }
}

}  // namespace paceline
