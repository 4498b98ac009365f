#include "common/store/url.h"

#include <algorithm>
#include <charconv>

#include "common/base/error.h"

namespace paceline::store {
namespace {

constexpr std::string_view remedy = "give a file, sqlite:FILE or postgresql://user@host:port/database";

bool is_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

void check_port(std::string_view host, std::string_view url) {
  if (host.ends_with(']')) return;  // [::1]
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos) return;
  const std::string_view port = host.substr(colon + 1);
  int number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  if (!is_digits(port) || port.size() > 5 || number < 1 || number > 65535) {
    throw invalid("store URL has a bad port, give 1 to 65535: {} in {}", port, url);
  }
}

// "a=1&password=x" without its password.
std::string without_password(std::string_view parameters) {
  std::string kept;
  while (!parameters.empty()) {
    const std::string_view one = parameters.substr(0, parameters.find('&'));
    parameters.remove_prefix(std::min(parameters.size(), one.size() + 1));
    if (one.starts_with("password=")) continue;
    kept += (kept.empty() ? "" : "&") + std::string(one);
  }
  return kept;
}

PostgresUrl parse_postgres(std::string_view url, std::string_view rest) {
  const auto question = rest.find('?');
  const std::string_view place = rest.substr(0, question);
  const std::string_view parameters =
      question == std::string_view::npos ? "" : rest.substr(question + 1);
  const std::string_view authority = place.substr(0, place.find('/'));
  const std::string_view path = place.substr(authority.size());
  const auto at = authority.rfind('@');
  const std::string_view user_and_password =
      at == std::string_view::npos ? "" : authority.substr(0, at);
  const std::string_view user = user_and_password.substr(0, user_and_password.find(':'));
  const std::string_view host =
      at == std::string_view::npos ? authority : authority.substr(at + 1);

  std::string shown = "postgresql://";
  if (!user.empty()) shown += std::string(user) + "@";
  shown += std::string(host) + std::string(path);
  if (const std::string kept = without_password(parameters); !kept.empty()) shown += "?" + kept;
  check_port(host, shown);
  if (path.size() < 2 && parameters.find("dbname=") == std::string_view::npos) {
    throw invalid("store URL names no database, end it with /NAME: {}", shown);
  }
  return {std::string(url), shown};
}

}  // namespace

std::variant<SqliteUrl, PostgresUrl> parse_store_url(std::string_view url) {
  for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
    if (url.starts_with(scheme)) return parse_postgres(url, url.substr(scheme.size()));
  }
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
    throw invalid("store URL has an unknown scheme, {}: {}", remedy, url.substr(0, scheme + 3));
  }
  if (url.starts_with("postgresql:") || url.starts_with("postgres:")) {
    throw invalid("store URL lacks // after its scheme, {}", remedy);
  }
  if (url.starts_with("sqlite:")) url.remove_prefix(7);
  if (url.empty()) throw invalid("store URL is empty, {}", remedy);
  return SqliteUrl{std::string(url)};
}

}  // namespace paceline::store
