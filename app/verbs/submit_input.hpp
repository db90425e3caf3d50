// Requests to submit: from flags, or line by line from a file or pipe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/currency.hpp"
#include "messaging/codec.hpp"
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

// Reads requests, one JSON object a line, once from the beginning to the end: from a file, a pipe,
// a FIFO or standard input ("-"). Blank lines and a byte-order mark are skipped.
class request_lines {
public:
  // Throws usage_error when it cannot be opened, or is a directory.
  request_lines(std::string path, bool raw);
  request_lines(const request_lines&) = delete;
  request_lines& operator=(const request_lines&) = delete;
  ~request_lines();

  enum class step { message, nothing_yet, end };

  // Waits a tenth of a second for input at most. Throws std::runtime_error when it cannot be read,
  // and usage_error for a line that is too long.
  step next(outgoing& message);

  // Whether it is a file that can be read again, and that.
  bool is_file() const noexcept { return is_file_; }
  void rewind();

  // The number of the line that `next` returned last, as "PATH:LINE".
  std::string where() const;

private:
  bool take_line(std::string& line);
  bool fill();

  std::string path_;
  bool raw_;
  int descriptor_ = -1;
  bool is_file_ = false;
  bool at_end_ = false;
  std::string buffer_;    // read and not yet returned
  std::size_t begin_ = 0; // of the next line in it
  std::size_t seen_ = 0;  // up to here it holds no line end
  std::uint64_t line_ = 0;
};

} // namespace ledgerd
