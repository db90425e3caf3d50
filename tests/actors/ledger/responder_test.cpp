#define CAF_SUITE responder

#include "actors/ledger/responder.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "messaging/names.hpp"
#include "tests/support/fake_desk.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

// A user with two accounts; counts the questions.
class small_ledger final : public ledger_reader {
public:
  std::vector<posting> rows; // oldest first
  int calls = 0;
  bool away = false;
  std::function<void()> meanwhile; // at each question

  std::vector<currency> known; // what a look at the table gives

  std::vector<currency> currencies() override { return known; }
  std::vector<account_row> accounts_of(const std::string& user) override {
    count();
    return {{won_account(user), {money{7}, 1}, database_time{1}}};
  }
  std::optional<posting> find(record_id) override { return std::nullopt; }
  ledger_marks marks(record_id, std::int64_t) override { return {}; }
  std::vector<posting> history(const account_key& account, std::int64_t before,
                               int limit) override {
    return newest(limit, [&](const posting& row) {
      return row.account == account && (before == 0 || row.seq < before);
    });
  }
  std::vector<posting> history(const std::string& user, const history_position& page,
                               int limit) override {
    return newest(limit, [&](const posting& row) {
      return row.account.user_id == user && (page.before == 0 || to_int(row.id) < page.before);
    });
  }
  std::vector<audited_posting> find_all(const std::vector<record_id>&) override { return {}; }
  void snapshot(const std::optional<account_key>&, const std::function<void(const account_row&)>&,
                const std::function<void(const audited_posting&)>&) override {}
  std::vector<linked_posting> linked_after(transaction_id, std::size_t,
                                           std::chrono::seconds) override {
    return {};
  }
  std::int64_t written_with(const posting&) override { return 1; }
  totals count() override {
    ++calls;
    if (meanwhile)
      meanwhile();
    if (away)
      throw std::runtime_error{"away"};
    return {};
  }
  std::int64_t commits(record_id, record_id) override { return 0; }
  bool writable() override { return true; }

private:
  template <class Wanted>
  std::vector<posting> newest(int limit, Wanted wanted) {
    count();
    std::vector<posting> result;
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
      if (wanted(*row) && result.size() < static_cast<std::size_t>(limit))
        result.push_back(*row);
    return result;
  }
};

struct responder_fixture : fixture {
  std::shared_ptr<fake_desk> desk = std::make_shared<fake_desk>();
  std::shared_ptr<small_ledger> ledger = std::make_shared<small_ledger>();
  responder_actor subject;

  responder_fixture() {
    for (int i = 1; i <= 5; ++i) {
      posting row;
      row.id = transaction_id{i};
      row.record = record_id{i};
      row.account = won_account("ann");
      if (i % 2 == 0)
        row.account.currency = *currency_code::parse("EUR");
      row.seq = (i + 1) / 2;
      row.amount = money{i};
      ledger->rows.push_back(row);
    }
    responder_options options{
        desk, ledger,
        std::make_shared<const currency_table>(std::vector<currency>{
            {*currency_code::parse("KRW"), 0}, {*currency_code::parse("EUR"), 2}})};
    subject = started_actor(sys.spawn(responder, options));
    consume_messages();
  }

  void put(std::string_view subject_name, std::string payload, std::string reply = "_INBOX.x",
           steady::time_point arrived = steady::now()) {
    desk->put({std::string{subject_name}, std::move(payload), {}, std::move(reply), arrived});
  }

  fake_desk::given_answer answer(std::string_view subject_name, std::string payload) {
    put(subject_name, std::move(payload));
    consume_messages();
    CAF_REQUIRE(!desk->answers().empty());
    return desk->answers().back();
  }

