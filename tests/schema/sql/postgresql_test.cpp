#include <gmock/gmock.h>

#include "common/base/error.h"
#include "tests/common/store/homes.h"
#include "tests/common/store/nouns.h"

namespace paceline::testing {
namespace {

using ::testing::ElementsAre;

class PostgresqlSchemaTest : public ::testing::Test {
 protected:
  std::string one(const std::string& sql) { return store_->query(sql).rows.at(0).at(0); }
  // Whether `role` may run `sql`.
  bool may(const std::string& role, const std::string& sql) {
    try {
      run_sql(url_, "set local role " + role + "; " + sql);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  const std::string url_ = fresh_postgres_store_url();
  const std::unique_ptr<Store> store_ = open_store(url_);
};

TEST_F(PostgresqlSchemaTest, MovesRowsIntoThePartitionOfTheirMonthWhenItIsMade) {
  put_identities(*store_);
  Measurement old = some_measurement();
  old.finished = from_unix_ns(1'583'020'800'000'000'000);  // 1 March 2020.
  put_one(*store_, old);
  EXPECT_EQ(one("select count(*) from measurement_default"), "1");

  run_sql(url_, "select make_measurement_partition(date '2020-03-20')");

  EXPECT_EQ(one("select count(*) from measurement_default"), "0");
  EXPECT_EQ(one("select count(*) from measurement_2020_03"), "1");
  EXPECT_TRUE(store_->find(old.id));
}

TEST_F(PostgresqlSchemaTest, HasPartitionsForTheComingYear) {
  EXPECT_EQ(one("select count(*) from pg_inherits where inhparent = 'measurement'::regclass"), "14");
}

struct Listener : pqxx::notification_receiver {
  using notification_receiver::notification_receiver;
  void operator()(const std::string& payload, int) override { heard.push_back(payload); }
  std::vector<std::string> heard;
};

TEST_F(PostgresqlSchemaTest, NotifiesOfNewMeasurementsByWorkload) {
  put_identities(*store_);
  pqxx::connection connection(url_);
  Listener listener(connection, "measurement");
  const std::vector<Measurement> measurements = {some_measurement(), some_measurement()};
  store_->put(measurements);
  connection.await_notification(5, 0);
  store_->put(measurements);  // Nothing new.
  connection.await_notification(0, 50'000);

  EXPECT_THAT(listener.heard, ElementsAre(some_workload().id().to_string()));
}

TEST_F(PostgresqlSchemaTest, LetsEachRoleDoItsWorkAndNoMore) {
  put_identities(*store_);
  put_one(*store_, some_measurement());
  const std::string insert = "insert into op (name) values ('new')";

  EXPECT_TRUE(may("paceline_reader", "select * from best_kernel"));
  EXPECT_FALSE(may("paceline_reader", "select * from measurement"));
  EXPECT_FALSE(may("paceline_reader", insert));
  EXPECT_TRUE(may("paceline_worker", "select * from measurement"));
  EXPECT_TRUE(may("paceline_worker", insert));
  EXPECT_FALSE(may("paceline_worker", "delete from measurement"));
  EXPECT_FALSE(may("paceline_worker", "update measurement set median_s = 1"));
  EXPECT_FALSE(may("paceline_worker", "select * from audit"));
  EXPECT_TRUE(may("paceline_coordinator", "insert into audit (at_ns, actor, action, subject) "
                                          "values (0, 'a', 'b', 'c')"));
  EXPECT_FALSE(may("paceline_coordinator", "drop table audit"));
}

}  // namespace
}  // namespace paceline::testing
