// A broker and a ledger in memory, for tests of repairs: streams that keep what is published, and a
// ledger that decides requests when it is asked next, the newest first, as several fetchers may.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "domain/plan.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/names.hpp"
#include "persistence/ledger_reader.hpp"

namespace ledgerd::test {

class fake_broker : public broker {
public:
  struct kept_stream {
    std::vector<stored_message> messages;
    std::uint64_t last_seq = 0;
    std::set<std::string> ids;
    std::int64_t created_at_ns = 1;
  };

  fake_broker() {
    for (const auto name : {names::request_stream, names::result_stream, names::dead_letter_stream,
                            names::action_stream})
      streams[std::string(name)];
  }

  std::map<std::string, kept_stream> streams;
  std::int64_t clock_ns = 1'764'000'000'000'000'000; // moves a second with each message
  std::function<void(const outgoing&)> on_publish;
  std::function<void(std::uint64_t)> on_delete; // before it is done
  std::uint64_t fails_at = 0;                   // reading the letter of this number fails
  bool is_connected = true;
  std::size_t reads = 0;
  std::size_t messages_read = 0;

  static std::string stream_of(std::string_view subject) {
    if (subject.starts_with(names::dead_letter_prefix))
      return std::string(names::dead_letter_stream);
    if (subject.starts_with("transaction.action."))
      return std::string(names::action_stream);
    return std::string(subject.starts_with("transaction.result.") ? names::result_stream
                                                                  : names::request_stream);
  }

  std::uint64_t store(const outgoing& message) {
    auto& into = streams.at(stream_of(message.subject));
    if (!message.message_id.empty() && !into.ids.insert(message.message_id).second)
      return 0;
    stored_message one;
    one.seq = ++into.last_seq;
    one.stored_at_ns = clock_ns += 1'000'000'000;
    one.subject = message.subject;
    one.payload = message.payload;
    one.headers = message.headers;
    if (!message.message_id.empty())
      one.headers.push_back({"Nats-Msg-Id", message.message_id});
    into.messages.push_back(std::move(one));
    return into.last_seq;
  }

  const std::vector<stored_message>& stored(std::string_view stream) const {
    return streams.at(std::string(stream)).messages;
  }

  stream_state stream(std::string_view name) override {
    const auto found = streams.find(std::string(name));
    if (found == streams.end())
      return {};
    const auto& messages = found->second.messages;
    return {.exists = true,
            .messages = messages.size(),
            .first_seq = messages.empty() ? found->second.last_seq + 1 : messages.front().seq,
            .last_seq = found->second.last_seq,
            .created_at_ns = found->second.created_at_ns};
  }

  void read(std::string_view name, std::string_view filter, std::uint64_t first_seq,
            const std::function<bool(const stored_message&)>& visit) override {
    ++reads;
    const auto copy = streams.at(std::string(name)).messages;
    for (const auto& each : copy)
      if (each.seq >= first_seq && (filter.empty() || each.subject == filter)) {
        ++messages_read;
        if (each.seq == fails_at && name == names::dead_letter_stream)
          throw std::runtime_error("the broker does not answer");
        if (!visit(each))
          return;
      }
  }

  void read_since(std::string_view, std::int64_t,
                  const std::function<bool(const stored_message&)>&) override {
    throw std::logic_error("not used");
  }

  std::optional<stored_message> message(std::string_view name, std::uint64_t seq) override {
    for (const auto& each : stored(name))
      if (each.seq == seq)
        return each;
    return std::nullopt;
  }

  std::optional<stored_message> last_message(std::string_view, std::string_view) override {
    throw std::logic_error("not used");
  }

  void publish_all(const std::function<std::optional<outgoing>()>& next, std::size_t,
                   const std::function<void(std::uint64_t)>&, std::chrono::milliseconds) override {
    while (const auto message = next()) {
      store(*message);
      if (on_publish)
        on_publish(*message);
    }
  }

  void delete_message(std::string_view name, std::uint64_t seq) override {
    if (on_delete)
      on_delete(seq);
    auto& messages = streams.at(std::string(name)).messages;
    if (std::erase_if(messages, [&](const auto& each) { return each.seq == seq; }) == 0)
      throw std::runtime_error("no message found");
  }

