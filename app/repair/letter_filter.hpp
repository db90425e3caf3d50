// Which letters are meant: the conditions that the verbs, the query of a call and its body have in
// common, under one name each.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/repair/letter.hpp"

namespace ledgerd {

struct filter_name {
  std::string_view name; // --name, ?name=, {"filter": {"name": ...}}
  std::string_view unit;
  std::string_view help;
};

// All of them, in the order in which they are shown.
std::span<const filter_name> filter_names();

// RFC 3339, such as 2026-11-24T07:32:46Z or 2026-11-24 (its first moment, in UTC), or a duration
// such as 30m, which is so long before `now_ns`; in nanoseconds since 1970.
std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_ns);

// An empty one means all letters.
class letter_filter {
public:
  // Sets one condition. Returns the rule that is broken, as the end of a sentence that begins with
  // the condition's name; nothing when all is well.
  std::optional<std::string> set(std::string_view name, std::string_view value,
                                 std::int64_t now_ns);

  bool empty() const noexcept { return set_.empty(); }

  // Whether it asks what can be told by the payload alone, or by what was replayed.
  bool needs_content() const noexcept { return record_ || user_ || currency_; }
  bool needs_replays() const noexcept { return replayed_.has_value(); }

  // No letter that was stored before this is meant.
  std::int64_t since_ns() const noexcept { return since_ns_; }

  // Reads the letter's payload when it needs to. `replays` tells how often the letter of a sequence
  // number was replayed; not called unless `needs_replays`.
  bool matches(dead_letter& letter,
               const std::function<std::uint64_t(std::uint64_t)>& replays) const;

  // The conditions that were set, for people: reason=INVALID_FIELD text=currency
  std::string to_text() const;

private:
  bool matches_headers(const dead_letter& letter) const;
  bool has_text(const stored_message& message) const;

  std::vector<std::pair<std::string, std::string>> set_;
  std::string reason_;
  std::string cause_;
  std::string subject_; // of the original, whole or its last token
  std::string text_;    // in lower case
  std::optional<std::string> user_;
  std::optional<std::string> currency_;
  std::optional<record_id> record_;
  std::optional<bool> replayed_;
  std::int64_t since_ns_ = 0;
  std::int64_t until_ns_ = INT64_MAX;
};

} // namespace ledgerd
