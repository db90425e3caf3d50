#include "app/trace/story.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/base/text.hpp"
#include "app/trace/letter_action.hpp"
#include "app/trace/story_limits.hpp"
#include "app/trace/taking.hpp"
#include "domain/opening.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string count_text(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string money_text(money amount, currency_code code, const currency_table& currencies) {
  const auto exponent = currencies.exponent(code);
  return (exponent ? format_amount(amount, *exponent)
                   : std::to_string(amount.minor_units()) + " minor units of")
         + " " + std::string(code.text());
}

std::string seconds_text(std::uint64_t milliseconds) {
  return std::to_string(milliseconds / 1000) + "." + std::to_string(milliseconds % 1000 / 100)
         + " s";
}

// What a payload says in a field, as text; empty: nothing that is flat. Whoever may publish could
// nest a value so deeply that writing it, level by level, overflows the stack.
std::string field_of(std::string_view payload, const char* name) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  const auto found = document.is_object() ? document.find(name) : document.end();
  if (!document.is_object() || found == document.end())
    return {};
  if (found->is_string())
    return found->get<std::string>();
  return found->is_number() || found->is_boolean() ? found->dump() : std::string();
}

class teller {
public:
  teller(const trace_facts& facts, const currency_table& currencies)
      : facts_(facts), currencies_(currencies) {
    for (const auto& each : facts.messages.actions)
      actions_.emplace_back(each);
  }

  trace_story run() {
    tell_messages();
    tell_row();
    tell_record();
    tell_nodes();
    conclude();
    tell_limits(facts_, story_);
    std::stable_sort(story_.events.begin(), story_.events.end(), [](const auto& x, const auto& y) {
      return x.at_us.value_or(INT64_MAX) < y.at_us.value_or(INT64_MAX);
    });
    return std::move(story_);
  }

private:
  const std::vector<stored_message>& requests() const { return facts_.messages.requests; }
  const std::vector<stored_message>& letters() const { return facts_.messages.dead_letters; }

  void add(std::optional<std::int64_t> at_us, const char* what, std::string node,
           std::string detail, std::uint64_t seq = 0) {
    story_.events.push_back({at_us, what, std::move(node), std::move(detail), seq});
  }

  void tell_messages() {
    for (const auto& each : requests()) {
      const auto replay = header_text(each, "Ledgerd-Replay-Of");
      add(each.stored_at_ns / 1000, "received", taken(facts_, each).node,
          each.subject + " #" + std::to_string(each.seq)
              + (replay.empty() ? "" : ", replayed from dead letter " + std::string(replay)) + ": "
              + shorten(each.payload, 300),
          each.seq);
    }
    for (const auto& each : facts_.messages.results) {
      const auto origin = origin_of(each.headers);
      add(each.stored_at_ns / 1000, "published", origin ? origin->node : "",
          each.subject + " #" + std::to_string(each.seq)
              + (origin ? ", answers request #" + std::to_string(origin->seq) : ""),
          each.seq);
    }
    for (const auto& each : letters())
      add(each.stored_at_ns / 1000, "parked", std::string(header_text(each, "Ledgerd-Node")),
          letter_text(each), each.seq);
    for (const auto& each : actions_)
      add(each.message.stored_at_ns / 1000, each.what == "replay" ? "replayed" : "discarded", "",
          "dead letter " + std::to_string(each.letter) + " by " + each.by()
              + (is_left(each) ? "; it is still there" : ""),
          each.message.seq);
  }

  // The entry of a discard is stored before its letter is deleted, which may fail.
  bool is_left(const letter_action& of) const {
    const auto& left = facts_.messages.letters_left;
    return of.what == "discard" && std::find(left.begin(), left.end(), of.letter) != left.end();
  }

  bool is_discarded(const stored_message& letter) const {
    return std::any_of(actions_.begin(), actions_.end(), [&](const auto& each) {
      return each.what == "discard" && is_entry_of(each.message, letter) && !is_left(each);
    });
  }

  // What was parked: results are, too.
  static std::string original_of(const stored_message& letter) {
    return header_text(letter, "Ledgerd-Stream") == names::result_stream ? "result" : "request";
  }

  static std::string letter_text(const stored_message& letter) {
    return "dead letter " + std::to_string(letter.seq) + " of " + original_of(letter) + " #"
           + std::string(header_text(letter, "Ledgerd-Sequence")) + ": "
           + std::string(header_text(letter, "Ledgerd-Reason")) + ": "
           + std::string(header_text(letter, "Ledgerd-Detail"));
  }

