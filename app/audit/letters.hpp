// The dead letters as an audit needs them: which message each stands for, and which people have
// dealt with.
//
// Pure. Keeps about 100 bytes for a dead letter. Any thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit/findings.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

// Sixteen bytes that stand for a message's subject and payload. Equal within a process only.
struct digest {
  std::uint64_t a = 0;
  std::uint64_t b = 0;

  friend auto operator<=>(const digest&, const digest&) = default;
};

digest digest_of(std::string_view subject, std::string_view payload) noexcept;

// Nothing when the header is missing.
std::optional<std::string_view> header_of(const stored_message& message, std::string_view name);

// message 7 of TRANSACTIONS, for details.
std::string message_text(std::string_view stream, std::uint64_t seq);

class letter_book {
public:
  // A message of the requests' or results' stream: of today's one if `stored_at_ns` is 0, or of
  // whichever one keeps the message that was stored then under that number. A letter whose original
  // was in an earlier stream of that name stands for no message of today's.
  struct original {
    bool from_results;
    std::uint64_t seq;
    std::int64_t stored_at_ns;

    friend auto operator<=>(const original&, const original&) = default;
  };

  struct parked_letter {
    original of;
    std::uint64_t own; // its own sequence number
    dead_reason reason;
    bool blames_currency;
    digest payload;
    std::size_t kept_bytes; // of the payload
    std::size_t full_bytes;
  };

  // `findings` outlives this object.
  explicit letter_book(finding_list& findings) : findings_(findings) {}

  // First what the streams are, then all dead letters and actions, then the questions.
  void streams(const stream_state& requests, const stream_state& results,
               const stream_state& letters);
  void dead_letter(const stored_message& message);
  // Letters up to this sequence were judged before: what is wrong with them has been found.
  void judged_up_to(std::uint64_t seq) noexcept { judged_up_to_ = seq; }
  void action(const stored_message& message);

  // Those of a message of today's streams, which is asked for once.
  std::vector<parked_letter> of(bool from_results, const stored_message& message);

  // Whether somebody has discarded or replayed the letter: then it need not be there.
  bool is_accounted(bool from_results, const stored_message& message) const;

  // Whether the stream of dead letters still holds everything that was parked from this time on.
  // What it lacks then was deleted by hand.
  bool reaches_back_to(std::int64_t stored_at_ns) const noexcept;

  // Whether payload and subject are the original's; a finding if not.
  void compare(const stored_message& with, const parked_letter& parked);

  std::uint64_t count() const noexcept { return count_; }

private:
  // Nothing when the message id does not name the original, which is a fault of the letter's; an
  // empty inner value when that cannot be in today's streams.
  std::optional<std::optional<original>> original_of(const stored_message& letter) const;
  std::optional<std::string> fault_of(const stored_message& message) const;
  void find(finding_kind kind, const stored_message& letter, const std::string& detail);

  finding_list& findings_;
  stream_state request_stream_;
  stream_state result_stream_;
  stream_state letter_stream_;
  std::int64_t first_letter_at_ns_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t judged_up_to_ = 0;
  std::vector<parked_letter> letters_; // by original once `sorted_`
  bool sorted_ = false;
  std::set<original> accounted_;
};

} // namespace ledgerd
