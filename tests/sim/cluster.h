#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/random.h"
#include "scheduler/fleet/dispatcher.h"
#include "tests/support/fleet.h"
#include "worker/daemon/duty.h"

namespace paceline::testing {

// What goes wrong, as chances per message or mean times between events; 0: never.
struct Faults {
  double lose = 0;
  double repeat = 0;
  double delay = 0;          // Chance of a delay of up to 15 seconds.
  double kill_worker_s = 0;  // Mean time between deaths of some worker.
  double kill_coordinator_s = 0;
  double clock_drift = 0;   // Largest relative error of a worker's clock.
  double pollute = 0;       // Chance for each kernel of a sitting.
  int poisonous_unit = -1;  // Kills every worker that measures it.
};

// A coordinator and workers with the decisions of the real ones, and a network, a database, spools
// and clocks that are simulated in one thread from one seed.
class Cluster {
 public:
  struct Shape {
    int hosts = 3;
    int workers_per_host = 2;
    int machine_models = 2;
  };

  Cluster(std::uint64_t seed, Shape shape, Faults faults, fleet::Policy policy);
  ~Cluster();

  void submit(const fleet::Campaign& campaign);
  // Again and again while the coordinator is dead.
  void cancel_in(Duration delay, const CampaignId& campaign);
  // Until every campaign has finished and every spool is empty. False when that takes longer.
  bool run(Duration limit);

  const std::map<CampaignId, fleet::Campaign>& campaigns() const { return database_.campaigns; }
  std::vector<fleet::Lane> lanes_of(const CampaignId& campaign) const;
  std::vector<fleet::Race> races() const;
  // Sittings of races, by how many of their paths came back.
  int paths_timed() const { return paths_timed_; }
  // What the store holds; of each, how many measurements.
  const std::map<Digest, int>& timings() const { return timings_; }
  // Sittings that began while another worker of the host was entitled to measure.
  int overlaps() const { return overlaps_; }
  int kills() const { return kills_; }
  int grants() const { return grants_; }
  int interruptions() const { return interruptions_; }

 private:
  struct Database {
    std::map<CampaignId, fleet::Campaign> campaigns;
    std::map<std::pair<CampaignId, fleet::ClassId>, fleet::Lane> lanes;
    std::map<TaskId, fleet::Task> tasks;
    std::map<LeaseId, fleet::Lease> leases;
    std::map<std::tuple<CampaignId, fleet::ClassId, std::int64_t>, fleet::Race> races;
  };
  struct Process {
    WorkerId id;
    std::unique_ptr<Duty> duty;
    std::uint64_t sitting = 0;  // Under way, or the last one; counted.
    bool is_sitting = false;
  };
  // Where a worker process runs, and runs again after it died.
  struct Slot {
    std::string name;
    std::string resource;
    std::shared_ptr<const fleet::WorkerClass> worker_class;
    double clock_rate = 1;
    std::int64_t clock_offset_ns = 0;
    std::optional<Process> process;
    std::vector<wire::Result> spool;
  };
  struct Scheduled {
    std::int64_t at_ns;
    std::uint64_t order;
    std::function<void()> run;
    bool operator>(const Scheduled& other) const {
      return std::tie(at_ns, order) > std::tie(other.at_ns, other.order);
    }
  };

  void at(Duration delay, std::function<void()> run);
  void transmit(std::function<void()> deliver);
  Time time() const { return from_unix_ns(1'700'000'000'000'000'000 + now_ns_); }
  std::int64_t clock_of(const Slot& slot) const;
  Duration random_time(double mean_s);

  void start_coordinator();
  void tick_coordinator();
  void crash_coordinator();
  void step(const fleet::Event& event);
  void apply(const fleet::Action& action);
  void deliver_to_coordinator(int slot, const WorkerId& sender, const wire::Message& message);

  void start_worker(int slot);
  void tick_worker(int slot, const WorkerId& process);
  void kill_worker(int slot);
  void perform(int slot, const std::vector<Duty::Action>& actions);
  void perform(int slot, const Duty::StartSitting& action);
  void perform(int slot, const Duty::InterruptSitting& action);
  void perform(int slot, const Duty::KeepResult& action);
  void perform(int slot, const Duty::SendMessage& action);
  void perform(int slot, const Duty::Forget& action);
  void perform(int slot, const Duty::ResendResults& action);
  void perform(int slot, const Duty::Leave& action);
  void send_to_coordinator(int slot, const wire::Message& message);
  // Whether the sitting is still under way there.
  bool is_held(int slot, const WorkerId& process, std::uint64_t sitting) const;
  void end_sitting(int slot, wire::Result result);
  wire::Result hold(int slot, const Duty::StartSitting& sitting);
  wire::Result hold_study(int slot, const wire::Lease& lease);
  wire::Result hold_race(int slot, const wire::Lease& lease);
  bool is_settled() const;

  Random random_;
  Faults faults_;
  fleet::Policy policy_;
  std::int64_t now_ns_ = 0;
  std::uint64_t scheduled_ = 0;
  std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> queue_;

  std::optional<fleet::Dispatcher> dispatcher_;  // Empty while it is dead.
  Database database_;
  std::map<Digest, int> timings_;
  std::set<MeasurementId> measurements_;
  std::vector<Slot> slots_;
  std::map<WorkerId, int> slot_of_;
  std::uint64_t processes_ = 0;
  std::uint64_t drawn_ = 0;
  int overlaps_ = 0;
  int kills_ = 0;
  int grants_ = 0;
  int interruptions_ = 0;
  int paths_timed_ = 0;
};

}  // namespace paceline::testing