  std::string verdict_text() const {
    const auto& row = *facts_.row;
    const auto amount = money_text(row.amount, row.account.currency, currencies_);
    const auto reason = reason_text(row.verdict);
    return std::string(to_text(row.type)) + " of " + amount + " for " + row.account.user_id + ": "
           + std::string(status_text(row.verdict))
           + (reason.empty() ? "" : ", " + std::string(reason));
  }

  void tell_row() {
    if (!facts_.row)
      return;
    const auto& row = *facts_.row;
    const auto others = facts_.written_with > 1
                            ? ", one of " + std::to_string(facts_.written_with) + " in its batch"
                            : std::string(facts_.written_with == 1 ? ", alone in its batch" : "");
    add(to_int(row.created_at), "decided", "",
        verdict_text() + ", balance after "
            + money_text(row.balance_after, row.account.currency, currencies_) + ", transaction "
            + std::to_string(to_int(row.id)) + ", seq " + std::to_string(row.seq) + others);
  }

  void tell_record() {
    if (!facts_.record_row)
      return;
    const auto& record = *facts_.record_row;
    add(to_int(record.created_at), "recorded", "", "on the account side, PENDING");
    if (record.status != record_status::pending)
      add(to_int(record.updated_at), "settled", "",
          "on the account side: " + std::string(to_text(record.status))
              + (record.reason.empty() ? "" : ", " + record.reason));
  }

  // Nodes that hold it, and those that are past it.
  void tell_nodes() {
    for (const auto& node : facts_.nodes)
      for (const auto& held : node.held) {
        held_ = true;
        add(facts_.now_us - static_cast<std::int64_t>(held.for_ms) * 1000, "held", node.node,
            held_text(held), held.seq);
      }
    if (!held_ && !requests().empty() && (has_verdict() || !letters().empty())
        && is_pulled(requests().back()))
      tell_acknowledged(requests().back());
  }

  // Nobody notes when: the broker keeps of acknowledgements how far they are, and a node would have
  // to write something for each message.
  void tell_acknowledged(const stored_message& request) {
    const auto by = taken(facts_, request);
    add(std::nullopt, "acknowledged", by.node,
        "no node holds request #" + std::to_string(request.seq)
            + " any more, and the consumer is past it; when is noted nowhere");
    story_.events.back().after_us = by.told_us;
  }

  static std::string held_text(const held_request& held) {
    const auto doing = held.stage == "deciding"     ? "waits for its verdict"
                       : held.stage == "looking"    ? "waits for a look at the currencies"
                       : held.stage == "failed"     ? "failed, and is tried again"
                       : held.stage == "publishing" ? "waits for the PubAck of what became of it"
                                                    : held.stage;
    return "request #" + std::to_string(held.seq) + " " + doing + ", " + held.by
           + (held.attempts == 0
                  ? ""
                  : ", " + count_text(held.attempts, "failure", "failures") + " of its own")
           + (held.deliveries > 1 ? ", delivery " + std::to_string(held.deliveries) : "");
  }

  bool has_verdict() const { return facts_.row || !facts_.messages.results.empty(); }

  // The highest sequence of its subject that was handed out; nothing when nobody can tell.
  std::optional<std::uint64_t> pulled_to(std::string_view subject) const {
    std::optional<std::uint64_t> highest;
    const auto raise = [&](std::uint64_t to) { highest = std::max(highest.value_or(0), to); };
    for (const auto& node : facts_.nodes)
      for (const auto& each : node.pulled)
        if (each.subject == subject)
          raise(each.to);
    for (const auto& each : facts_.consumers)
      if (each.subject == subject)
        raise(each.delivered);
    return highest;
  }

  bool is_pulled(const stored_message& request) const {
    const auto to = pulled_to(request.subject);
    return to && *to >= request.seq;
  }

  void set(trace_state state, std::string sentence) {
    story_.state = state;
    story_.conclusion = std::move(sentence);
  }

  void conclude() {
    if (facts_.row)
      return conclude_from_row();
    if (!facts_.messages.results.empty())
      return conclude_from_result();
    if (held_)
      return conclude_held();
    if (!letters().empty() || !actions_.empty())
      if (conclude_from_letter())
        return;
    if (!requests().empty())
      return conclude_from_request();
    if (facts_.record_row)
      return conclude_from_record();
    set(trace_state::unknown,
        "unknown: nothing was found of this record"
            + std::string(unasked(facts_).empty() ? "" : " in what was asked"));
  }

  void conclude_from_row() {
    std::string text = "decided: " + verdict_text();
    if (is_opening(*facts_.row))
      text += "; the opening row of an import"; // nobody asked for it, so there is no result
    else if (facts_.messages.results.empty() && streams_are_asked(facts_))
      text +=
          "; its result was not found" + std::string(held_ ? " yet: a node holds the request" : "");
    if (!letters().empty())
      text += beside_the_row(letters().back());
    if (facts_.record_row && facts_.record_row->status == record_status::pending)
      text += "; the account side has not heard of it";
    set(trace_state::decided, text);
  }

