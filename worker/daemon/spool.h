#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "common/wire/message.h"

namespace paceline {

// Results that the coordinator has not acknowledged, in a file that outlives the worker: the next
// one sends them. One process at a time, one thread.
class Spool {
 public:
  // Creates the file and its folder. Throws `unavailable` when it cannot be written or another
  // worker holds it, naming it.
  explicit Spool(const std::filesystem::path& file);
  ~Spool();

  void keep(const wire::Result& result);  // Durable when it returns.
  void forget(const wire::Ack& ack);
  std::vector<wire::Result> results();  // The oldest first.

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline
