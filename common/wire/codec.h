#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "common/wire/message.h"

namespace paceline::wire {

// The largest message that is sent or read: a worker's kernels or a sitting with all its samples.
inline constexpr std::size_t message_bytes_max = std::size_t{64} << 20;

// Any thread.
std::string encode(const Message& message);

// Reads what any version since 1 wrote; `bytes` need no alignment. Throws `unsupported` for a
// message that this version does not know and `invalid` for bytes that are no message or name
// impossible values: whatever the bytes, it does nothing worse.
Message decode(std::span<const std::byte> bytes);
Message decode(std::string_view bytes);

}  // namespace paceline::wire