  // The newest letter of a record that is decided: an open end, unless it was replayed.
  std::string beside_the_row(const stored_message& letter) const {
    const auto reason = std::string(header_text(letter, "Ledgerd-Reason"));
    for (const auto& each : actions_)
      if (each.what == "replay" && is_entry_of(each.message, letter))
        return "; it was parked before, for " + reason + ", and replayed by "
               + (each.who.empty() ? "somebody" : each.who);
    return "; another " + original_of(letter) + " under this id was parked: " + reason;
  }

  void conclude_from_result() {
    const auto& payload = facts_.messages.results.back().payload;
    const auto reason = field_of(payload, "reason");
    set(trace_state::decided,
        "decided, by its result: " + field_of(payload, "type") + " of "
            + field_of(payload, "amount") + " " + field_of(payload, "currency") + " for "
            + field_of(payload, "userId") + ": " + field_of(payload, "status")
            + (reason.empty() ? "" : ", " + reason)
            + (facts_.ledger_problem.empty() ? "; the ledger has no such row" : ""));
  }

  void conclude_held() {
    find_wait();
    const auto waits = waits_text();
    for (const auto& node : facts_.nodes)
      for (const auto& held : node.held)
        return set(trace_state::held, "held by node " + node.node + " for "
                                          + seconds_text(held.for_ms) + ": " + waits
                                          + (waits.empty() ? "" : "; ") + held_text(held));
  }

  void find_wait() {
    auto& longest = story_.wait;
    for (const auto& node : facts_.nodes)
      if (node.wait && (!longest || longest->wait.for_ms < node.wait->for_ms))
        longest = told_wait{node.node, *node.wait};
  }

  // Empty: nobody says so.
  std::string waits_text() const {
    if (!story_.wait)
      return {};
    const auto& why = story_.wait->wait.why;
    const std::string what =
        why == "blocked" && facts_.holder
            ? "the account is locked in the database by the " + to_text(*facts_.holder)
        : why == "blocked"  ? "the account is locked in the database, or a statement for it takes "
                              "too long"
        : why == "slow"     ? "the account takes far longer in the database than others"
        : why == "refused"  ? "the database refuses what is written for the account"
        : why == "database" ? "the database is away"
        : why == "commit"   ? "its batch is not committed yet"
                            : "the account is set aside, " + why;
    return what + " (waiting " + seconds_text(story_.wait->wait.for_ms) + ")";
  }

  // The last thing that happened to its letters; false: it was published again after that.
  bool conclude_from_letter() {
    const auto there = std::find_if(letters().rbegin(), letters().rend(),
                                    [this](const auto& each) { return !is_discarded(each); });
    const auto* letter = there == letters().rend() ? nullptr : &*there;
    const letter_action* last = nullptr;
    for (const auto& each : actions_)
      if (last == nullptr || each.message.stored_at_ns >= last->message.stored_at_ns)
        last = &each;
    const bool acted = last != nullptr
                       && (letter == nullptr || last->message.stored_at_ns >= letter->stored_at_ns);
    if (letter == nullptr && acted && last->what == "discard" && !is_left(*last)) {
      const auto reason = std::string(header_text(last->message, "Ledgerd-Reason"));
      set(trace_state::discarded,
          "discarded by " + (last->who.empty() ? "somebody" : last->who)
              + (last->why.empty() ? "" : " because " + in_quotes(last->why))
              + (reason.empty() ? "" : "; it was parked for " + reason));
      return true;
    }
    const auto newest = std::max<std::int64_t>(acted ? last->message.stored_at_ns : 0,
                                               letter != nullptr ? letter->stored_at_ns : 0);
    // The replay itself comes before the entry that tells of it, or after.
    const bool again =
        acted && last->what == "replay" && !requests().empty()
        && requests().back().stored_at_ns > (letter != nullptr ? letter->stored_at_ns : newest);
    if (again || letter == nullptr)
      return false;
    set(trace_state::parked,
        "parked because of " + std::string(header_text(*letter, "Ledgerd-Reason")) + ": "
            + std::string(header_text(*letter, "Ledgerd-Detail")) + " (dead letter "
            + std::to_string(letter->seq) + ")" + discards_beside(*letter));
    story_.told_failed = has_told_failed(*letter);
    if (story_.told_failed)
      story_.conclusion += "; its caller was told FAILED: discard the letter and have the request "
                           "submitted anew";
    return true;
  }

