// What the log can say: one row for each event, with the code by which machines know it. The codes
// are a promise to other people's alerts: a row may be added, never renamed. docs/log-events.md
// explains each, and a test keeps the two alike. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ledgerd {

enum class log_event : std::uint8_t {
  // the life of the process
  node_starting,
  node_running,
  start_waiting,
  start_refused,
  start_abandoned,
  migration_applied,
  config_reloaded,
  reload_failed,
  node_draining,
  node_drained,
  drain_failed,
  node_stopped,
  process_ends,
  no_progress,
  progress_again,
  actor_dump,
  lines_left_out,
  errors_left_out,
  lines_overrun,
  certificate_expires,
  certificate_invalid,
  // the servers
  broker_connected,
  broker_lost,
  broker_trouble,
  server_away,
  server_back,
  circuit_opened,
  circuit_closed,
  database_unavailable,
  commit_in_doubt,
  database_trouble,
  // streams and consumers
  topology_made,
  topology_made_again,
  topology_warned,
  topology_wrong,
  topology_right,
  requests_deleted,
  stream_full,
  stream_copies_missing,
  acks_unanswered,
  recovery_failed,
  recovery_goes_on,
  // currencies
  currency_added,
  currency_contrary,
  currency_unknown,
  currencies_kept,
  currencies_unread,
  // the steady audit
  audit_finding,
  audit_delayed,
  audit_goes_on,
  // requests
  message_parked,
  letter_unconfirmed,
  letter_unstored,
  result_known_before,
  commits_lost,
  account_records_lost,
  entry_failed,
  account_set_aside,
  account_back,
  side_session_missing,
  side_session_back,
  question_failed,
  // the account side
  submissions_unrecorded,
  submissions_recorded,
  request_unconfirmed,
  results_unapplied,
  verdict_contrary,
  letter_mismatched,
  records_redriven,
  record_unsettled,
  record_unanswered,
  ledger_silent,
  // nodes
  node_joined,
  node_left,
  node_silent,
  node_deaf,
  node_name_taken,
  node_of_other_ledger,
  shards_moved,
  peer_link,
  peer_trouble,
  frame_dropped,
  // a shadow
  shadow_differs,
  shadow_carried,
  shadow_parked,
  shadow_unanswered,
  shadow_delayed,
  shadow_goes_on,
  // doors and traces
  http_fault,
  span,
};

enum class log_level : std::uint8_t { debug, info, warn, error };

constexpr std::string_view to_text(log_level level) noexcept {
  constexpr std::array<std::string_view, 4> words{"debug", "info", "warn", "error"};
  return words.at(static_cast<std::size_t>(level));
}

struct log_event_row {
  log_event event;
  std::string_view code; // ends with a zero byte
  log_level level;
  // Tells that something is different from now on, or wrong; false: of one message or request.
  bool change;
  std::uint16_t lines; // of it in a second at most; 0: however many there are
};

