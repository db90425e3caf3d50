// The files that the HTTP server was given: the tokens, and its certificate with the key. They are
// read again on SIGHUP, and when they were replaced without a word, as Kubernetes does it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/base/certificate_validity.hpp"
#include "app/base/file_identity.hpp"
#include "app/config/http_settings.hpp"
#include "app/http/access.hpp"
#include "app/http/certificate.hpp"
#include "app/http/server.hpp"
#include "domain/log_throttle.hpp"

namespace ledgerd {

// What is read again and is faulty leaves things as they are; the log says so. Any thread.
class http_files {
public:
  // Reads them. Throws std::runtime_error.
  explicit http_files(const http_settings& settings);
  http_files(const http_files&) = delete;
  http_files& operator=(const http_files&) = delete;

  // Has the tokens of the moment.
  const std::shared_ptr<http_guard>& guard() const noexcept { return guard_; }

  // As it was read last; null without TLS.
  std::shared_ptr<http_certificate> certificate() const;

  // Of that one; nothing without TLS.
  std::optional<certificate_validity> validity() const;

  // `server` is told of each certificate that is read from now on, and lives until another one, or
  // null, is.
  void shown_by(http_server* server);

  // Reads all of them and says what was taken: tokens, certificate.
  std::vector<std::string> reload();

  // Reads those that have changed since they were last read, and again those that were faulty then,
  // such as a certificate whose key is replaced a moment later. One that is not there has not
  // changed, and one that is replaced while it is read is told of at the next look.
  void look();

private:
  using identities = std::vector<std::optional<file_identity>>;

  struct part {
    std::string name;
    const char* remains; // the end of a sentence, when they are faulty
    std::vector<std::string> paths;
    std::function<void()> read;
    identities seen = {};
    bool faulty = false;
  };

  static identities identities_of(const part& which);
  static bool is_due(const part& which, const identities& found);
  // The reason why not; empty: it is taken. `found` from before, so that what changes meanwhile
  // differs at the next look.
  static std::string read(part& which, identities found);
  void read_certificate();

  const http_settings settings_;
  std::shared_ptr<http_guard> guard_;
  mutable std::mutex mutex_;
  std::vector<part> parts_;
  std::shared_ptr<http_certificate> certificate_;
  http_server* server_ = nullptr;
  log_throttle complaints_; // of `look`
};

} // namespace ledgerd
