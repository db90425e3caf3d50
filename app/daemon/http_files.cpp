#include "app/daemon/http_files.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "actors/common/log.hpp"

namespace ledgerd {

namespace {

constexpr auto complaint_pause = std::chrono::hours{1};

} // namespace

http_files::http_files(const http_settings& settings)
    : settings_(settings), complaints_(complaint_pause) {
  if (!settings_.http_token_file.empty())
    parts_.push_back(
        {"tokens", "the tokens stay as they were", {settings_.http_token_file}, [this] {
           guard_->replace(read_http_access(settings_));
         }});
  if (settings_.http_listen && !settings_.http_tls_cert_file.empty())
    parts_.push_back({"certificate",
                      "the certificate stays as it was",
                      {settings_.http_tls_cert_file, settings_.http_tls_key_file},
                      [this] { read_certificate(); }});
  for (auto& each : parts_)
    each.seen = identities_of(each);
  guard_ = std::make_shared<http_guard>(read_http_access(settings_));
  if (settings_.http_listen)
    certificate_ = read_http_certificate(settings_);
}

std::shared_ptr<http_certificate> http_files::certificate() const {
  const std::lock_guard lock{mutex_};
  return certificate_;
}

std::optional<certificate_validity> http_files::validity() const {
  const auto shown = certificate();
  if (!shown)
    return std::nullopt;
  return shown_validity(*shown);
}

void http_files::shown_by(http_server* server) {
  const std::lock_guard lock{mutex_};
  server_ = server;
}

void http_files::read_certificate() {
  certificate_ = read_http_certificate(settings_);
  if (server_ != nullptr)
    server_->show(certificate_);
}

http_files::identities http_files::identities_of(const part& which) {
  identities found;
  for (const auto& path : which.paths)
    found.push_back(identity_of(path));
  return found;
}

bool http_files::is_due(const part& which, const identities& found) {
  return std::find(found.begin(), found.end(), std::nullopt) == found.end()
         && (which.faulty || found != which.seen);
}

std::string http_files::read(part& which, identities found) {
  which.seen = std::move(found);
  try {
    which.read();
    which.faulty = false;
    return {};
  } catch (const std::exception& e) {
    which.faulty = true;
    return e.what();
  }
}

std::vector<std::string> http_files::reload() {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> taken;
  for (auto& each : parts_)
    if (const auto why = read(each, identities_of(each)); why.empty())
      taken.push_back(each.name);
    else
      log(log_event::reload_failed, {{"why", why}}, "reload: {}; {}", why, each.remains);
  return taken;
}

void http_files::look() {
  const std::lock_guard lock{mutex_};
  for (auto& each : parts_) {
    const auto found = identities_of(each);
    if (!is_due(each, found))
      continue;
    const auto why = read(each, found);
    if (!why.empty() && identities_of(each) != each.seen)
      continue; // replaced while it was read: the next look tells
    if (why.empty())
      log(log_event::config_reloaded, "reloaded: {}", each.name);
    else if (const auto more = complaints_.admit(why, std::chrono::steady_clock::now()))
      log(log_event::reload_failed, {{"why", why}}, "reload: {}; {}{}", why, each.remains,
          left_out_text(*more));
  }
}

} // namespace ledgerd