inline constexpr auto log_events = [] {
  using enum log_event;
  constexpr auto info = log_level::info;
  constexpr auto warn = log_level::warn;
  constexpr auto error = log_level::error;
  constexpr bool change = true;
  constexpr std::uint16_t every = 0;
  constexpr std::uint16_t few = 10;
  constexpr std::uint16_t many = 500;
  return std::to_array<log_event_row>({
      {node_starting, "node_starting", info, change, every},
      {node_running, "node_running", info, change, every},
      {start_waiting, "start_waiting", warn, false, few},
      {start_refused, "start_refused", error, change, every},
      {start_abandoned, "start_abandoned", info, change, every},
      {migration_applied, "migration_applied", info, change, every},
      {config_reloaded, "config_reloaded", warn, change, every},
      {reload_failed, "reload_failed", error, change, every},
      {node_draining, "node_draining", info, change, every},
      {node_drained, "node_drained", info, change, every},
      {drain_failed, "drain_failed", error, change, every},
      {node_stopped, "node_stopped", info, change, every},
      {process_ends, "process_ends", error, change, every},
      {no_progress, "no_progress", error, change, few},
      {progress_again, "progress_again", warn, change, few},
      {actor_dump, "actor_dump", warn, false, every},
      {lines_left_out, "lines_left_out", warn, false, every},
      {errors_left_out, "errors_left_out", error, change, every},
      {lines_overrun, "lines_overrun", warn, change, every},
      {certificate_expires, "certificate_expires", warn, change, few},
      {certificate_invalid, "certificate_invalid", error, change, few},
      {broker_connected, "broker_connected", info, change, few},
      {broker_lost, "broker_lost", warn, change, few},
      {broker_trouble, "broker_trouble", warn, change, few},
      {server_away, "server_away", error, change, few},
      {server_back, "server_back", warn, change, few},
      {circuit_opened, "circuit_opened", warn, change, few},
      {circuit_closed, "circuit_closed", warn, change, few},
      {database_unavailable, "database_unavailable", warn, false, few},
      {commit_in_doubt, "commit_in_doubt", warn, false, few},
      {database_trouble, "database_trouble", warn, change, few},
      {topology_made, "topology_made", info, change, every},
      {topology_made_again, "topology_made_again", error, change, few},
      {topology_warned, "topology_warned", warn, change, few},
      {topology_wrong, "topology_wrong", error, change, few},
      {topology_right, "topology_right", warn, change, few},
      {requests_deleted, "requests_deleted", error, change, few},
      {stream_full, "stream_full", error, change, few},
      {stream_copies_missing, "stream_copies_missing", warn, change, few},
      {acks_unanswered, "acks_unanswered", error, change, few},
      {recovery_failed, "recovery_failed", error, change, few},
      {recovery_goes_on, "recovery_goes_on", warn, change, few},
      {currency_added, "currency_added", info, change, few},
      {currency_contrary, "currency_contrary", error, change, few},
      {currency_unknown, "currency_unknown", warn, false, few},
      {currencies_kept, "currencies_kept", warn, change, few},
      {currencies_unread, "currencies_unread", warn, false, few},
      {audit_finding, "audit_finding", error, change, few},
      {audit_delayed, "audit_delayed", warn, change, few},
      {audit_goes_on, "audit_goes_on", warn, change, few},
      {message_parked, "message_parked", info, false, few},
      {letter_unconfirmed, "letter_unconfirmed", warn, false, few},
      {letter_unstored, "letter_unstored", error, change, few},
      {result_known_before, "result_known_before", error, change, few},
      {commits_lost, "commits_lost", error, change, few},
      {account_records_lost, "account_records_lost", error, change, few},
      {entry_failed, "entry_failed", warn, false, few},
      {account_set_aside, "account_set_aside", warn, change, few},
      {account_back, "account_back", info, change, few},
      {side_session_missing, "side_session_missing", warn, change, few},
      {side_session_back, "side_session_back", info, change, few},
      {question_failed, "question_failed", warn, false, few},
      {submissions_unrecorded, "submissions_unrecorded", warn, false, few},
      {submissions_recorded, "submissions_recorded", info, change, few},
      {request_unconfirmed, "request_unconfirmed", warn, false, few},
      {results_unapplied, "results_unapplied", warn, false, few},
      {verdict_contrary, "verdict_contrary", error, change, few},
      {letter_mismatched, "letter_mismatched", warn, false, few},
      {records_redriven, "records_redriven", info, false, few},
      {record_unsettled, "record_unsettled", warn, false, few},
      {record_unanswered, "record_unanswered", warn, false, few},
      {ledger_silent, "ledger_silent", warn, false, few},
      {node_joined, "node_joined", info, change, few},
      {node_left, "node_left", info, change, few},
      {node_silent, "node_silent", warn, change, few},
      {node_deaf, "node_deaf", warn, change, few},
      {node_name_taken, "node_name_taken", error, change, few},
      {node_of_other_ledger, "node_of_other_ledger", error, change, few},
      {shards_moved, "shards_moved", info, change, few},
      {peer_link, "peer_link", info, change, few},
      {peer_trouble, "peer_trouble", warn, false, few},
      {frame_dropped, "frame_dropped", warn, false, few},
      {shadow_differs, "shadow_differs", warn, false, few},
      {shadow_carried, "shadow_carried", warn, false, few},
      {shadow_parked, "shadow_parked", warn, false, few},
      {shadow_unanswered, "shadow_unanswered", warn, false, few},
      {shadow_delayed, "shadow_delayed", warn, change, few},
      {shadow_goes_on, "shadow_goes_on", warn, change, few},
      {http_fault, "http_fault", error, change, few},
      {span, "span", info, false, many},
  });
}();

constexpr const log_event_row& row_of(log_event event) noexcept {
  return log_events.at(static_cast<std::size_t>(event));
}

static_assert([] {
  for (const auto& each : log_events)
    if (&row_of(each.event) != &each || (each.level == log_level::error && !each.change))
      return false;
  return log_events.size() == static_cast<std::size_t>(log_event::span) + 1;
}());

} // namespace ledgerd
