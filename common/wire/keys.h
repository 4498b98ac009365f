#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::wire {

// A CURVE key pair, both halves as 40 characters of Z85.
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

KeyPair make_key_pair();

// A file of the secret half that only its owner can read; written with mode 0600, and refused as
// `invalid` when others may read it. The public half follows from it.
void write_secret_key(const std::filesystem::path& file, const KeyPair& keys);
KeyPair read_secret_key(const std::filesystem::path& file);
void write_public_key(const std::filesystem::path& file, std::string_view public_key);
std::string read_public_key(const std::filesystem::path& file);

// What the holder of a key may ask for.
enum class Role { worker, client };
std::string_view to_string(Role role);

struct AllowedKey {
  Role role = Role::client;
  std::string name;  // For logs.
  std::string public_key;
};

// One line each: "worker NAME PUBLIC-KEY" or "client NAME PUBLIC-KEY"; lines that start with '#'
// are comments. Throws `invalid` with file and line.
std::vector<AllowedKey> read_allow_list(const std::filesystem::path& file);
void write_allow_list(const std::filesystem::path& file, const std::vector<AllowedKey>& keys);

// The files of a key folder.
namespace key_files {
inline constexpr const char* coordinator_secret = "coordinator.key";
inline constexpr const char* coordinator_public = "coordinator.pub";
inline constexpr const char* worker_secret = "worker.key";
inline constexpr const char* client_secret = "client.key";
inline constexpr const char* allow_list = "allowed";
}  // namespace key_files

// Fills `folder` (created with mode 0700) with keys for a coordinator, its workers and its clients
// on one machine. What is there already is kept.
void make_key_folder(const std::filesystem::path& folder);

}  // namespace paceline::wire
