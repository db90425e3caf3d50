#include "tests/simulation/traffic.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "messaging/codec.hpp"

namespace ledgerd::sim {

namespace {

std::string request_text(std::int64_t id, const std::string& user, std::int64_t amount) {
  return R"({"recordId":)" + std::to_string(id) + R"(,"userId":")" + user + R"(","amount":)"
         + std::to_string(amount) + "}";
}

// Blanks before the end of a document mean nothing.
std::string filled(std::string document, std::size_t bytes) {
  if (document.size() < bytes)
    document.insert(document.size() - 1, bytes - document.size(), ' ');
  return document;
}

} // namespace

void traffic::begin(std::size_t requests, std::size_t calls, milliseconds within) {
  of_.network_.listen("_INBOX.caller.*", [this](const packet& answer) { hear(answer); });
  of_.machine_.start(nobody, [=, this] { publish_requests(requests, within); });
  of_.submissions_open_ = calls;
  for (std::size_t i = 0; i < calls; ++i)
    of_.machine_.start(nobody, [this, i, within] {
      of_.machine_.sleep(of_.machine_.random.between(nanoseconds{0}, within));
      submit(i);
    });
}

// How long the next request is made at least.
std::size_t traffic::draw_bytes() {
  auto& dice = of_.machine_.random;
  const auto most = of_.request_bytes_;
  if (most == 0)
    return 0;
  const auto too_many = payload_bytes_max + 1 + dice.below(1000);
  if (of_.network_.payload_max > too_many && dice.one_in(20))
    return too_many;
  return dice.one_in(4) ? dice.below(most) : most - dice.below(most / 16);
}

void traffic::publish_requests(std::size_t count, milliseconds within) {
  auto& dice = of_.machine_.random;
  for (std::size_t i = 0; i < count; ++i) {
    if (!dice.one_in(3)) // some come together
      of_.machine_.sleep(dice.between(nanoseconds{0}, 3 * within / static_cast<int>(count)));
    const auto bytes = draw_bytes();
    const auto longest = bytes + 400; // with its subject
    for (const stream* to = nullptr; !of_.network_.is_up()
                                     || (to = of_.jetstream_.find("TRANSACTIONS")) == nullptr
                                     || to->refuses(longest);)
      of_.machine_.sleep(milliseconds{100});
    // Few ids, so that many repeat: with the same content, and now and then with another.
    const auto id = static_cast<std::int64_t>(dice.below(count / 2) + 1);
    const auto twist = dice.one_in(20) ? 1 : 0;
    const auto user = of_.user(static_cast<std::size_t>(id + twist));
    const auto type = id % 3 == 0 ? movement::withdrawal : movement::deposit;
    packet one{.subject =
                   type == movement::withdrawal ? "transaction.withdrawal" : "transaction.deposit"};
    if (dice.one_in(25)) {
      one.payload = R"({"recordId":)" + std::to_string(id) + ",";
    } else if (bytes > payload_bytes_max) {
      ++of_.result_.seen["request too large"];
      one.payload = filled(request_text(id, user, id % 97 + 1), bytes);
    } else {
      one.payload = filled(request_text(id, user, id % 97 + 1), bytes);
      of_.valid_ids_.insert(id);
      of_.asked_.emplace(
          id, submission{{user, *currency_code::parse("KRW")}, type, money{id % 97 + 1}});
      of_.may_miss_.erase(id);
    }
    of_.network_.publish_from_outside(std::move(one));
  }
  of_.producing_ = false;
}

void traffic::hear(const packet& answer) {
  answers_[answer.subject] = answer;
  of_.machine_.signal(this, true);
}

// Until it is answered, whatever happens.
void traffic::submit(std::size_t number) {
  auto& dice = of_.machine_.random;
  const auto key = "key-" + std::to_string(number);
  const auto body = R"({"userId":"caller-)" + std::to_string(number % 5) + R"(","type":")"
                    + (number % 3 == 0 ? "WITHDRAWAL" : "DEPOSIT") + R"(","amount":)"
                    + std::to_string(number % 89 + 1) + "}";
  while (!submit_once(key, body))
    of_.machine_.sleep(dice.between(milliseconds{50}, milliseconds{1000}));
  if (dice.one_in(4))
    while (!submit_once(key, body))
      of_.machine_.sleep(dice.between(milliseconds{50}, milliseconds{1000}));
  if (dice.one_in(3))
    look_at(of_.answered_.at(key));
  --of_.submissions_open_;
}

// What has been said to be final stays so, whichever node is asked.
void traffic::look_at(std::int64_t id) {
  std::string final_word;
  for (auto times = 1 + of_.machine_.random.below(5); times > 0 && !of_.healed_; --times) {
    of_.machine_.sleep(of_.machine_.random.between(milliseconds{10}, milliseconds{2000}));
    const auto answer = ask(
        {.subject = "ledgerd.api.record", .payload = R"({"recordId":)" + std::to_string(id) + "}"});
    if (!answer || answer->payload.empty())
      continue;
    const auto which = "record " + std::to_string(id);
    const auto code = answer->value_of("Nats-Service-Error-Code");
    if (code == "404")
      return of_.fail(which + " was answered once and is said not to exist");
    if (!code.empty())
      continue;
    const auto record = nlohmann::json::parse(answer->payload, nullptr, false);
    const auto status = record.is_object() ? record.value("status", "") : "";
    ++of_.result_.seen["record looked at"];
    if (status.empty() || (!final_word.empty() && status != final_word))
      of_.fail(which + " was " + final_word + " and is answered with " + answer->payload);
    if (status == "SUCCESS" || status == "FAILED")
      final_word = status;
  }
}

// Nothing: no answer came in time.
std::optional<packet> traffic::ask(packet question) {
  const auto inbox = "_INBOX.caller." + std::to_string(++inboxes_);
  question.reply = inbox;
  of_.network_.publish_from_outside(std::move(question));
  const auto until = of_.machine_.now + milliseconds{2500};
  while (!answers_.contains(inbox))
    if (!of_.machine_.wait(this, until) && of_.machine_.now >= until)
      return std::nullopt;
  return std::move(answers_.extract(inbox).mapped());
}

bool traffic::submit_once(const std::string& key, const std::string& body) {
  const auto got = ask(
      {.subject = "ledgerd.api.submit", .payload = body, .headers = {{"Idempotency-Key", key}}});
  if (!got || !got->value_of("Nats-Service-Error-Code").empty() || got->payload.empty())
    return false;
  const auto& answer = *got;
  const auto record = nlohmann::json::parse(answer.payload, nullptr, false);
  const auto id =
      record.is_object() && record.contains("recordId") && record["recordId"].is_number_integer()
          ? record["recordId"].get<std::int64_t>()
          : 0;
  const auto [known, fresh] = of_.answered_.try_emplace(key, id);
  if (id == 0 || known->second != id)
    of_.fail("the key " + key + " was answered with record " + std::to_string(known->second)
             + " and with " + answer.payload);
  return true;
}

} // namespace ledgerd::sim
