#include "messaging/nats/setting_rules.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "messaging/nats/pull_book.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;
using namespace std::chrono_literals;

enum class verdict : std::uint8_t { warn, refuse };

// What a row looks at.
struct looked_at {
  const json& config;
  const json& value; // null when the field is left out
  const judging& how;
};

using predicate = bool (*)(const looked_at&);

// One row of a table. A field may have several: the first one whose `fine` says no speaks.
struct judged_setting {
  std::string_view field;
  unsigned where; // bits of stream_use; for consumers `everywhere`
  predicate fine;
  verdict otherwise;
  std::string_view sentence; // after "<field> is <value>: "
};

constexpr unsigned requests = static_cast<unsigned>(stream_use::requests);
constexpr unsigned results = static_cast<unsigned>(stream_use::results);
constexpr unsigned letters = static_cast<unsigned>(stream_use::dead_letters);
constexpr unsigned announcements = static_cast<unsigned>(stream_use::announcements);
constexpr unsigned kept = requests | announcements; // to be read, each of them, by us
constexpr unsigned everywhere = requests | results | letters | announcements;

constexpr std::int64_t hour_ns = std::chrono::nanoseconds(1h).count();
constexpr std::int64_t minute_ns = std::chrono::nanoseconds(1min).count();

const json& at(const json& config, std::string_view key) {
  static const json nothing;
  const auto found = config.find(key);
  return found != config.end() ? *found : nothing;
}

