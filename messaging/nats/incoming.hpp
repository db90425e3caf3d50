// Reads what the broker sends: acknowledgement subjects, headers, PubAcks, statuses. Private to
// this room; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/nats/connection.hpp"
#include "messaging/ports.hpp"
#include "messaging/wire/header_block.hpp"

namespace ledgerd {

// What an acknowledgement subject says of the message it came with. The views point into the
// subject.
struct receipt_facts {
  std::string_view stream;
  std::string_view consumer;
  std::uint64_t deliveries = 0;
  std::uint64_t stream_seq = 0;
  std::uint64_t consumer_seq = 0;
  std::int64_t stored_at_ns = 0; // since 1970
  std::uint64_t pending = 0;     // matching messages after this one
};

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or the
// longer form with a domain and an account hash in front of the stream and, possibly, a token at
// the end. Anything else: nothing.
std::optional<receipt_facts> parse_receipt(std::string_view subject) noexcept;

// A whole number without sign, nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text) noexcept;

// The number at the end of a reply's subject; 0, which no request has, when there is none.
std::uint64_t reply_number(std::string_view subject) noexcept;

// The same of a reply to a second question, whose number has a mark before it; nothing when it is
// none.
inline constexpr char aside_mark = 'a';
std::optional<std::uint64_t> aside_number(std::string_view subject) noexcept;

// A PubAck. `error` is empty when the message is stored.
struct publish_answer {
  publish_outcome outcome = publish_outcome::unconfirmed;
  std::string error = {};
  std::string stream = {};            // that answers, as far as it says so
  std::string_view known_stream = {}; // instead of `stream` when it is one of the known ones
  std::uint64_t known_seq = 0;        // of the message that it has under this id already

  std::string_view stream_name() const noexcept {
    return known_stream.empty() ? std::string_view(stream) : known_stream;
  }
};

// The usual answer costs no memory when it comes from one of the `known` streams, whose names stay.
publish_answer parse_publish_answer(std::string_view json,
                                    std::span<const std::string_view> known = {});

// The largest message that a stream takes, of the answer to STREAM.INFO; nothing when the answer
// does not say or there is no limit.
std::optional<std::size_t> parse_message_limit(std::string_view json);

// The payload of the message in an answer to STREAM.MSG.GET; empty when there is none.
std::string parse_known_payload(std::string_view json);

// The JetStream error of an API answer, as a sentence; empty when there is none.
std::string parse_api_error(std::string_view json, int& error_code);

// The block of headers of a received message, as it came; empty: it has none. It is gone with the
// message. Nothing else may ask the library of a received message's headers: it would write into
// the block.
std::string_view header_block_of(const nats_message* message) noexcept;

// The headers of a received message; see parse_headers.
std::vector<header> copy_headers(const nats_message* message, header_choice which);

// One header's value; empty when there is none.
std::string_view header_value(const nats_message* message, std::string_view name) noexcept;

// What the broker says instead of a message: a number of three digits, and what it means.
struct status_line {
  std::string_view code; // empty: none
  std::string_view description;
};
status_line status_of(const nats_message* message) noexcept;

// The answer of a broker that has nobody to ask.
bool is_no_responders(const nats_message* message) noexcept;

std::string_view subject_of(const nats_message* message) noexcept;
std::string_view reply_of(const nats_message* message) noexcept;
std::string_view payload_of(const nats_message* message) noexcept;

struct message_deleter {
  void operator()(nats_message* message) const noexcept;
};
using message_ptr = std::unique_ptr<nats_message, message_deleter>;

} // namespace ledgerd
