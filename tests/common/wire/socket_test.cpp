#include "common/wire/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/error.h"
#include "common/wire/codec.h"
#include "tests/support/scratch.h"

namespace paceline::wire {
namespace {

using namespace std::chrono_literals;
using paceline::testing::Scratch;
using ::testing::HasSubstr;

// A server with a key folder, on an address that the system gives.
class Sockets : public ::testing::Test {
 protected:
  Sockets() { make_key_folder(scratch_ / "keys"); }

  ServerSocket serve(const std::string& endpoint = "tcp://127.0.0.1:0") {
    const auto keys = scratch_ / "keys";
    return ServerSocket(endpoint, read_secret_key(keys / key_files::coordinator_secret),
                        keys / key_files::allow_list);
  }
  ClientSocket connect(const ServerSocket& server, Role role = Role::client) {
    return ClientSocket(server.endpoint(), scratch_ / "keys", role);
  }

  Scratch scratch_;
};

TEST_F(Sockets, CarryMessagesBothWays) {
  auto server = serve();
  auto client = connect(server);
  client.send(Goodbye{"done"});
  const auto incoming = server.receive(5s);
  ASSERT_TRUE(incoming);
  EXPECT_EQ(std::get<Goodbye>(decode(incoming->bytes)).reason, "done");
  server.send(incoming->address, Drain{});
  const auto answer = client.receive(5s);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::holds_alternative<Drain>(*answer));
}

TEST_F(Sockets, TellWhoSpeaksAndInWhichRole) {
  auto server = serve();
  auto worker = connect(server, Role::worker);
  worker.send(Drain{});
  const auto incoming = server.receive(5s);
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->role, Role::worker);
  EXPECT_EQ(incoming->user, "local");
}

TEST_F(Sockets, HearNothingFromAKeyThatIsNotAllowed) {
  auto server = serve();
  const auto keys = scratch_ / "keys";
  ClientSocket stranger(server.endpoint(), read_public_key(keys / key_files::coordinator_public),
                        make_key_pair());
  stranger.send(Drain{});
  EXPECT_FALSE(server.receive(300ms));
  try {
    stranger.ask(Ask{}, 200ms);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("allow list? tcp://127.0.0.1:"));
  }
}

TEST_F(Sockets, AdmitAKeyThatIsAddedWhileTheServerRuns) {
  auto server = serve();
  const auto keys = scratch_ / "keys";
  const KeyPair added = make_key_pair();
  auto list = read_allow_list(keys / key_files::allow_list);
  list.push_back({Role::client, "new", added.public_key});
  write_allow_list(keys / key_files::allow_list, list);
  ClientSocket client(server.endpoint(), read_public_key(keys / key_files::coordinator_public),
                      added);
  client.send(Drain{});
  const auto incoming = server.receive(5s);
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->user, "new");
}

TEST_F(Sockets, RefuseAServerWithAnotherKey) {
  auto server = serve();
  const auto keys = scratch_ / "keys";
  ClientSocket client(server.endpoint(), make_key_pair().public_key,
                      read_secret_key(keys / key_files::client_secret));
  client.send(Drain{});
  EXPECT_FALSE(server.receive(300ms));
}

TEST_F(Sockets, TurnARefusalIntoItsError) {
  auto server = serve();
  auto client = connect(server);
  std::thread answering([&] {
    const auto incoming = server.receive(5s);
    if (incoming) server.send(incoming->address, Refused{ErrorKind::exhausted, "too much: 9"});
  });
  try {
    client.ask(Ask{}, 5s);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted);
    EXPECT_STREQ(error.what(), "too much: 9");
  }
  answering.join();
}

TEST_F(Sockets, FindTheServerAgainAfterItsRestart) {
  const std::string endpoint = "ipc://" + (scratch_ / "socket").string();
  auto server = std::make_unique<ServerSocket>(serve(endpoint));
  auto client = connect(*server);
  client.send(Drain{});
  ASSERT_TRUE(server->receive(5s));
  server.reset();
  server = std::make_unique<ServerSocket>(serve(endpoint));
  std::optional<ServerSocket::Incoming> heard;
  for (int i = 0; i < 50 && !heard; ++i) {
    client.send(Drain{});
    heard = server->receive(100ms);
  }
  EXPECT_TRUE(heard);
}

TEST_F(Sockets, NameAnEndpointThatIsTakenOrNone) {
  auto server = serve();
  try {
    serve(server.endpoint());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr(server.endpoint()));
  }
  EXPECT_THROW(serve("http://somewhere"), Error);
}

}  // namespace
}  // namespace paceline::wire
