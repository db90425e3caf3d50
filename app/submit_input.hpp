// Requests to submit: from flags, or line by line from a file.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "domain/currency.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// One request given by flags.
struct request_fields {
  std::string user;
  std::string type;
  std::string amount;
  std::string currency; // empty: not given
  std::int64_t record_id = 0;
};

// The payload, with the amount as a string: exactly what was typed.
std::string request_payload(const request_fields& fields);

// The message for a payload: its subject follows its `type`; without a valid one it is a deposit.
// In raw mode an object with the texts `subject` and `payload` is sent as they say.
outgoing make_request(std::string payload, bool raw);

// Sets the message id request-<recordId> when the payload has a record id.
void add_message_id(outgoing& message);

// Throws usage_error naming `where`, the field and the rule when the ledger would park the message.
void validate(const outgoing& message, const currency_table& currencies, const request_rules& rules,
              std::string_view where);

// Reads a file of requests, one JSON object a line; empty lines are skipped.
class request_file {
public:
  // Throws usage_error when the file cannot be read.
  request_file(std::string path, bool raw);

  std::optional<outgoing> next();

  // The number of the line that `next` returned last, as "PATH:LINE".
  std::string where() const;

private:
  std::string path_;
  bool raw_;
  std::ifstream stream_;
  std::uint64_t line_ = 0;
};

} // namespace ledgerd
