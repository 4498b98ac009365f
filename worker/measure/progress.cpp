#include "worker/measure/progress.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "common/base/error.h"

namespace paceline {

Progress Progress::create() {
  const int descriptor = ::memfd_create("paceline-progress", MFD_CLOEXEC);
  if (descriptor < 0 || ::ftruncate(descriptor, sizeof(Page)) != 0) {
    throw unavailable("cannot share memory with a child: {}", std::strerror(errno));
  }
  Progress progress(descriptor, map(descriptor));
  progress.begin_step(no_kernel);
  return progress;
}

Progress Progress::open(int descriptor) { return Progress(descriptor, map(descriptor)); }

Progress::Page* Progress::map(int descriptor) {
  void* memory = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) {
    throw unavailable("cannot map what parent and child share: {}", std::strerror(errno));
  }
  return static_cast<Page*>(memory);
}

Progress::Progress(Progress&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      page_(std::exchange(other.page_, nullptr)) {}

Progress::~Progress() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Progress::begin_step(std::int32_t kernel) {
  page_->began_ns.store(monotonic_ns(), std::memory_order_release);
  page_->kernel.store(kernel, std::memory_order_release);
}

Duration Progress::since_step_began() const {
  return Duration(monotonic_ns() - page_->began_ns.load(std::memory_order_acquire));
}

}  // namespace paceline
