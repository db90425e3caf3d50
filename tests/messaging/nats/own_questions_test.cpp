// A node's questions to its own ledger, without a broker.

#include "messaging/own_questions.hpp"

#include <string>
#include <thread>
#include <utility>

#include "messaging/codec.hpp"
#include "messaging/names.hpp"

#define CAF_SUITE own_questions
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

// The broker's: keeps what it is asked, and gives what the test puts in.
struct outer_desk final : question_desk {
  struct state {
    std::vector<api_question> waiting;
    std::vector<std::string> answered;
    bool closed = false;
  };
  explicit outer_desk(state& here) : here_(here) {}
  void open(waker) override {}
  std::vector<api_question> take(std::size_t at_most) override {
    const auto count = static_cast<std::ptrdiff_t>(std::min(at_most, here_.waiting.size()));
    std::vector<api_question> result(here_.waiting.begin(), here_.waiting.begin() + count);
    here_.waiting.erase(here_.waiting.begin(), here_.waiting.begin() + count);
    return result;
  }
  std::size_t message_bytes_max() const override { return 1000; }
  void answer(const std::string& reply, std::string_view, const std::vector<header>&) override {
    here_.answered.push_back(reply);
  }
  question_losses losses() const override { return {.foreign_reply = 1}; }
  void close() override { here_.closed = true; }

private:
  state& here_;
};

struct outer_inquirer final : inquirer {
  struct state {
    std::vector<std::string> asked;
    std::vector<api_reply> replies;
  };
  explicit outer_inquirer(state& here) : here_(here) {}
  void open(waker) override {}
  void ask(std::uint64_t token, const std::string& subject, std::string_view payload) override {
    here_.asked.push_back(subject + " " + std::string(payload));
    here_.replies.push_back({token, true, "from others", {}});
  }
  std::vector<api_reply> take() override { return std::exchange(here_.replies, {}); }

private:
  state& here_;
};

struct fixture {
  outer_desk::state at_broker;
  outer_inquirer::state others;
  std::shared_ptr<own_questions> own = make_own_questions();
  std::unique_ptr<question_desk> desk =
      answer_own_too(own, std::make_unique<outer_desk>(at_broker));
  std::unique_ptr<inquirer> asker;
  int desk_woken = 0, asker_woken = 0;

  fixture() { be_patient(1h); }

  void be_patient(std::chrono::milliseconds patience) {
    asker = ask_own_first(own, std::make_unique<outer_inquirer>(others), patience);
    asker->open([this] { ++asker_woken; });
  }

  void open() {
    desk->open([this] { ++desk_woken; });
  }

  std::string replies() {
    std::string all;
    for (const auto& one : asker->take())
      all += std::to_string(one.token) + ": " + (one.answered ? one.payload : "none") + ". ";
    return all;
  }
};

const std::vector<header> unavailable{{std::string{names::service_error_code}, "503"}};
const std::vector<header> not_found{{std::string{names::service_error_code}, "404"}};

} // namespace

CAF_TEST_FIXTURE_SCOPE(own_questions_tests, fixture)

CAF_TEST(a question goes to the own ledger and nowhere else) {
  open();
  asker->ask(7, "s", "p");
  CAF_CHECK_EQUAL(desk_woken, 1);
  const auto asked = desk->take(16);
  CAF_REQUIRE_EQUAL(asked.size(), 1u);
  CAF_CHECK_EQUAL(asked[0].subject + " " + asked[0].payload, "s p");
  desk->answer(asked[0].reply, "told", not_found);
  CAF_CHECK_EQUAL(asker_woken, 1);
  const auto told = asker->take();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK(told[0].token == 7 && told[0].answered && told[0].payload == "told");
  CAF_CHECK_EQUAL(told[0].headers.size(), 1u);
  CAF_CHECK(others.asked.empty() && at_broker.answered.empty());
  desk->answer(asked[0].reply, "twice", {});
  CAF_CHECK_EQUAL(replies(), "");
}

CAF_TEST(a question that is too large goes to the others and they refuse it) {
  open();
  asker->ask(1, "s", std::string(payload_bytes_max + 1, 'x'));
  CAF_CHECK(desk->take(16).empty());
  CAF_CHECK_EQUAL(replies(), "1: from others. ");
  asker->ask(2, "s", std::string(payload_bytes_max, 'x'));
  CAF_CHECK_EQUAL(desk->take(16).size(), 1u);
}

CAF_TEST(others are asked while the own ledger takes no questions) {
  asker->ask(1, "s", "before");
  open();
  desk->close();
  CAF_CHECK(at_broker.closed);
  asker->ask(2, "s", "after");
  CAF_CHECK_EQUAL(replies(), "1: from others. 2: from others. ");
  CAF_CHECK(desk->take(16).empty());
}

CAF_TEST(others are asked when the own ledger cannot tell and for a while afterwards) {
  open();
  asker->ask(1, "s", "p");
  desk->answer(desk->take(16).at(0).reply, "away", unavailable);
  CAF_CHECK_EQUAL(replies(), "1: from others. ");
  asker->ask(2, "s", "q");
  CAF_CHECK(desk->take(16).empty());
  CAF_CHECK_EQUAL(replies(), "2: from others. ");
}

CAF_TEST(others are asked when the own ledger does not answer in time) {
  be_patient(20ms);
  open();
  asker->ask(1, "s", "p");
  const auto asked = desk->take(16);
  std::this_thread::sleep_for(30ms);
  CAF_CHECK_EQUAL(replies(), "1: from others. ");
  desk->answer(asked.at(0).reply, "late", {});
  CAF_CHECK_EQUAL(replies(), "");
}

CAF_TEST(own and foreign questions are taken side by side) {
  open();
  for (std::uint64_t i = 0; i < 20; ++i) {
    asker->ask(i, "own", "");
    at_broker.waiting.push_back(
        {.subject = "foreign", .payload = {}, .headers = {}, .reply = "_INBOX.x", .arrived = {}});
  }
  int own_ones = 0, foreign = 0;
  for (const auto& one : desk->take(16))
    ++(one.subject == "own" ? own_ones : foreign);
  CAF_CHECK_EQUAL(own_ones, 8);
  CAF_CHECK_EQUAL(foreign, 8);
  desk->answer("_INBOX.x", "told", {});
  CAF_CHECK_EQUAL(at_broker.answered.size(), 1u);
  CAF_CHECK_EQUAL(desk->losses().foreign_reply, 1u);
}

CAF_TEST(a desk that is gone leaves questions to the others) {
  be_patient(20ms);
  open();
  asker->ask(1, "s", "p");
  desk.reset();
  asker->ask(2, "s", "q");
  std::this_thread::sleep_for(30ms);
  CAF_CHECK_EQUAL(replies().size(), std::string{"1: from others. 2: from others. "}.size());
}

CAF_TEST_FIXTURE_SCOPE_END()
