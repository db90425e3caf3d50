// The HTTP server's piece of the configuration, also for who asks a daemon over HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ledgerd {

// An address to listen on.
struct listen_address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080; // 0: any free one, for tests

  friend bool operator==(const listen_address&, const listen_address&) = default;
};

struct http_settings {
  // Where the API and the operations endpoints listen; nothing: off.
  std::optional<listen_address> http_listen = listen_address{};
  // A file with the bearer tokens of the HTTP API; empty: none are asked for, which only loopback
  // allows.
  std::string http_token_file;
  // The certificate that the server shows, with its chain, and its key; empty: HTTP without TLS.
  std::string http_tls_cert_file;
  std::string http_tls_key_file;
  // Requests a second that a token without a rate of its own may send, and all callers without a
  // token together; 0: no limit.
  unsigned http_rate_max = 0;

  // Whether nobody but processes of this machine can reach `http_listen`.
  bool listens_locally() const noexcept;
};

} // namespace ledgerd
