#include "common/wire/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline::wire {

namespace {

constexpr std::size_t key_characters = 40;

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

bool is_key(const std::string& text) {
  std::array<std::uint8_t, 32> bytes;
  return text.size() == key_characters && ::zmq_z85_decode(bytes.data(), text.c_str()) != nullptr;
}

std::string read_key(const std::filesystem::path& file) {
  const std::string text = trimmed(read_text_file(file));
  if (!is_key(text)) {
    throw invalid("key file without a key of {} Z85 characters: {}", key_characters, file.string());
  }
  return text;
}

// Created with its mode, so that no one can open it in between.
void write_private_file(const std::filesystem::path& file, std::string_view text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    throw invalid("cannot create key file, {}: {}", std::strerror(errno), file.string());
  }
  const ssize_t written = ::write(descriptor, text.data(), text.size());
  const bool is_closed = ::close(descriptor) == 0;
  if (written != static_cast<ssize_t>(text.size()) || !is_closed) {
    throw unavailable("cannot write key file, is the disk full? {}", file.string());
  }
}

AllowedKey parse_allowed(const std::string& line, const std::filesystem::path& file, int number) {
  std::istringstream words(line);
  std::string role, name, key, rest;
  words >> role >> name >> key;
  const bool is_role = role == to_string(Role::worker) || role == to_string(Role::client);
  if (!is_role || !is_key(key) || (words >> rest)) {
    throw invalid("expected 'worker NAME KEY' or 'client NAME KEY', {}:{}: {}", file.string(),
                  number, line);
  }
  return {role == to_string(Role::worker) ? Role::worker : Role::client, name, key};
}

}  // namespace

KeyPair make_key_pair() {
  std::array<char, key_characters + 1> public_key, secret_key;
  check(::zmq_curve_keypair(public_key.data(), secret_key.data()) == 0, "libzmq with CURVE");
  return {public_key.data(), secret_key.data()};
}

void write_secret_key(const std::filesystem::path& file, const KeyPair& keys) {
  write_private_file(file, keys.secret_key + "\n");
}

KeyPair read_secret_key(const std::filesystem::path& file) {
  struct stat status;
  if (::stat(file.c_str(), &status) != 0) {
    throw invalid("no key file, {}: {}", std::strerror(errno), file.string());
  }
  if ((status.st_mode & 077) != 0) {
    throw invalid("key file that others may read, run chmod 600: {}", file.string());
  }
  const std::string secret = read_key(file);
  std::array<char, key_characters + 1> public_key;
  check(::zmq_curve_public(public_key.data(), secret.c_str()) == 0, "libzmq with CURVE");
  return {public_key.data(), secret};
}

void write_public_key(const std::filesystem::path& file, std::string_view public_key) {
  write_file_atomically(file, std::string(public_key) + "\n");
}

std::string read_public_key(const std::filesystem::path& file) { return read_key(file); }

std::string_view to_string(Role role) { return role == Role::worker ? "worker" : "client"; }

std::vector<AllowedKey> read_allow_list(const std::filesystem::path& file) {
  std::istringstream lines(read_text_file(file));
  std::vector<AllowedKey> keys;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = trimmed(line);
    if (!line.empty() && line[0] != '#') keys.push_back(parse_allowed(line, file, number));
  }
  return keys;
}

void write_allow_list(const std::filesystem::path& file, const std::vector<AllowedKey>& keys) {
  std::ostringstream text;
  for (const AllowedKey& key : keys) {
    text << to_string(key.role) << ' ' << key.name << ' ' << key.public_key << '\n';
  }
  write_file_atomically(file, text.str());
}

void make_key_folder(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  const auto make = [&](const char* name) {
    const auto file = folder / name;
    if (!std::filesystem::exists(file)) write_secret_key(file, make_key_pair());
    return read_secret_key(file).public_key;
  };
  write_public_key(folder / key_files::coordinator_public, make(key_files::coordinator_secret));
  const std::string worker = make(key_files::worker_secret);
  const std::string client = make(key_files::client_secret);
  const auto list = folder / key_files::allow_list;
  if (std::filesystem::exists(list)) return;
  write_allow_list(list, {{Role::worker, "local", worker}, {Role::client, "local", client}});
}

}  // namespace paceline::wire
