#include "common/wire/message.h"

#include <array>

namespace paceline::wire {

namespace {

// In the order of Message.
constexpr std::array<std::string_view, std::variant_size_v<Message>> message_names = {
    "hello",   "heartbeat", "result", "goodbye", "welcome", "introduce",
    "lease",   "renewed",   "ack",    "revoke",  "drain",   "submit",
    "control", "ask",       "done",   "status",  "refused", "unsupported"};

constexpr std::array<std::string_view, 4> action_names = {"pause", "resume", "cancel", "drain"};

}  // namespace

std::string_view name_of(const Message& message) { return message_names[message.index()]; }

std::string_view to_string(ControlAction action) {
  return action_names[static_cast<std::size_t>(action)];
}

std::optional<ControlAction> parse_control_action(std::string_view name) {
  for (std::size_t i = 0; i < action_names.size(); ++i) {
    if (action_names[i] == name) return static_cast<ControlAction>(i);
  }
  return std::nullopt;
}

}  // namespace paceline::wire
