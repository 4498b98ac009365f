#include "kernels/cuda/runtime/queue.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/cuda/device/spin.h"
#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {
namespace {

class Event final : public DeviceEvent {
 public:
  explicit Event(cudaStream_t stream) {
    check_cuda(cudaEventCreate(&event_), "cudaEventCreate");
    check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  ~Event() override { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void wait() const { check_cuda(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

  double seconds_since(const DeviceEvent& earlier) const override {
    wait();
    float milliseconds = 0;
    check_cuda(
        cudaEventElapsedTime(&milliseconds, static_cast<const Event&>(earlier).event_, event_),
        "cudaEventElapsedTime");
    return milliseconds * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class Graph final : public DeviceGraph {
 public:
  Graph(cudaGraph_t graph, cudaStream_t stream) : stream_(stream) {
    const cudaError_t status = cudaGraphInstantiate(&instance_, graph, 0);
    cudaGraphDestroy(graph);
    check_cuda(status, "cudaGraphInstantiate");
    check_cuda(cudaGraphUpload(instance_, stream_), "cudaGraphUpload");
  }
  ~Graph() override { cudaGraphExecDestroy(instance_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch() override { check_cuda(cudaGraphLaunch(instance_, stream_), "cudaGraphLaunch"); }

 private:
  cudaGraphExec_t instance_ = nullptr;
  const cudaStream_t stream_;
};

// Pinned memory in pieces that are filled while others are on their way.
class Pieces {
 public:
  static constexpr std::int64_t bytes = 16 << 20;

  void upload(std::byte* to, const std::byte* from, std::int64_t count, cudaStream_t stream) {
    for (std::int64_t done = 0; done < count; done += bytes) {
      const std::int64_t size = std::min(bytes, count - done);
      Piece& piece = pieces_[next_];
      next_ = (next_ + 1) % pieces_.size();
      piece.open();
      std::memcpy(piece.memory, from + done, size);
      check_cuda(cudaMemcpyAsync(to + done, piece.memory, size, cudaMemcpyHostToDevice, stream),
                 "copy to the GPU");
      check_cuda(cudaEventRecord(piece.is_free, stream), "cudaEventRecord");
    }
  }

 private:
  struct Piece {
    void* memory = nullptr;
    cudaEvent_t is_free = nullptr;

    void open() {
      if (memory != nullptr) {
        check_cuda(cudaEventSynchronize(is_free), "copy to the GPU");
        return;
      }
      check_cuda(cudaEventCreateWithFlags(&is_free, cudaEventDisableTiming), "cudaEventCreate");
      check_cuda(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "pinned memory of 16 MiB");
    }
    ~Piece() {
      if (is_free != nullptr) cudaEventDestroy(is_free);
      if (memory != nullptr) cudaFreeHost(memory);
    }
  };
  std::array<Piece, 4> pieces_;
  std::size_t next_ = 0;
};

class Queue final : public DeviceQueue {
 public:
  explicit Queue(int device) : device_(device) {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
    void* memory = nullptr;
    check_cuda(cudaHostAlloc(&memory, sizeof(Shared), cudaHostAllocMapped), "pinned memory");
    shared_ = new (memory) Shared;
  }
  ~Queue() override {
    cudaSetDevice(device_);
    cudaStreamSynchronize(stream_);
    cudaFreeHost(shared_);
    cudaStreamDestroy(stream_);
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  CUstream_st* stream() const override { return stream_; }

  // Unified addressing: the device sees it at the host's address.
  DataFault* fault() override { return &shared_->fault; }

  void copy(void* to, const void* from, std::int64_t bytes) override {
    if (bytes == 0) return;
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_), "copy");
  }

  void upload(void* to, const void* from, std::int64_t bytes) override {
    pieces_.upload(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes,
                   stream_);
  }

  void fill(void* to, std::byte value, std::int64_t bytes) override {
    if (bytes == 0) return;
    check_cuda(cudaMemsetAsync(to, std::to_integer<int>(value), bytes, stream_), "fill");
  }

  void keep_busy(double seconds) override {
    launch_spin(nanoseconds_of(seconds), {.stream = stream_});
    check_cuda(cudaGetLastError(), "launch of a spinning kernel");
  }

  double paused_share(double seconds) override {
    const std::int64_t nanoseconds = std::max<std::int64_t>(nanoseconds_of(seconds), 1);
    launch_watch(nanoseconds, &shared_->pause_ns, {.stream = stream_});
    check_cuda(cudaGetLastError(), "launch of a watching kernel");
    check_cuda(cudaStreamSynchronize(stream_), "waiting for the GPU");
    return std::min(static_cast<double>(shared_->pause_ns) / static_cast<double>(nanoseconds), 1.0);
  }

  std::unique_ptr<DeviceEvent> record() override { return std::make_unique<Event>(stream_); }

  void begin_capture() override {
    check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal),
               "cudaStreamBeginCapture");
  }

  std::unique_ptr<DeviceGraph> end_capture() override {
    cudaGraph_t graph = nullptr;
    const cudaError_t status = cudaStreamEndCapture(stream_, &graph);
    if (status != cudaSuccess) {
      cudaGetLastError();
      throw unsupported("these kernels cannot be captured as a graph: {}",
                        cudaGetErrorString(status));
    }
    return std::make_unique<Graph>(graph, stream_);
  }

  std::optional<DataFault> finish() override {
    check_cuda(cudaStreamSynchronize(stream_), "waiting for the GPU");
    check_cuda(cudaGetLastError(), "work on the GPU");
    if (shared_->fault.kind == DataFault::none) return std::nullopt;
    return std::exchange(shared_->fault, DataFault{});
  }

 private:
  // Pinned memory that host and device see.
  struct Shared {
    DataFault fault;
    std::int64_t pause_ns = 0;
  };

  static std::int64_t nanoseconds_of(double seconds) {
    return static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1.0) * 1e9);
  }

  const int device_;
  cudaStream_t stream_ = nullptr;
  Shared* shared_ = nullptr;
  Pieces pieces_;
};

}  // namespace

std::unique_ptr<DeviceQueue> open_queue(int device) { return std::make_unique<Queue>(device); }

}  // namespace paceline::kernels::cuda
