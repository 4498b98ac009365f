#include "common/base/stop_signal.h"

#include <signal.h>

#include <atomic>

namespace paceline {

namespace {

std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void receive(int) { received.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

StopSignal::StopSignal() {
  received = 0;
  struct sigaction action = {};
  action.sa_handler = receive;  // Without SA_RESTART: waits end.
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

int StopSignal::count() const { return received.load(std::memory_order_relaxed); }

}  // namespace paceline