  // The record ids of an answer's items, and its cursor as JSON.
  static std::pair<std::string, std::string> page_of(const std::string& text) {
    std::string ids;
    for (std::size_t at = 0; (at = text.find("\"recordId\":", at)) != std::string::npos; ++at)
      ids += text[at + 11];
    return {ids, text.substr(text.rfind(':') + 1, text.size() - text.rfind(':') - 2)};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(responder_tests, responder_fixture)

CAF_TEST(under overload the newest are answered and the oldest not even read) {
  const auto now = steady::now();
  for (int i = 0; i < 800; ++i) // those who asked first have given up
    put(names::api_account, R"({"userId":"ann"})", "late" + std::to_string(i), now - 3s);
  for (int i = 0; i < 40; ++i)
    put(names::api_account, R"({"userId":"ann"})", std::to_string(i), now);
  consume_messages();
  const auto answers = desk->answers();
  CAF_REQUIRE_EQUAL(answers.size(), 40u);
  CAF_CHECK_EQUAL(ledger->calls, 40);
  CAF_CHECK_EQUAL(answers.front().reply, "39");
  CAF_CHECK_EQUAL(answers.back().reply, "0");
  actor_report report;
  ask(
      subject, [&](actor_report& got) { report = std::move(got); }, report_atom_v);
  consume_messages();
  const auto value = [&](const std::string& name) {
    for (const auto& each : report.values)
      if (each.what->name == name)
        return each.value;
    return std::int64_t{-1};
  };
  CAF_CHECK_EQUAL(value("questions_expired_total"), 800);
  CAF_CHECK_EQUAL(value("questions_answered_total"), 40);
}

CAF_TEST(questions do not keep the responder from its other messages) {
  for (int i = 0; i < 100; ++i)
    put(names::api_account, R"({"userId":"ann"})", std::to_string(i));
  auto asked = self->request(subject, caf::infinite, report_atom_v);
  consume_messages();
  asked.receive(
      [](const actor_report& got) {
        CAF_CHECK_LESS_OR_EQUAL(got.values.at(0).value, 16);
      }, // of 100
      [](const caf::error&) { CAF_FAIL("no report"); });
  CAF_CHECK_EQUAL(desk->answers().size(), 100u);
}

CAF_TEST(questions that come while others are answered do not pile up turns before a report) {
  ledger->meanwhile = [this] { put(names::api_account, R"({"userId":"ann"})"); };
  put(names::api_account, R"({"userId":"ann"})");
  for (int i = 0; i < 50; ++i) {
    advance_time(200ms);
    for (int handled = 0; handled < 3; ++handled)
      sched.run_once();
  }
  auto asked = self->request(subject, caf::infinite, report_atom_v);
  const auto calls = ledger->calls;
  for (int handled = 0; handled < 4; ++handled)
    sched.run_once();
  asked.receive([](const actor_report&) {}, [](const caf::error&) { CAF_FAIL("no report"); });
  CAF_CHECK_LESS_OR_EQUAL(ledger->calls - calls, 4);
  ledger->meanwhile = nullptr;
  consume_messages();
}

CAF_TEST(a history without a currency goes over all of them) {
  std::string walked;
  std::string next;
  do {
    const auto got =
        answer(names::api_history,
               R"({"userId":"ann","limit":2)" + (next.empty() ? "" : ",\"before\":" + next) + "}");
    CAF_REQUIRE_EQUAL(got.status, "");
    const auto [ids, cursor] = page_of(got.payload);
    walked += ids + " ";
    next = cursor;
  } while (next != "null");
  CAF_CHECK_EQUAL(walked, "54 32 1 ");
  const auto [ids, cursor] =
      page_of(answer(names::api_history, R"({"userId":"ann","currency":"EUR","limit":1})").payload);
  CAF_CHECK_EQUAL(ids, "4");
  CAF_CHECK_EQUAL(cursor, "2");
  CAF_CHECK(answer(names::api_history, R"({"userId":"eve"})").status == "404");
}

CAF_TEST(a page that the broker would not take is shorter and says where the next begins) {
  const auto row_bytes = answer(names::api_history, R"({"userId":"ann","limit":1})").payload.size();
  desk->bytes_max = 2 * row_bytes + row_bytes / 2;
  for (const auto* const which : {"", R"(,"currency":"EUR")", R"(,"currency":"KRW")"}) {
    std::string walked;
    std::string next;
    do {
      const auto got =
          answer(names::api_history, R"({"userId":"ann","limit":5)" + std::string(which)
                                         + (next.empty() ? "" : ",\"before\":" + next) + "}");
      CAF_CHECK_EQUAL(got.status, "");
      CAF_CHECK_LESS_OR_EQUAL(got.payload.size(), desk->bytes_max);
      const auto [ids, cursor] = page_of(got.payload);
      walked += ids;
      next = cursor;
    } while (next != "null");
    CAF_CHECK_EQUAL(walked, *which == 0 ? "54321" : which[13] == 'E' ? "42" : "531");
  }
}

CAF_TEST(money is not shown without its digits) {
  ledger->rows.back().account.currency = *currency_code::parse("QQQ");
  CAF_CHECK(answer(names::api_history, R"({"userId":"ann"})").status == "503");
  // But a currency that was added a moment ago is looked for.
  ledger->known = {{*currency_code::parse("KRW"), 0},
                   {*currency_code::parse("EUR"), 2},
                   {*currency_code::parse("QQQ"), 1}};
  const auto got = answer(names::api_history, R"({"userId":"ann","limit":1})");
  CAF_CHECK_EQUAL(got.status, "");
  CAF_CHECK(got.payload.find(R"("amount":"0.5","currency":"QQQ")") != std::string::npos);
}

CAF_TEST(what is too large or cannot be looked up is said so) {
  desk->put({std::string{names::api_account}, "", {}, "_INBOX.x", steady::now(), true});
  consume_messages();
  CAF_CHECK(desk->answers().back().status == "413");
  CAF_CHECK_EQUAL(ledger->calls, 0);
  ledger->away = true;
  CAF_CHECK(answer(names::api_account, R"({"userId":"ann"})").status == "503");
}

CAF_TEST_FIXTURE_SCOPE_END()
