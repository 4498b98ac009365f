#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/store/database.h"
#include "common/wire/message.h"
#include "scheduler/fleet/dispatcher.h"

namespace paceline {

// A campaign as it was submitted: what its units are made from.
struct StoredCampaign {
  fleet::Campaign campaign;  // Without units.
  std::vector<std::string> graphs;
  std::vector<Bindings> bindings;
  std::vector<std::int32_t> threads;
};

// Who asked for what, for the record.
struct AuditEntry {
  std::string actor;    // The name of the key.
  std::string action;   // "campaign-cancel"
  std::string subject;  // The id it was done to.
  std::string name;     // Of the subject, for people; may be empty.
};

// The fleet's tables. One thread; failures as Database's.
class FleetStore {
 public:
  explicit FleetStore(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}
  // Throws `invalid` for a URL that is not PostgreSQL's; the schema must be there.
  static FleetStore open(const std::string& url);

  // Returns false when the campaign is there already.
  bool add(const wire::Submit& submit, Time now);
  // The Save and End actions, the last of each row, in one transaction. Others are skipped.
  void save(const std::vector<fleet::Action>& actions, Time now);
  void save(const wire::Hello& hello, const fleet::ClassId& worker_class,
            const std::string& key_name, Time now);
  void audit(const AuditEntry& entry, Time now);
  void save_departure(const WorkerId& worker, Time now);

  std::vector<StoredCampaign> active_campaigns();
  // Everything else that active campaigns need.
  fleet::Memory active_work();
  // Of one campaign, or of all, the newest first.
  std::vector<wire::CampaignStatus> status(const std::optional<CampaignId>& campaign);
  // Of the lanes, in status()'s order: to count the workers present.
  std::vector<fleet::ClassId> classes_of(const CampaignId& campaign);

 private:
  std::vector<wire::PathStatus> raced_paths(const CampaignId& campaign);
  std::vector<fleet::Lane> lanes(const std::string& where, const std::vector<store::SqlValue>& of);

  std::unique_ptr<store::Database> database_;
};

}  // namespace paceline
