// What JetStream answers to questions about streams, consumers and stored messages. Private to this
// room; pure; any thread. None of these throws on any text: what is missing or of another type than
// it should be counts as 0, empty or off.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/broker.hpp"

namespace ledgerd {

// Numbers of the errors we tell apart.
inline constexpr int api_unavailable = 10008; // no server leads what is asked for
inline constexpr int api_stream_offline = 10118;
inline constexpr int api_consumer_offline = 10119;
inline constexpr int api_stream_offline_since = 10194; // with the reason
inline constexpr int api_consumer_offline_since = 10195;
inline constexpr int api_stream_not_found = 10059;
inline constexpr int api_stream_name_in_use = 10058;
inline constexpr int api_consumer_not_found = 10014;
inline constexpr int api_message_not_found = 10037;
inline constexpr int api_consumer_name_in_use = 10013;
inline constexpr int api_consumer_already_exists = 10105;
inline constexpr int api_id_in_process = 10158; // another message of this id is being stored

// RFC 3339 in UTC, as Go writes it: nanoseconds since 1970. 0 for what is none, or lies outside the
// years that 64 bits of nanoseconds hold (1678 to 2261).
std::int64_t parse_time(std::string_view text) noexcept;

// When the stream was made, from an answer to STREAM.INFO: nanoseconds since 1970, 0 when there is
// no such stream, nothing when the answer does not say.
std::optional<std::int64_t> parse_creation_time(std::string_view json);

// The server that leads a stream or consumer, from an answer to STREAM.INFO, CONSUMER.INFO or
// CONSUMER.CREATE; empty where there is no cluster.
std::string parse_leader(std::string_view json);

// Whether a server that keeps a copy has answered because it knows of nobody who leads the stream:
// what it says may be older than what is stored.
bool parse_leaderless(std::string_view json);

// Stands in `stream_state::weak_copies` for a copy that no server has been given.
inline constexpr std::string_view no_server = "no server";

// The name of the cluster that keeps it, from an answer to STREAM.INFO or CONSUMER.INFO; empty
// where there is none.
std::string parse_cluster(std::string_view json);

// STREAM.INFO, CONSUMER.INFO and STREAM.MSG.GET, answered without an error.
stream_state parse_stream_state(std::string_view json);
consumer_state parse_consumer_state(std::string_view json);
stored_message parse_stored_message(std::string_view json);

// One page of CONSUMER.NAMES.
struct consumer_page {
  std::vector<std::string> names;
  std::uint64_t total = 0;
};
consumer_page parse_consumer_page(std::string_view json);

// What an account has used of what it may, in all its streams or in those of one tier. A limit of 0
// is none.
struct account_use {
  std::string tier; // such as R3: of streams with three replicas; empty: of all
  std::uint64_t storage = 0;
  std::uint64_t storage_max = 0; // bytes
  std::uint64_t streams = 0;
  std::uint64_t streams_max = 0;
  std::uint64_t consumers_max = 0; // of one stream
};

// An answer to INFO: one for each tier, or for the account when it has none.
std::vector<account_use> parse_account_use(std::string_view json);

// An answer to STREAM.INFO; no consumers when there is no such stream.
struct stream_use_of_account {
  std::uint64_t consumers = 0;
  std::string tier; // it counts in this one, if the account has tiers
};
stream_use_of_account parse_stream_use(std::string_view json);

// A sentence for each limit of which nine tenths or more are used; of consumers, for one stream,
// empty when fewer are.
std::vector<std::string> tight_limits(const std::vector<account_use>& account);
std::string tight_consumers(const std::vector<account_use>& account, std::string_view stream,
                            const stream_use_of_account& of);

} // namespace ledgerd
