// How a node presents itself to whoever asks which services there are: the answers of the NATS
// micro protocol (io.nats.micro.v1), so that `nats micro ls` and the official clients find it. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/boot_id.hpp"

namespace ledgerd {

namespace names {
// Where whoever looks for services asks: $SRV.PING, $SRV.INFO.ledgerd, $SRV.STATS.ledgerd.<boot
// id>.
inline constexpr std::string_view service_prefix = "$SRV.";
inline constexpr std::string_view service_name = "ledgerd";
} // namespace names

enum class service_question : std::uint8_t { ping, info, stats };

// What `subject` asks of the node `self`; nothing for what is asked of another one, and all else.
std::optional<service_question> read_service_question(std::string_view subject, boot_id self);

// What a node subscribes to for them, with wildcards for what is asked, and of whom.
std::vector<std::string> service_subjects();

struct service_identity {
  boot_id boot;
  std::string version; // semantic
  std::string node;    // its name
  bool ledger = false; // the roles
  bool account = false;
  std::int64_t started_us = 0; // since 1970
};

// One subject that a node answers, and what came there since it started.
struct service_endpoint {
  std::string_view subject;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;       // answered with a problem
  std::string last_error;         // 404:NOT_FOUND; empty: none yet
  std::int64_t processing_ns = 0; // from the arrival to the answer, of all together
};

// The subjects that a node with these roles answers, without their counts.
std::vector<service_endpoint> service_endpoints(bool ledger, bool account);

std::string encode_service(service_question asked, const service_identity& self,
                           const std::vector<service_endpoint>& endpoints);

} // namespace ledgerd
