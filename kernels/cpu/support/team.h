#pragma once

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace paceline::kernels::cpu {

// The threads of an arena while one of them, who leads, has much to share out in short turns: the
// others stay and watch for the next turn, so that it begins within a fraction of a microsecond,
// and go back to the arena when none has come for a while. Whoever is late is not waited for: its
// pieces are done by those who are there.
//
// Between a Lead's begin and end its thread alone may call run(); destroyed in the arena.
class Team {
 public:
  explicit Team(int threads) : shares_(static_cast<std::size_t>(threads)) {}
  ~Team() {
    is_closed_.store(true);
    helpers_.wait();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Makes a team that of the running thread.
  class Lead {
   public:
    explicit Lead(Team& team) : before_(std::exchange(current_, &team)) {}
    ~Lead() { current_ = before_; }
    Lead(const Lead&) = delete;
    Lead& operator=(const Lead&) = delete;

   private:
    Team* const before_;
  };

  // What the running thread leads and may share a turn with now; null when there is none.
  static Team* current() { return current_ && !current_->is_busy_ ? current_ : nullptr; }

  int threads() const { return static_cast<int>(shares_.size()); }

  // body(i) for each i below `pieces`, on whichever thread; those that follow each other on the
  // same one where they all are equally quick, and the same ones in each turn. What a body throws
  // comes out here, after the others' last piece.
  template <typename Body>
  void run(std::int64_t pieces, const Body& body) {
    job_ = {.call = [](const void* of, std::int64_t i) { (*static_cast<const Body*>(of))(i); },
            .body = &body};
    const auto count = static_cast<std::int64_t>(shares_.size());
    for (std::int64_t t = 0; t < count; ++t) {
      shares_[t].next.store(pieces * t / count, std::memory_order_relaxed);
      shares_[t].end = pieces * (t + 1) / count;
    }
    is_busy_ = true;
    turn_.store(turn_.load(std::memory_order_relaxed) + 1);
    for (auto missing = count - 1 - present_.load(); missing > 0; --missing) call_helper();
    work();
    turn_.store(turn_.load(std::memory_order_relaxed) + 1);
    for (int i = 0; at_work_.load() != 0; ++i) rest(i);
    is_busy_ = false;
    if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
  }

 private:
  using Turn = std::uint64_t;  // Odd: there is one to take part in.

  struct Job {
    void (*call)(const void* body, std::int64_t piece) = nullptr;
    const void* body = nullptr;
  };
  // A thread's own pieces, which others take when they have none left.
  struct alignas(64) Share {
    std::atomic<std::int64_t> next = 0;
    std::int64_t end = 0;
  };

  static constexpr int rests_before_yield = 2048;  // Some tens of microseconds.
  static constexpr auto idle_max = std::chrono::microseconds(100);

  // A thread that another one waits for may have to have this one's core.
  static void rest(int count) {
    if (count >= rests_before_yield) return std::this_thread::yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void call_helper() {
    present_.fetch_add(1);
    helpers_.run([this] { help(); });
  }

  void help() {
    Turn seen = 0;
    if (current_ == this) {  // The leader found it first.
      present_.fetch_sub(1);
      return;
    }
    for (;;) {
      while (wait_for_turn(seen)) take_part(seen);
      present_.fetch_sub(1);
      // A turn that began before that counted on this thread.
      if (is_closed_.load() || !is_new(turn_.load(), seen)) return;
      present_.fetch_add(1);
    }
  }

  static bool is_new(Turn turn, Turn seen) { return turn % 2 == 1 && turn != seen; }

  // False: none comes.
  bool wait_for_turn(Turn seen) const {
    constexpr int rests_a_look = 32;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 1; !is_new(turn_.load(std::memory_order_acquire), seen); ++i) {
      if (is_closed_.load(std::memory_order_relaxed)) return false;
      rest(0);
      if (i % rests_a_look == 0 && std::chrono::steady_clock::now() - start > idle_max) {
        return false;
      }
    }
    return true;
  }

  // The leader sees that this thread is at work before it ends the turn, or this thread that the
  // turn has ended.
  void take_part(Turn& seen) {
    seen = turn_.load();
    if (seen % 2 == 0) return;
    at_work_.fetch_add(1);
    if (turn_.load() == seen) work();
    at_work_.fetch_sub(1);
  }

  void work() {
    const auto count = static_cast<int>(shares_.size());
    const int own = tbb::this_task_arena::current_thread_index() % count;
    try {
      for (int i = 0; i < count; ++i) work_on(shares_[(own + i) % count]);
    } catch (...) {
      const std::lock_guard lock(fault_mutex_);
      if (!fault_) fault_ = std::current_exception();
    }
  }

  void work_on(Share& share) {
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      const std::int64_t piece = share.next.fetch_add(1, std::memory_order_relaxed);
      if (piece < share.end) job_.call(job_.body, piece);
    }
  }

  inline static thread_local Team* current_ = nullptr;

  std::atomic<Turn> turn_ = 0;
  alignas(64) std::atomic<int> at_work_ = 0;
  std::atomic<int> present_ = 0;  // Helpers that watch, or are called.
  std::atomic<bool> is_closed_ = false;
  // The leader's, between turns.
  alignas(64) Job job_;
  std::vector<Share> shares_;
  bool is_busy_ = false;
  std::mutex fault_mutex_;
  std::exception_ptr fault_;  // Guarded by it during a turn.
  tbb::task_group helpers_;
};

}  // namespace paceline::kernels::cpu
