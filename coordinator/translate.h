#pragma once

#include <memory>
#include <optional>

#include "common/graph/op.h"
#include "common/wire/message.h"
#include "coordinator/store/fleet_store.h"
#include "scheduler/fleet/dispatcher.h"

// Between the wire's structs and the dispatcher's.
namespace paceline {

// The message that carries an action to a worker, and which; nullopt for actions that are no
// message. A study's lease lacks what the store knows, a race's the texts of its paths.
struct Outgoing {
  WorkerId worker;
  wire::Message message;
};
std::optional<Outgoing> to_message(const fleet::Action& action, const fleet::Policy& policy);

fleet::WorkerArrived to_event(const wire::Hello& hello);
fleet::WorkerHeard to_event(const WorkerId& worker, const wire::Heartbeat& heartbeat);
// Without judgement of the measurements: see SittingReturned::failure.
fleet::SittingReturned to_event(const WorkerId& worker, const wire::Result& result);

// Throws `invalid` for what a campaign cannot be: no graphs, no bindings, text that is no graph.
std::shared_ptr<const fleet::Units> make_units(const std::vector<std::string>& graphs,
                                               const std::vector<Bindings>& bindings,
                                               const std::vector<std::int32_t>& threads,
                                               const OpSet& ops, fleet::Strategy strategy);
fleet::Campaign to_campaign(const wire::Submit& submit, Time now, const OpSet& ops);

}  // namespace paceline
