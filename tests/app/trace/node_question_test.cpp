#include "app/trace/node_question.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messaging/cluster_answer.hpp"

#define CAF_SUITE node_question
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

// A line whose nodes answer both questions as they should.
class scripted_line final : public peer_line {
public:
  std::vector<std::string> looks, rosters;
  int takes = 0;

  void open(waker wake) override { wake_ = std::move(wake); }

  void send(std::uint64_t number, std::string_view frame) override {
    for (const auto& each : frame.empty() ? rosters : looks)
      waiting_.push_back({number, false, each});
    wake_();
  }

  std::vector<line_reply> take() override {
    ++takes;
    return std::exchange(waiting_, {});
  }
  std::size_t message_bytes_max() const override { return 1 << 20; }

private:
  waker wake_;
  std::vector<line_reply> waiting_;
};

std::string look_of(int boot) {
  return encode_look({boot_id{static_cast<std::uint64_t>(boot)}, "n", {}, {}});
}

struct other {
  int boot;
  bool ledger;
  std::uint64_t age_ms;
};

// What the first node says of itself and of others.
std::string roster_of(const std::vector<other>& knows) {
  cluster_answer answer;
  answer.word.boot = boot_id{1};
  answer.word.name = "n1";
  answer.word.ledger = true;
  answer.word.doing = node_doing::serving;
  for (const auto& each : knows) {
    known_node node;
    node.boot = boot_id{static_cast<std::uint64_t>(each.boot)};
    node.name = "n" + std::to_string(each.boot);
    node.ledger = each.ledger;
    node.doing = node_doing::serving;
    node.age_ms = each.age_ms;
    answer.knows.push_back(node);
  }
  return encode_answer(answer);
}

// How many answered, and whether somebody was waited for.
std::pair<std::size_t, bool> ask(const std::vector<std::string>& looks,
                                 const std::vector<std::string>& rosters) {
  const auto line = std::make_shared<scripted_line>();
  line->looks = looks;
  line->rosters = rosters;
  node_question question{line, {record_id{7}}};
  const auto count = question.answers(std::chrono::seconds{20}).size();
  return {count, line->takes > 1};
}

} // namespace

CAF_TEST(when all have answered nobody is waited for) {
  const auto [count, waited] = ask({look_of(1), look_of(2)}, {roster_of({{2, true, 10}})});
  CAF_CHECK_EQUAL(count, 2u);
  CAF_CHECK(!waited);
}

CAF_TEST(who has no ledger or has fallen silent is not waited for) {
  const auto [count, waited] = ask({look_of(1)}, {roster_of({{2, false, 10}, {3, true, 20'000}})});
  CAF_CHECK_EQUAL(count, 1u);
  CAF_CHECK(!waited);
}

CAF_TEST(one that is missing is waited for a moment) {
  const auto [count, waited] = ask({look_of(1)}, {roster_of({{2, true, 10}})});
  CAF_CHECK_EQUAL(count, 1u);
  CAF_CHECK(waited);
}

CAF_TEST(nodes that say nothing of others are waited for as before) {
  const auto [count, waited] = ask({look_of(1)}, {});
  CAF_CHECK_EQUAL(count, 1u);
  CAF_CHECK(waited);
}
