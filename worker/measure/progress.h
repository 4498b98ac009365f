#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/time.h"

namespace paceline {

// What a measuring child is doing, in a page of memory that it shares with its parent: telling
// costs two stores, so the parent always knows which kernel to blame and the timing is not
// disturbed.
class Progress {
 public:
  static constexpr std::int32_t no_kernel = -1;

  static Progress create();              // The parent's. Throws `unavailable`.
  static Progress open(int descriptor);  // The child's.
  Progress(Progress&& other) noexcept;
  Progress& operator=(Progress&&) = delete;
  ~Progress();

  int descriptor() const { return descriptor_; }

  // The child begins a step of the kernel with this index in the request, or of none.
  void begin_step(std::int32_t kernel);

  std::int32_t kernel() const { return page_->kernel.load(std::memory_order_acquire); }
  Duration since_step_began() const;

 private:
  struct Page {
    std::atomic<std::int64_t> began_ns;
    std::atomic<std::int32_t> kernel;
  };
  static_assert(std::atomic<std::int64_t>::is_always_lock_free);

  Progress(int descriptor, Page* page) : descriptor_(descriptor), page_(page) {}
  static Page* map(int descriptor);

  int descriptor_ = -1;
  Page* page_ = nullptr;
};

}  // namespace paceline