  bool connected() const override { return is_connected; }
  void round_trip(std::chrono::milliseconds) override {}
  void cancel_reading() override {}
  std::size_t message_bytes_max() const override { return 1 << 20; }
  provision_report provision(const provisioning&) override {
    throw std::logic_error("not for these tests");
  }
  consumer_state consumer(std::string_view, std::string_view) override {
    throw std::logic_error("not for these tests");
  }
  std::vector<std::string> consumer_names(std::string_view) override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<delivery_source> make_source(std::string_view, std::string_view,
                                               std::size_t) override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<publisher> make_publisher() override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<question_desk> make_desk(std::vector<std::string>) override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<inquirer> make_inquirer() override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<peer_line> make_peer_line(boot_id) override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<question_desk> make_entries_desk(boot_id) override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<peer_line> make_ask_line() override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<word_line> make_word_line() override {
    throw std::logic_error("not for these tests");
  }
  std::unique_ptr<question_desk> make_cluster_desk() override {
    throw std::logic_error("not for these tests");
  }
  void delete_stream(std::string_view name) override { streams.erase(std::string(name)); }
};

// The tables, and a daemon that works off the request stream whenever somebody looks at them.
class fake_ledger final : public ledger_reader {
public:
  explicit fake_ledger(fake_broker& nats) : nats_(nats) {}

  std::vector<currency> rows = {{*currency_code::parse("KRW"), 0},
                                {*currency_code::parse("EUR"), 2}};
  request_rules rules{*currency_code::parse("KRW"), false};
  std::map<account_key, account_head> heads;
  std::map<record_id, posting> postings;
  std::map<record_id, outcome> verdicts; // of the requests that were decided, conflicts too
  bool at_work = true;

  // Decides what waits, the newest first, and parks what has to be.
  void work() {
    const auto& requests = nats_.stored(names::request_stream);
    if (done_ == requests.size())
      return;
    const currency_table table(rows);
    for (auto at = requests.size(); at-- > done_;) {
      const auto source = requests[at];
      auto decoded = decode_entry(source.subject, source.payload, table, rules);
      if (const auto* why = std::get_if<rejection>(&decoded))
        park(source, *why);
      else
        decide_one(source, std::get<entry>(decoded));
    }
    done_ = requests.size();
  }

  // As the fetcher parks it.
  void park(const stored_message& source, const rejection& why,
            std::string_view stream = names::request_stream) {
    delivery one{.subject = source.subject,
                 .payload = source.payload,
                 .headers = source.headers,
                 .receipt = {},
                 .stream = std::string(stream),
                 .stream_seq = source.seq,
                 .stored_at_ns = source.stored_at_ns,
                 .incarnation = 1};
    nats_.store(make_dead_letter(0, std::move(one), why, "node", 1 << 20));
  }

  std::vector<currency> currencies() override { return rows; }
  std::vector<account_row> accounts_of(const std::string& user_id) override {
    look();
    std::vector<account_row> result;
    for (const auto& [key, head] : heads)
      if (key.user_id == user_id)
        result.push_back({key, head, {}});
    return result;
  }
  std::vector<audited_posting> find_all(const std::vector<record_id>& ids) override {
    look();
    std::vector<audited_posting> result;
    for (const auto id : ids)
      if (const auto found = postings.find(id); found != postings.end())
        result.push_back({found->second, 0});
    return result;
  }
  std::optional<posting> find(record_id) override { throw std::logic_error("not used"); }
  ledger_marks marks(record_id, std::int64_t) override { throw std::logic_error("not used"); }
  std::vector<posting> history(const account_key&, std::int64_t, int) override { return {}; }
  std::vector<posting> history(const std::string&, const history_position&, int) override {
    return {};
  }
  void snapshot(const std::optional<account_key>&, const std::function<void(const account_row&)>&,
                const std::function<void(const audited_posting&)>&) override {}
  std::vector<linked_posting> linked_after(transaction_id, std::size_t,
                                           std::chrono::seconds) override {
    return {};
  }
  std::int64_t written_with(const posting&) override { return 1; }
  totals count() override { return {}; }
  std::int64_t commits(record_id, record_id) override { return 0; }
  bool writable() override { return true; }

private:
  void look() {
    if (at_work)
      work();
  }

  void decide_one(const stored_message& source, const entry& asked) {
    if (const auto known = postings.find(asked.id); known != postings.end()) {
      const bool same = same_content(asked, known->second);
      verdicts[asked.id] = same ? outcome::duplicate : outcome::conflict;
      if (!same)
        park(source, {dead_reason::record_id_conflict,
                      "field \"recordId\": is taken by a request with other content"});
      return;
    }
    auto& head = heads[asked.account];
    const auto [verdict, balance] = decide(head.balance, asked.type, asked.amount);
    head = {balance, head.seq + 1};
    postings[asked.id] = {.record = asked.id,
                          .account = asked.account,
                          .seq = head.seq,
                          .type = asked.type,
                          .amount = asked.amount,
                          .verdict = verdict,
                          .balance_after = balance};
    verdicts[asked.id] = verdict;
  }

  fake_broker& nats_;
  std::size_t done_ = 0;
};

} // namespace ledgerd::test
