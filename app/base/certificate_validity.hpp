// From when to when certificates hold. Any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

struct x509_st; // the library's own

namespace ledgerd {

struct certificate_validity {
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;

  friend bool operator==(const certificate_validity&, const certificate_validity&) = default;
};

// What a file of certificates (PEM) is for.
enum class certificate_use {
  chain,       // shown to a peer: holds as long as each of them does
  authorities, // believed: holds as long as any of them does
};

// Of one certificate.
certificate_validity validity_of(const x509_st& certificate);

// Of two that are used together. Pure.
certificate_validity joined(const certificate_validity& one, const certificate_validity& other,
                            certificate_use use) noexcept;

// Of all that a file holds; nothing when it holds none that can be read.
std::optional<certificate_validity> read_validity(const std::string& file, certificate_use use);

enum class certificate_state { holds, ends_soon, expired, not_yet };

// Soon: within this time. Pure.
certificate_state state_of(const certificate_validity& validity, std::chrono::sys_seconds now,
                           std::chrono::seconds soon) noexcept;

// The end of a sentence whose subject is the certificate. Pure.
std::string describe(const certificate_validity& validity, std::chrono::sys_seconds now);

// 2026-11-24T07:32:46Z. Pure.
std::string to_text(std::chrono::sys_seconds time);

} // namespace ledgerd
