// Where the servers are: the pieces of the configuration for whoever connects to one.
#pragma once

#include <string>

namespace ledgerd {

// Holds secrets.
struct broker_settings {
  // One URL or several, comma-separated.
  std::string nats_url = "nats://127.0.0.1:4222";
  // The file that `nats_url` came from, which is read again for each new connection; empty: none.
  std::string nats_url_file;
  // A file with the user's JWT and seed; empty: none.
  std::string nats_creds_file;
  // Where answers over NATS may go beside `_INBOX.`: the beginning of the inboxes of clients that
  // have one of their own; empty: nowhere else.
  std::string nats_reply_prefix;
  // The authorities that sign the servers' certificates, beside those of this machine, and the
  // certificate and key of this client; empty: none. Only with tls:// in the URL.
  std::string nats_ca_file;
  std::string nats_cert_file;
  std::string nats_key_file;
  // Where JetStream is asked; at most one of the two, none: under $JS.API.
  std::string nats_js_domain;
  std::string nats_js_api_prefix;
};

// Holds secrets.
struct database_settings {
  // The database of schema `ledger`; empty: not configured.
  std::string database_url;
  // The database of schema `account`; empty: the same as `database_url`.
  std::string account_database_url;
  // The files that the two URLs were read from, to be read again for each new connection; empty:
  // they came from elsewhere.
  std::string database_url_file;
  std::string account_database_url_file;

  // The database of schema `account`.
  const std::string& records_url() const noexcept {
    return account_database_url.empty() ? database_url : account_database_url;
  }
};

} // namespace ledgerd
