// An audit from beginning to end, or from where its cursor is.
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>

#include "app/audit/audit.hpp"
#include "app/audit/cursor.hpp"
#include "app/audit/records.hpp"
#include "app/base/text.hpp"
#include "messaging/deleted_unread.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::seconds save_every{2};

// In the order of the places of an audit.
std::array<std::string_view, 3> stream_names() {
  return {names::request_stream, names::result_stream, names::dead_letter_stream};
}

std::int64_t microseconds_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The account side's consumers need not exist.
void check_settled(const durable_consumer& which, const consumer_state& state,
                   finding_list& findings) {
  const auto name = std::string(which.name);
  if (!state.exists && which.reader == consumer_reader::ledger)
    findings.add(finding_kind::not_settled, "consumer " + name + " does not exist");
  else if (state.pending != 0 || state.ack_pending != 0)
    findings.add(finding_kind::not_settled,
                 "consumer " + name + " has " + std::to_string(state.pending)
                     + " messages to hand out and " + std::to_string(state.ack_pending)
                     + " to be acknowledged");
}

void check_read(const stream_state& requests, std::span<const consumer_state> consumers,
                finding_list& findings) {
  if (const auto gone = deleted_unread(requests.first_seq, consumers))
    findings.add(finding_kind::deleted_unread, "messages " + std::to_string(gone->first) + " to "
                                                   + std::to_string(gone->last) + " of "
                                                   + std::string(names::request_stream)
                                                   + " were deleted before they were read");
}

class one_audit {
public:
  one_audit(ledger_reader& ledger, record_reader& records, broker& nats, const audit_rules& rules,
            const audit_run& how)
      : ledger_(ledger), record_reader_(records), nats_(nats), how_(how),
        own_account_database_(rules.own_account_database), currencies_(ledger.currencies()) {
    place_.live = rules.live;
    if (!how.cursor.empty())
      cursor_.emplace(how.cursor);
    if (cursor_)
      if (auto before = cursor_->load(report_.findings)) {
        place_ = *std::move(before);
        resumed_ = true;
      }
    auto judged = rules;
    judged.live = judged.live || place_.live || went_on();
    place_.live = judged.live;
    space_.emplace(cursor_ ? cursor_->folder() : std::filesystem::path{}, how.memory_max);
    messages_.emplace(judged, currencies_, report_.findings, *space_);
  }

  audit_report run() {
    if (resumed_)
      go_on();
    else
      begin();
    read_letters();
    if (place_.phase == audit_phase::results)
      read_results();
    if (place_.phase == audit_phase::rows)
      read_rows();
    if (place_.phase == audit_phase::requests)
      read_requests();
    if (place_.phase == audit_phase::records)
      read_records();
    messages_->finish(missing_records(),
                      [this](std::size_t done, std::size_t of) { tell("matching", done, of); });
    fill_report();
    if (cursor_)
      cursor_->clear();
    return std::move(report_);
  }

private:
  void tell(std::string_view what, std::uint64_t done, std::uint64_t of) const {
    if (how_.progress)
      how_.progress(what, done, of);
  }

  // Whether the streams have other messages than when the interrupted audit began; throws when they
  // are others.
  bool went_on() const {
    if (!resumed_)
      return false;
    bool moved = false;
    for (std::size_t i = 0; i < place_.streams.size(); ++i) {
      const auto now = nats_.stream(stream_names()[i]);
      if (now.created_at_ns != place_.streams.at(i).created_at_ns)
        throw std::runtime_error("--cursor " + how_.cursor + ": stream "
                                 + std::string(stream_names()[i])
                                 + " was made anew since; remove the folder to begin anew");
      moved = moved || now.last_seq != place_.streams.at(i).last_seq;
    }
    return moved;
  }

  // The order matters: see stream_audit.
  void begin() {
    place_.began = format_time(microseconds_now());
    std::vector<consumer_state> deciders; // in the order of the movements
    for (const auto& one : durable_consumers) {
      if (one.stream == names::dead_letter_stream)
        continue;
      const auto state = nats_.consumer(one.stream, one.name);
      if (!place_.live)
        check_settled(one, state, report_.findings);
      if (one.reader == consumer_reader::ledger)
        deciders.push_back(state);
    }
    messages_->consumers(deciders);
    for (std::size_t i = 0; i < place_.streams.size(); ++i) {
      place_.streams.at(i) = nats_.stream(stream_names()[i]);
      if (!place_.streams.at(i).exists)
        report_.findings.add(finding_kind::stream_missing,
                             "stream " + std::string(stream_names()[i]) + " does not exist");
    }
    place_.next_result = place_.streams[1].first_seq;
    place_.next_request = place_.streams[0].first_seq;
    tell_streams();
    check_read(place_.streams[0], deciders, report_.findings);
  }

  void go_on() {
    tell_streams();
    messages_->resume(place_.messages, place_.last_letter);
    chains_.resume(place_.chains);
    report_.resumed = place_.began;
  }

  void tell_streams() {
    messages_->streams(place_.streams[0], place_.streams[1], place_.streams[2]);
  }