std::int64_t number(const json& value) {
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string_view text(const json& value) {
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                           : std::string_view();
}

bool flag(const json& value) {
  return value.is_boolean() && value.get<bool>();
}

bool is_off(const json& value) {
  if (value.is_number())
    return value == 0;
  return value.is_boolean()  ? !value.get<bool>()
         : value.is_string() ? text(value).empty()
                             : value.empty();
}

bool anything(const looked_at&) {
  return true;
}

bool off(const looked_at& it) {
  return is_off(it.value);
}

bool unlimited(const looked_at& it) {
  return number(it.value) <= 0;
}

template <std::int64_t Least>
bool unlimited_or_at_least(const looked_at& it) {
  return number(it.value) <= 0 || number(it.value) >= Least;
}

bool discards_new(const looked_at& it) {
  return number(it.value) <= 0 || text(at(it.config, "discard")) == "new";
}

// nats-server before 2.10, which reports no compression, counts bytes differently when it refuses
// and when it trims: it deletes what it has acknowledged. With replicas it may lose the same.
template <std::int64_t Most>
bool at_most_or_newer(const looked_at& it) {
  return number(it.value) <= Most || it.config.contains("compression");
}

// Discard new does not go for this limit unless a flag of its own says so.
bool discards_new_per_subject(const looked_at& it) {
  return discards_new(it)
         && (number(it.value) <= 0 || flag(at(it.config, "discard_new_per_subject")));
}

bool is_limits(const looked_at& it) {
  return text(it.value) == "limits";
}

bool is_file(const looked_at& it) {
  return text(it.value) == "file";
}

bool is_odd(const looked_at& it) {
  return number(it.value) == 0 || number(it.value) % 2 == 1;
}

bool is_synchronous(const looked_at& it) {
  return text(it.value) != "async";
}

constexpr std::string_view pushes_out =
    "the oldest messages would be deleted unread while discard is old; use discard new or no limit";
constexpr std::string_view fills_up =
    "once it is full, nothing more is stored and the daemon waits; raise the limit in time or "
    "purge what is old";
constexpr std::string_view expires =
    "what is not read within that time is deleted unread; leave it at 0 or keep outages shorter";

// Every field of a stream's configuration.
constexpr auto stream_settings = std::to_array<judged_setting>({
    {"name", everywhere, anything, verdict::warn, ""},
    {"description", everywhere, anything, verdict::warn, ""},
    {"metadata", everywhere, anything, verdict::warn, ""},
    {"subjects", everywhere, anything, verdict::warn, ""}, // judged apart
    {"placement", everywhere, anything, verdict::warn, ""},
    {"compression", everywhere, anything, verdict::warn, ""},
    {"allow_direct", everywhere, anything, verdict::warn, ""},
    {"mirror_direct", everywhere, anything, verdict::warn, ""},
    {"allow_atomic", everywhere, anything, verdict::warn, ""},
    {"allow_batched", everywhere, anything, verdict::warn, ""},
    {"discard", everywhere, anything, verdict::warn, ""}, // with the limits
    {"discard_new_per_subject", everywhere, anything, verdict::warn, ""},
    {"first_seq", everywhere, anything, verdict::warn, ""},
    {"deny_purge", everywhere, anything, verdict::warn, ""},
    {"template_owner", everywhere, anything, verdict::warn, ""},
    {"retention", everywhere, is_limits, verdict::refuse,
     "messages would be deleted once they are acknowledged; it must be limits"},
    {"storage", everywhere, is_file, verdict::refuse,
     "a restart of the broker would lose all messages; it must be file"},
    {"no_ack", everywhere, off, verdict::refuse,
     "nothing published could be known to be stored; it must be false"},
    {"sealed", everywhere, off, verdict::refuse,
     "the stream takes no messages any more; make another one"},
    {"mirror", everywhere, off, verdict::refuse,
     "a mirror takes no messages but those of the stream it copies; it must be a stream of its "
     "own"},
    {"subject_transform", everywhere, off, verdict::refuse,
     "messages would be stored under other subjects and reach no consumer; remove it"},
    {"allow_msg_counter", everywhere, off, verdict::refuse,
     "the stream takes nothing but counters; it must be false"},
    {"persist_mode", kept | letters, is_synchronous, verdict::refuse,
     "what the broker has confirmed would be lost when it is killed; use the default"},
    {"persist_mode", results, is_synchronous, verdict::warn,
     "results that were confirmed are lost when the broker is killed; use the default"},
    {"max_msgs", kept, discards_new, verdict::refuse, pushes_out},
    {"max_msgs", kept, unlimited, verdict::warn, fills_up},
    {"max_msgs", results | letters, discards_new, verdict::warn,
     "the oldest messages are deleted when it is full, read or not; use no limit to keep them"},
    {"max_msgs", results | letters, unlimited, verdict::warn, fills_up},
    {"max_bytes", kept, discards_new, verdict::refuse, pushes_out},
    {"max_bytes", kept, at_most_or_newer<0>, verdict::refuse,
     "nats-server before 2.10 deletes the oldest messages unread although discard is new; use "
     "max_msgs, no limit, or a newer server"},
    {"max_bytes", kept, unlimited, verdict::warn, fills_up},
    {"max_bytes", results | letters, discards_new, verdict::warn,
     "the oldest messages are deleted when it is full, read or not; use no limit to keep them"},
    {"max_bytes", results | letters, unlimited, verdict::warn, fills_up},
    {"max_msgs_per_subject", kept, discards_new_per_subject, verdict::refuse,
     "the oldest messages would be deleted unread; remove the limit or use discard new and "
     "discard_new_per_subject"},
    {"max_msgs_per_subject", kept, unlimited, verdict::warn, fills_up},
    {"max_msgs_per_subject", results | letters, unlimited, verdict::warn,
     "only so many messages of a subject are kept; remove the limit"},
    {"max_age", kept, unlimited_or_at_least<hour_ns>, verdict::refuse,
     "what is not read within that time is deleted unread, and an outage may well last longer; use "
     "0 or a day"},
    {"max_age", kept, unlimited, verdict::warn, expires},
    {"max_age", letters, unlimited, verdict::warn,
     "dead letters are deleted after that time, looked at or not; leave it at 0"},
    {"max_age", results, unlimited_or_at_least<hour_ns>, verdict::warn, expires},
    {"max_msg_size", requests, unlimited_or_at_least<72 << 10>, verdict::warn,
     "valid requests, which may have 64 KiB and headers, are refused by the broker; use -1"},
    {"max_msg_size", results | letters, unlimited_or_at_least<8 << 10>, verdict::refuse,
     "the daemon's own messages would not be taken and the requests behind them never be "
     "finished; use -1"},
    {"max_msg_size", letters, unlimited, verdict::warn,
     "dead letters longer than that are cut; use -1"},
    {"max_msg_size", announcements, unlimited_or_at_least<4 << 10>, verdict::refuse,
     "the broker's announcements would not be kept; use -1"},
    {"max_consumers", everywhere, unlimited_or_at_least<8>, verdict::warn,
     "audit, trace and recovery read through a consumer each and are refused beyond it; use -1"},
    {"num_replicas", everywhere, is_odd, verdict::warn,
     "an even number of servers bears no more failures than one less; use 1, 3 or 5"},
    {"num_replicas", everywhere, at_most_or_newer<1>, verdict::warn,
     "nats-server before 2.10 may lose what it has confirmed when one of the cluster is killed or "
     "freezes; use a newer server"},
    {"duplicate_window", results | letters, unlimited_or_at_least<minute_ns>, verdict::warn,
     "what is published again after an outage that long is stored twice; use 10 minutes"},
    {"duplicate_window", kept, anything, verdict::warn, ""},
    {"allow_rollup_hdrs", kept, off, verdict::refuse,
     "a single message may delete all that wait; it must be false"},
    {"allow_rollup_hdrs", results | letters, off, verdict::warn,
     "a single message may delete all that are kept; set it to false"},
    {"deny_delete", letters, off, verdict::warn, "`dead discard` is refused; set it to false"},
    {"deny_delete", announcements, off, verdict::warn,
     "what is done cannot be struck out and is done again at each start; set it to false"},
    {"deny_delete", requests | results, anything, verdict::warn, ""},
    {"sources", everywhere, off, verdict::warn,
     "messages of other streams are copied into this one and count like any other; see that this "
     "is meant"},
    {"republish", everywhere, off, verdict::warn,
     "each message is published once more elsewhere; see that nobody takes the copies for new"},
    {"consumer_limits", everywhere, off, verdict::warn,
     "consumers are bound by it and may be deleted when idle or refused when made; remove it"},
    {"allow_msg_ttl", requests, off, verdict::warn,
     "a publisher may give a request a time after which it is deleted unread; set it to false"},
    {"allow_msg_ttl", results | letters | announcements, anything, verdict::warn, ""},
    {"subject_delete_marker_ttl", everywhere, off, verdict::warn,
     "the broker's own marks come as messages and are parked as malformed; set it to 0"},
    {"allow_msg_schedules", everywhere, off, verdict::warn,
     "a publisher may have messages stored that are meant for later and decided at once; set it to "
     "false"},
});

bool is_all(const looked_at& it) {
  return text(it.value) == "all";
}

bool is_explicit(const looked_at& it) {
  return text(it.value) == "explicit";
}

bool is_instant(const looked_at& it) {
  return text(it.value) == "instant";
}

bool is_over(const looked_at& it) {
  const auto until = text(it.value);
  if (until.empty() || until.starts_with("0001-"))
    return true;
  using namespace std::chrono;
  const auto now = floor<seconds>(sys_time<nanoseconds>(nanoseconds(it.how.now_ns)));
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss clock(now - day);
  std::array<char, 32> line{};
  std::snprintf(line.data(), line.size(), "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                int(clock.minutes().count()), int(clock.seconds().count()));
  return until.substr(0, 19) < std::string_view(line.data());
}

bool holds_pull_requests(const looked_at& it) {
  const auto limit = number(it.value);
  return limit <= 0 || limit >= std::chrono::nanoseconds(pull_book::expires_long).count();
}

bool is_no_policy(const looked_at& it) {
  return is_off(it.value) || text(it.value) == "none";
}

// Every field of a consumer's configuration.
constexpr auto consumer_settings = std::to_array<judged_setting>({
    {"name", everywhere, anything, verdict::warn, ""},
    {"description", everywhere, anything, verdict::warn, ""},
    {"metadata", everywhere, anything, verdict::warn, ""},
    {"sample_freq", everywhere, anything, verdict::warn, ""},
    {"opt_start_seq", everywhere, anything, verdict::warn, ""},    // with deliver_policy
    {"opt_start_time", everywhere, anything, verdict::warn, ""},   // with deliver_policy
    {"filter_subject", everywhere, anything, verdict::warn, ""},   // judged apart
    {"filter_subjects", everywhere, anything, verdict::warn, ""},  // judged apart
    {"ack_wait", everywhere, anything, verdict::warn, ""},         // judged apart
    {"backoff", everywhere, anything, verdict::warn, ""},          // judged apart
    {"headers_only", everywhere, anything, verdict::warn, ""},     // judged apart
    {"priority_timeout", everywhere, anything, verdict::warn, ""}, // with priority_policy
    {"flow_control", everywhere, anything, verdict::warn, ""},     // with deliver_subject
    {"idle_heartbeat", everywhere, anything, verdict::warn, ""},   // with deliver_subject
    {"deliver_group", everywhere, anything, verdict::warn, ""},    // with deliver_subject
    {"rate_limit_bps", everywhere, anything, verdict::warn, ""},   // with deliver_subject
    {"durable_name", everywhere, [](const looked_at& it) { return !text(it.value).empty(); },
     verdict::refuse,
     "the consumer is deleted when nobody has asked for a while; it must be durable"},
    {"deliver_subject", everywhere, off, verdict::refuse,
     "it is a push consumer, whose messages are lost when nobody listens; it must be a pull "
     "consumer"},
    {"deliver_policy", everywhere, is_all, verdict::refuse,
     "messages that were stored before the consumer was made would never be handed out; make it "
     "anew with all"},
    {"ack_policy", everywhere, is_explicit, verdict::refuse,
     "messages would count as done before they are; it must be explicit"},
    {"replay_policy", everywhere, is_instant, verdict::refuse,
     "messages would be handed out no faster than they once came, so that no backlog ever shrinks; "
     "it must be instant"},
    {"max_deliver", everywhere, unlimited, verdict::warn,
     "the broker gives a message up after so many deliveries, also in an outage; it is recovered "
     "then, which takes longer; use -1"},
    {"max_ack_pending", everywhere, unlimited_or_at_least<20'000>, verdict::warn,
     "all nodes together hold no more messages than that and are the slower for it, and when as "
     "many wait for an account that is locked all others wait too; use 100000"},
    {"max_waiting", everywhere, unlimited_or_at_least<64>, verdict::warn,
     "the pull requests of many fetchers are refused beyond it; use 512"},
    {"max_batch", everywhere, unlimited_or_at_least<100>, verdict::warn,
     "messages are handed out in small portions and the slower for it; remove the limit"},
    {"max_expires", everywhere, holds_pull_requests, verdict::refuse,
     "pull requests, which last 4s, would be refused and no message would be handed out; remove "
     "the limit"},
    {"max_bytes", everywhere, unlimited_or_at_least<64 << 20>, verdict::refuse,
     "larger pull requests would be refused and no message would be handed out; remove the limit"},
    {"max_bytes", everywhere, unlimited, verdict::warn,
     "larger pull requests are refused; remove the limit"},
    {"inactive_threshold", everywhere, unlimited, verdict::warn,
     "the consumer is deleted with its position when no node has asked for so long, and everything "
     "is handed out once more; set it to 0"},
    {"num_replicas", everywhere, off, verdict::warn,
     "its position may be kept on fewer servers than the stream; use 0, which follows the stream"},
    {"mem_storage", everywhere, off, verdict::warn,
     "a restart of the broker forgets the position, and everything is handed out once more; set it "
     "to false"},
    {"direct", everywhere, off, verdict::warn,
     "it is meant for the broker's own use; make it anew"},
    {"sourcing", everywhere, off, verdict::refuse,
     "it serves a stream that copies this one; make it anew as a durable pull consumer"},
    {"pause_until", everywhere, is_over, verdict::warn,
     "no message is handed out until then; resume the consumer"},
    {"priority_groups", everywhere, off, verdict::refuse,
     "pull requests without a group would be refused and no message would be handed out; remove "
     "them"},
    {"priority_policy", everywhere, is_no_policy, verdict::refuse,
     "pull requests without a group would be refused and no message would be handed out; it must "
     "be none"},
});

// Durations are nanoseconds on the wire.
bool is_duration(std::string_view field) {
  constexpr std::array durations{
      "max_age",  "duplicate_window",          "max_expires",      "inactive_threshold",
      "ack_wait", "subject_delete_marker_ttl", "priority_timeout", "idle_heartbeat"};
  return std::find(durations.begin(), durations.end(), field) != durations.end();
}

std::string shown(std::string_view field, const json& value) {
  if (value.is_null())
    return "not set";
  if (value.is_string())
    return std::string(text(value));
  if (is_duration(field) && value.is_number_integer())
    return std::to_string(number(value) / 1'000'000) + "ms";
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Goes through a table.
class judge {
public:
  judge(std::string who, std::string_view config, const judging& how)
      : who_(std::move(who)), config_(json::parse(config, nullptr, false)), how_(how) {
    if (!config_.is_object())
      config_ = json::object();
  }

  void go_through(std::span<const judged_setting> table, unsigned where) {
    std::string_view spoken; // the field of the last row that had something to say
    for (const auto& row : table) {
      if ((row.where & where) == 0 || row.field == spoken)
        continue;
      const auto& value = at(config_, row.field);
      if (row.fine({config_, value, how_}))
        continue;
      spoken = row.field;
      say(row.otherwise, std::string(row.field) + " is " + shown(row.field, value) + ": "
                             + std::string(row.sentence));
    }
    for (const auto& [field, value] : config_.items())
      if (!is_off(value)
          && std::none_of(
              table.begin(), table.end(),
              [name = std::string_view(field)](const auto& row) { return row.field == name; }))
        say(verdict::warn,
            field + " is " + shown(field, value)
                + ": this version of ledgerd does not know the setting and cannot "
                  "tell what it does to messages; look it up in the server's manual");
  }

  judgement end() { return std::move(found_); }

private:
  void say(verdict how_bad, std::string_view sentence) {
    (how_bad == verdict::refuse ? found_.refused : found_.warned)
        .push_back(who_ + std::string(sentence));
  }

  const std::string who_;
  json config_;
  const judging how_;
  judgement found_;
};

template <std::size_t Size>
std::vector<std::string_view> fields_of(const std::array<judged_setting, Size>& table) {
  std::vector<std::string_view> result;
  for (const auto& row : table)
    if (std::find(result.begin(), result.end(), row.field) == result.end())
      result.push_back(row.field);
  return result;
}

} // namespace

judgement judge_stream_fields(const std::string& who, std::string_view config, stream_use use,
                              const judging& how) {
  judge by(who, config, how);
  by.go_through(stream_settings, static_cast<unsigned>(use));
  return by.end();
}

judgement judge_consumer_fields(const std::string& who, std::string_view config,
                                const judging& how) {
  judge by(who, config, how);
  by.go_through(consumer_settings, everywhere);
  return by.end();
}

std::vector<std::string_view> judged_stream_fields() {
  return fields_of(stream_settings);
}

std::vector<std::string_view> judged_consumer_fields() {
  return fields_of(consumer_settings);
}

} // namespace ledgerd
