// A dead letter as people look at it: what its headers say, and what can be read of its payload.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/entry.hpp"
#include "messaging/broker.hpp"

namespace ledgerd {

// What stands in the payload, as it is written there; nothing of it need be right.
struct letter_content {
  std::optional<record_id> record; // valid ones only
  std::optional<std::string> user;
  std::optional<std::string> currency;
  std::optional<std::string> type;
  std::optional<std::string> amount;
};

// All empty when the payload is no JSON object. Of a field that is given twice, the first.
letter_content content_of(std::string_view payload);

struct dead_letter {
  stored_message message; // the whole of it
  std::string reason;
  std::string detail;
  std::string stream;   // of the original,
  std::string sequence; // its place there, and its subject
  std::string subject;
  std::string deliveries;
  std::string node;
  std::string cause;                       // see letter_groups.hpp
  std::optional<std::uint64_t> full_bytes; // of a payload that was cut
  std::optional<std::uint64_t> replay_of;  // the letter whose replay has led to this one
  std::optional<record_id> account_record; // of the account side, as its mark says
  letter_content content;                  // empty until `read_content`
  std::optional<record_id> left_record;    // of an edited one: the record that it had ended before

  std::uint64_t seq() const noexcept { return message.seq; }
};

// What the headers say; missing ones are empty texts.
dead_letter read_letter(stored_message message);

// Reading payloads is what costs among many letters.
void read_content(dead_letter& letter);

// At most so many bytes are shown of one text, and of all headers of a letter on a page.
inline constexpr std::size_t shown_text_max = 512;
inline constexpr std::size_t shown_headers_max = 4096;

// Cuts every text beside the payload, and leaves out what is over of the headers: a page has a
// bound then, whatever somebody has published.
void cut_texts(dead_letter& letter);

// The value of a header, or an empty text.
std::string_view value_of(const stored_message& message, std::string_view name);

// A whole number in decimal, or nothing.
std::optional<std::uint64_t> number_of(std::string_view text);

} // namespace ledgerd
