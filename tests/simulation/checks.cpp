// What must hold, on the way and at the end.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <variant>

#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "tests/simulation/world.hpp"

namespace ledgerd::sim {

namespace {

// A lease that is younger is renewed whatever the database does (actors/common/lease.hpp).
constexpr milliseconds renewed_for_sure{4000};

// A node whose database refuses everything takes no more once it has found out, which it does with
// the first messages that it has to decide at once: not with what is no request, nor with those of
// an account that is set aside. Nobody else would take them: it is alone.
constexpr milliseconds found_out_within{2500};
constexpr int enough_to_find_out = 3;
// Who has heard nothing for so long, as while the consumer was away, asks for one message to hear
// of its end (messaging/nats/pull_silence.hpp).
constexpr milliseconds sounds_within{5000};

std::string text_of(record_id id) {
  return std::to_string(to_int(id));
}

std::optional<entry> entry_of(const kept_message& one) {
  auto decoded = decode_entry(one.what.subject, one.what.payload, *won(),
                              {currency_code::parse("KRW"), false});
  auto* asked = std::get_if<entry>(&decoded);
  return asked == nullptr ? std::nullopt : std::optional{std::move(*asked)};
}

// A sequence names a message only within a life of the stream, or together with its own time.
std::string letter_id(const stream& of, const kept_message& one, std::int64_t life) {
  return "dead-" + of.name + "-" + std::to_string(life) + "-" + std::to_string(one.seq);
}

// What the dead letter of a message may be called. By its own time only if whoever held it could
// not know of which life it is.
std::vector<std::string> letter_ids(const stream& of, const kept_message& one, bool made_anew) {
  std::vector<std::string> result{letter_id(of, one, of.created_ns)};
  if (made_anew || one.stored_at_ns < of.created_ns)
    result.push_back(letter_id(of, one, one.stored_at_ns));
  return result;
}

std::string user_of(const kept_message& one) {
  const auto asked = entry_of(one);
  return asked ? asked->account.user_id : std::string{};
}

} // namespace

// On the way: who is well keeps what he holds, and who cannot work takes no more.
void world::watch_leases() {
  jetstream_.on_expiry = [this](const stream& of, const consumer& at, const kept_message& one,
                                const leased& lease) {
    auto* holder = alive(lease.holder);
    if (holder == nullptr || holder->leaving || holder->stopped || !holder->steady
        || of.name != names::request_stream)
      return;
    const auto age = machine_.now - lease.since;
    const auto troubled = std::max(network_.troubled(holder->id), holder->began);
    // A source that asked for nothing in the moment in which the stream was made anew hears of it
    // late. What came until then and is, by its own time, older than the stream is not settled, but
    // delivered again. What is on the wire to a connection that its node ends, since its consumer
    // was silent, nobody sees. And what is in the way of an account may make its entries be let go.
    const bool looks_older =
        one.stored_at_ns < of.created_ns && result_.seen.contains("stream made anew");
    const account_key account{user_of(one), *currency_code::parse("KRW")};
    constexpr milliseconds on_the_wire{100};
    if (age >= renewed_for_sure || troubled + on_the_wire >= lease.since || looks_older
        || network_.has_closed(holder->id, lease.since, lease.since + on_the_wire)
        || account.user_id.empty() || database_.ever_obstructed().contains(account))
      return;
    fail("the lease of message " + std::to_string(one.seq) + " of " + at.name + ", held by "
         + holder->name + ", which is well, ran out after "
         + std::to_string(std::chrono::duration_cast<milliseconds>(age).count()) + " ms");
  };
  const auto of_requests = [](const stream& of, const consumer& at) {
    return of.name == names::request_stream && at.settles;
  };
  jetstream_.on_delivery = [=, this](const stream& of, const consumer& at,
                                     const kept_message& message, owner_id whom) {
    auto* one = alive(whom);
    if (one == nullptr || !of_requests(of, at))
      return;
    note_held(at, *one);
    const auto asked = entry_of(message);
    if (!database_.refuses(whom))
      one->pulled_while_away = 0;
    else if (asked && !database_.ever_obstructed().contains(asked->account)
             && ++one->pulled_while_away == enough_to_find_out)
      one->found_out = machine_.now;
  };
  jetstream_.on_pull = [=, this](const stream& of, const consumer& at, owner_id whom) {
    auto* one = alive(whom);
    if (one != nullptr)
      note_size(container::pulls, at.requests_of(whom), *one);
    const auto away = database_.away_since(whom);
    if (one == nullptr || !of_requests(of, at) || !away || !database_.refuses(whom) || one->stopped
        || !one->steady || nodes_.size() > 1 || one->pulled_while_away < enough_to_find_out)
      return;
    if (at.requests.back().batch == 1 && machine_.now - at.made_at < sounds_within)
      return;
    const auto could = std::max({one->found_out, *away, database_.hung_until(whom)});
    if (machine_.now - could > found_out_within)
      fail(one->name + " asks for messages though its database has been away for "
           + std::to_string(std::chrono::duration_cast<milliseconds>(machine_.now - *away).count())
           + " ms");
  };
}

// What a limit deletes before it is settled may be decided or not; what nobody can look at any more
// still has its letter.
void world::watch_deletions() {
  jetstream_.on_expunge = [this](const stream& of, const kept_message& one, bool settled) {
    if (of.name != names::request_stream)
      return;
    for (auto& id : letter_ids(of, one, result_.seen.contains("stream made anew")))
      letters_of_deleted_.insert(std::move(id));
    const bool over = settled && !of.excused.contains(one.seq);
    if (const auto asked = over ? std::nullopt : entry_of(one))
      may_miss_.insert(to_int(asked->id));
  };
}

// The stream goes: what was settled has its row, and all else need not get one any more.
void world::excuse_undecided(const stream& of) {
  std::set<std::uint64_t> given_up; // which looks settled
  if (const auto* list = jetstream_.find(names::exhausted_stream))
    for (const auto& [seq, each] : list->messages) {
      const auto said = nlohmann::json::parse(each.what.payload, nullptr, false);
      given_up.insert(said.is_object() ? said.value("stream_seq", std::uint64_t{0}) : 0);
    }
  for (const auto& [seq, one] : of.messages) {
    const auto asked = entry_of(one);
    if (asked && (!is_settled(of, one) || given_up.contains(seq)))
      may_miss_.insert(to_int(asked->id));
  }
}

void world::check_all() {
  const auto ledger = database_.ledger->picture();
  if (const auto* of = jetstream_.find(names::request_stream))
    for (const auto seq : of->excused)
      if (const auto one = of->messages.find(seq); one != of->messages.end())
        if (const auto asked = entry_of(one->second))
          may_miss_.insert(to_int(asked->id));
  for (const auto id : valid_ids_)
    if (ledger.postings.contains(record_id{id}) == (id == refused_id)
        && (id == refused_id || !may_miss_.contains(id)))
      fail("record " + std::to_string(id) + (id == refused_id ? " has a row" : " has no row"));
  check_asked(ledger);
  check_chains(ledger);
  check_requests(ledger);
  check_records(ledger);
}

// Every row is what somebody has asked for under its record id, in the stream or through the
// account side.
void world::check_asked(const test::memory_database::content& ledger) {
  const auto records = database_.records->picture();
  for (const auto& [id, row] : ledger.postings) {
    const submission what{row.account, row.type, row.amount};
    const auto [from, to] = asked_.equal_range(to_int(id));
    const auto record = records.find(id);
    if (std::none_of(from, to, [&](const auto& each) { return each.second == what; })
        && (record == records.end() || record->second.asked != what))
      fail("nobody has asked for the row of record " + text_of(id));
  }
}

// Every row follows from the one before by the rules, and the last is the account's head.
void world::check_chains(const test::memory_database::content& ledger) {
  std::map<account_key, std::map<std::int64_t, posting>> chains;
  for (const auto& [id, row] : ledger.postings)
    if (!chains[row.account].emplace(row.seq, row).second)
      fail("two rows of " + row.account.user_id + " have the number " + std::to_string(row.seq));
  if (chains.size() != ledger.accounts.size())
    fail("accounts without rows");
  for (const auto& [account, chain] : chains) {
    account_head head;
    for (const auto& [seq, row] : chain) {
      const auto expected = decide(head.balance, row.type, row.amount);
      if (seq != head.seq + 1 || row.verdict != expected.verdict
          || row.balance_after.minor_units() != expected.balance_after.minor_units())
        fail("row " + std::to_string(seq) + " of " + account.user_id
             + " does not follow from the one before");
      head = {row.balance_after, seq};
    }
    if (!(ledger.accounts.at(account) == head))
      fail("the head of " + account.user_id + " is not its last row");
  }
}

// Every request has its result, or else its dead letter, and nothing else has one.
void world::check_requests(const test::memory_database::content& ledger) {
  std::map<std::string, std::vector<const packet*>> published; // by message id
  for (const auto name : {names::result_stream, names::dead_letter_stream})
    if (const auto* of = jetstream_.find(name)) {
      for (const auto& id : of->ever_stored)
        published[id];
      for (const auto& [seq, each] : of->messages)
        published[std::string{each.what.value_of("Nats-Msg-Id")}].push_back(&each.what);
    }
  const auto* requests = jetstream_.find(names::request_stream);
  if (requests == nullptr)
    return fail("there is no stream of requests");
  const bool made_anew = result_.seen.contains("stream made anew");
  // Of which life a request is that is parked in the moment in which the stream is made anew is
  // told by the server's clock.
  const bool told_by_clock = made_anew && result_.seen.contains("server's wall clock set");
  std::set<std::string> letters;
  for (const auto& [seq, request] : requests->messages) {
    const auto asked = entry_of(request);
    const auto row = asked ? ledger.postings.find(asked->id) : ledger.postings.end();
    const bool decided = row != ledger.postings.end() && same_content(*asked, row->second);
    bool letter = false;
    for (auto& id : letter_ids(*requests, request, made_anew)) {
      letter = letter || published.contains(id);
      letters.insert(std::move(id));
    }
    if (letter && !published.contains(letter_id(*requests, request, requests->created_ns)))
      ++result_.seen["letter named by its own time"];
    const auto which = "request " + std::to_string(seq);
    if (letter == decided && !told_by_clock && !(requests->excused.contains(seq) && !letter))
      fail(which + (decided ? " was decided and parked" : " has neither row nor dead letter"));
    if (!decided)
      continue;
    const auto copies = published.find(result_message_id(asked->id));
    if (copies != published.end())
      for (const auto* copy : copies->second)
        if (copy->payload != encode_result(row->second, 0))
          fail("a result of " + text_of(asked->id) + " is not what its row says");
    if (copies == published.end() && !requests->excused.contains(seq))
      fail(which + " has a row and no result");
  }
  const auto present = "-" + std::to_string(requests->created_ns) + "-";
  for (const auto& [id, copies] : published)
    if (!told_by_clock && id.starts_with("dead-") && !letters.contains(id)
        && !letters_of_deleted_.contains(id)
        && (!made_anew || id.find(present) != std::string::npos))
      fail("the dead letter " + id + " is of no request");
}

// Every record has the verdict of its row, and whoever was answered has a record.
void world::check_records(const test::memory_database::content& ledger) {
  const auto records = database_.records->picture();
  for (const auto& [key, id] : answered_)
    if (!records.contains(record_id{id}))
      fail("the call " + key + " was answered with record " + std::to_string(id)
           + ", which does not exist");
  for (const auto& [id, record] : records) {
    const auto row = ledger.postings.find(id);
    if (row == ledger.postings.end()) {
      if (!may_miss_.contains(to_int(id)))
        fail("record " + text_of(id) + " has no row");
      continue;
    }
    const bool applied = row->second.verdict == outcome::applied;
    const auto expected = applied ? record_status::success : record_status::failed;
    if (record.status != expected || record.transaction != row->second.id)
      fail("record " + text_of(id) + " is " + std::string{to_text(record.status)}
           + " and its row says otherwise");
  }
}

} // namespace ledgerd::sim