  // Calls `visit` for each message from `first_seq` on, and notes how far back that was.
  template <class Visit>
  void read(std::size_t which, std::uint64_t first_seq, Visit visit) {
    const auto& state = place_.streams.at(which);
    if (!state.exists || state.messages == 0)
      return;
    auto& first = place_.first_stored_at_ns.at(which);
    std::uint64_t done = state.first_seq < first_seq ? first_seq - state.first_seq : 0;
    nats_.read(stream_names()[which], "", first_seq, [&](const stored_message& message) {
      if (first == 0)
        first = message.stored_at_ns;
      visit(message);
      if (++done % 256 == 0)
        tell(stream_names()[which], done, state.messages);
      return true;
    });
    tell(stream_names()[which], std::max(done, state.messages), state.messages);
  }

  // Between two messages or accounts, now and then.
  void maybe_save() {
    if (cursor_ && ++since_look_ % 256 == 0 && steady::now() >= save_at_)
      save();
  }

  void save() {
    if (!cursor_)
      return;
    place_.messages = messages_->pause();
    cursor_->save(place_, report_.findings);
    save_at_ = steady::now() + save_every;
  }

  void next_phase(audit_phase phase) {
    place_.phase = phase;
    save();
  }

  void read_letters() {
    read(2, place_.streams[2].first_seq, [this](const stored_message& m) {
      messages_->dead_letter(m);
      place_.last_letter = m.seq;
    });
    if (const auto actions = nats_.stream(names::action_stream); actions.messages > 0)
      nats_.read(names::action_stream, "", actions.first_seq, [this](const stored_message& m) {
        messages_->action(m);
        return true;
      });
    save();
  }

  void read_results() {
    read(1, place_.next_result, [this](const stored_message& m) {
      messages_->result(m);
      place_.next_result = m.seq + 1;
      maybe_save();
    });
    next_phase(audit_phase::rows);
  }

  void read_rows() {
    const auto total = static_cast<std::uint64_t>(
        std::max<std::int64_t>(to_int(ledger_.marks(record_id{1}, 1).highest_transaction), 0));
    std::uint64_t done = chains_.applied() + chains_.refused();
    ledger_.snapshot(
        place_.chains.last,
        [&](const account_row& account) {
          if (cursor_ && steady::now() >= save_at_) {
            place_.chains = chains_.pause();
            save();
          }
          chains_.account(account);
        },
        [&](const audited_posting& row) {
          chains_.row(row);
          messages_->row(row.row);
          if (++done % 256 == 0)
            tell("rows", done, std::max(done, total));
        });
    place_.chains = chains_.pause();
    chains_.finish();
    tell("rows", done, done);
    next_phase(audit_phase::requests);
  }

  void read_requests() {
    read(0, place_.next_request, [this](const stored_message& m) {
      messages_->request(m);
      place_.next_request = m.seq + 1;
      maybe_save();
    });
    next_phase(audit_phase::records);
  }

  // After the ledger: a record may get its verdict meanwhile, but a row never goes away.
  void read_records() {
    if (!record_reader_.exists())
      return;
    record_audit verdicts(place_.live, report_.findings, microseconds_now());
    const auto before = std::pair(place_.records, place_.pending);
    audit_records(record_reader_, ledger_, verdicts, place_.last_record, [&](record_id last) {
      place_.last_record = last;
      place_.records = before.first + verdicts.records();
      place_.pending = before.second + verdicts.pending();
      tell("records", place_.records, 0);
      if (cursor_ && steady::now() >= save_at_)
        save();
    });
    next_phase(audit_phase::matching);
  }

  // An account schema without any record may have been made by the way in the ledger's database,
  // while the account side has another one.
  record_lookup missing_records() const {
    if (place_.records == 0 && !own_account_database_)
      return nullptr;
    if (!record_reader_.exists())
      return [](const std::vector<record_id>& ids) { return ids; };
    return [this](const std::vector<record_id>& ids) { return record_reader_.missing(ids); };
  }

  void fill_report() {
    report_.has_records = place_.records != 0 || record_reader_.exists();
    report_.records = place_.records;
    report_.pending = place_.pending;
    for (std::size_t i = 0; i < place_.streams.size(); ++i)
      report_.streams.push_back(
          {stream_names()[i], place_.streams.at(i), place_.first_stored_at_ns.at(i)});
    report_.count(chains_, *messages_);
  }

  ledger_reader& ledger_;
  record_reader& record_reader_;
  broker& nats_;
  const audit_run& how_;
  const bool own_account_database_;
  const currency_table currencies_;
  audit_report report_;
  audit_place place_;
  bool resumed_ = false;
  std::optional<audit_cursor> cursor_;
  std::optional<spill_space> space_;
  ledger_audit chains_{report_.findings};
  std::optional<stream_audit> messages_;
  std::uint64_t since_look_ = 0;
  steady::time_point save_at_ = steady::now() + save_every;
};

} // namespace

audit_report run_audit(ledger_reader& ledger, record_reader& records, broker& nats,
                       const audit_rules& rules, const audit_run& how) {
  return one_audit(ledger, records, nats, rules, how).run();
}

} // namespace ledgerd