  // A letter of a request ends the record whose mark it bears, also where nobody can be asked.
  bool has_told_failed(const stored_message& letter) const {
    return original_of(letter) == "request"
           && (header_text(letter, names::account_mark) == std::to_string(to_int(facts_.record))
               || (facts_.record_row && facts_.record_row->status == record_status::failed));
  }

  std::string discards_beside(const stored_message& letter) const {
    std::string result;
    for (const auto& each : actions_)
      if (each.what == "discard" && is_entry_of(each.message, letter))
        result = "; a discard by " + each.by() + " was begun";
      else if (each.what == "discard" && each.message.stored_at_ns < letter.stored_at_ns)
        result = "; its earlier letter " + std::to_string(each.letter) + " was discarded by "
                 + each.by();
    return result;
  }

  void conclude_from_request() {
    const auto& request = requests().back();
    const auto where =
        "request #" + std::to_string(request.seq) + " of " + std::string(names::request_stream);
    const auto to = pulled_to(request.subject);
    if (!to)
      return set(trace_state::waiting,
                 "waiting: " + where + "; no node says how far the requests are");
    if (*to + 1 == request.seq)
      return set(trace_state::waiting, "waiting: " + where + " is the next to be handed out");
    if (*to < request.seq)
      return set(trace_state::waiting,
                 "waiting behind at most "
                     + count_text(request.seq - *to - 1, "message", "messages")
                     + " of the stream: " + where + ", handed out up to #" + std::to_string(*to));
    for (const auto& each : facts_.consumers)
      if (each.subject == request.subject && each.ack_floor >= request.seq)
        return set(trace_state::unknown,
                   "unknown: " + where + " is acknowledged, and "
                       + (facts_.ledger_problem.empty() ? "neither its row nor its dead letter was"
                                                        : "no dead letter of it was")
                       + " found");
    if (!facts_.ledger_problem.empty() && !results_are_read())
      return set(trace_state::unknown,
                 "unknown: " + where
                     + " was handed out, no node that has answered holds it, and the ledger cannot "
                       "be asked whether it is decided");
    set(trace_state::handed_out,
        "handed out: " + where
            + (facts_.ledger_problem.empty() ? " has no row"
                                             : ": the ledger cannot be asked, there is no result")
            + ", and no node that has answered holds it; the broker delivers it again once the "
              "acknowledgement wait is over");
  }

  bool results_are_read() const {
    return std::any_of(facts_.messages.looked.begin(), facts_.messages.looked.end(),
                       [](const auto& each) {
                         return each.stream == names::result_stream && (each.all || !each.exists);
                       });
  }

  void conclude_from_record() {
    const auto& record = *facts_.record_row;
    const auto pending = record.status == record_status::pending;
    set(trace_state::recorded,
        "recorded on the account side, " + std::string(to_text(record.status))
            + (record.reason.empty() ? "" : ", " + record.reason)
            + (!pending ? ""
               : streams_are_asked(facts_)
                   ? "; no request was found: the redriver publishes it again"
                   : "; the redriver publishes it again, if it has to"));
  }

  const trace_facts& facts_;
  const currency_table& currencies_;
  std::vector<letter_action> actions_;
  trace_story story_;
  bool held_ = false;
};

} // namespace

std::string_view to_text(trace_state state) noexcept {
  switch (state) {
  case trace_state::decided:
    return "decided";
  case trace_state::waiting:
    return "waiting";
  case trace_state::held:
    return "held";
  case trace_state::handed_out:
    return "handedOut";
  case trace_state::parked:
    return "parked";
  case trace_state::discarded:
    return "discarded";
  case trace_state::recorded:
    return "recorded";
  case trace_state::unknown:
    break;
  }
  return "unknown";
}

trace_story tell(const trace_facts& facts, const currency_table& currencies) {
  return teller(facts, currencies).run();
}

std::string next_step(const trace_story& story, record_id record) {
  const auto id = std::to_string(to_int(record));
  if (story.state == trace_state::parked && story.told_failed)
    return "`ledgerd dead discard --record " + id
           + " --yes --why TEXT`, and submit it anew: a replay would move money that its caller "
             "was "
             "told does not move";
  if (story.state == trace_state::parked)
    return "`ledgerd dead replay --record " + id
           + " --dry-run` says what a replay would bring, with --set FIELD=VALUE what a mended one "
             "would";
  if (story.state == trace_state::held && story.wait && story.wait->wait.why == "blocked")
    return "`ledgerd locks list` says who holds locks and what they block, `ledgerd locks end PID "
           "--why TEXT` ends such a session";
  return {};
}

} // namespace ledgerd
