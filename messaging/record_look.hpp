// What nodes say when somebody asks all of them about one record, on the subject of the questions
// about the cluster; and what a result says of where it comes from. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/boot_id.hpp"
#include "domain/entry.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// A request that a node holds: delivered to it and not settled yet.
struct held_request {
  std::string by;               // the fetcher: its consumer and a number
  std::string stage;            // deciding, looking, failed, publishing
  std::uint64_t seq = 0;        // in the request stream
  std::uint64_t for_ms = 0;     // since it came, by the node's monotonic clock
  std::uint64_t deliveries = 0; // how often the broker had handed it out then
  std::uint64_t attempts = 0;   // failures of its own so far

  friend bool operator==(const held_request&, const held_request&) = default;
};

// How far a node has pulled the requests of one subject since it started.
struct pulled_subject {
  std::string subject;
  std::uint64_t to = 0; // the highest sequence in the request stream; 0: nothing yet

  friend bool operator==(const pulled_subject&, const pulled_subject&) = default;
};

// What the requests of an account wait for where its account is decided.
struct account_wait {
  std::string why; // blocked, slow, refused: it is set aside; commit, database: as others do
  std::uint64_t for_ms = 0; // the first of them

  friend bool operator==(const account_wait&, const account_wait&) = default;
};

// What one node says of a record.
struct record_look {
  boot_id boot{};
  std::string node;
  std::vector<held_request> held;
  std::vector<pulled_subject> pulled;
  // Of the account that was asked for, or of the one whose request is held. Nothing: it does not
  // wait here, or the node is of an earlier version.
  std::optional<account_wait> wait = std::nullopt;

  friend bool operator==(const record_look&, const record_look&) = default;
};

struct look_question {
  record_id record{};
  // Its account, where the asker knows it: a node may decide what another one holds.
  std::optional<account_key> account = std::nullopt;

  friend bool operator==(const look_question&, const look_question&) = default;
};

// {"question":"record","recordId":"4711"}: a number in JSON is exact to 53 bits only. With an
// account "userId" and "currency" stand beside it; nodes of earlier versions do not look at them.
std::string encode_look_question(const look_question& asked);

// Nothing for any other question.
std::optional<look_question> decode_look_question(std::string_view payload);

std::string encode_look(const record_look& look);

// Nothing for whatever is not such an answer: a node of an earlier version says something else.
// Unknown fields are ignored.
std::optional<record_look> decode_look(std::string_view payload);

// Whether the bytes of a request may name the record: cheap, so that the payloads of all others
// need not be read.
bool may_name(std::string_view payload, record_id id);

// What a result says of its request: its place in the request stream, and the node that held it.
struct result_origin {
  std::uint64_t seq = 0;
  std::string node;

  friend bool operator==(const result_origin&, const result_origin&) = default;
};

// As the header Ledgerd-Origin: `<sequence> <node>`.
void add_origin(outgoing& result, const result_origin& origin);

// Nothing when the result does not say, as those of earlier versions.
std::optional<result_origin> origin_of(const std::vector<header>& headers);

} // namespace ledgerd
