// The certificate that the HTTP server shows.
#pragma once

#include <memory>
#include <string>

#include "app/base/certificate_validity.hpp"
#include "app/config/http_settings.hpp"

namespace ledgerd {

// A certificate with its chain and key, as they were when they were read. Immutable; any thread.
class http_certificate;

// That of the configuration; null when it names none, which is HTTP without TLS. Throws
// std::runtime_error that names the file and what is wrong with it.
std::shared_ptr<http_certificate> read_http_certificate(const http_settings& settings);

// From when to when all of its chain holds.
certificate_validity shown_validity(http_certificate& certificate);

// The digest of the certificate's public key as libcurl pins one: by it a client on this machine
// knows its own server, whatever address it listens on. Throws likewise.
std::string public_key_pin(const std::string& certificate_file);

} // namespace ledgerd
