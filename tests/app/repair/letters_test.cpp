// The pure parts: what can be read of a letter, causes and groups, filters, marks, edits.
#include "app/repair/json_members.hpp"
#include "app/repair/letter_filter.hpp"
#include "app/repair/letter_groups.hpp"
#include "app/repair/letter_marks.hpp"

#include "tests/app/repair/fake_world.hpp"

#define CAF_SUITE repair_letters
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr std::int64_t now = 1'764'000'000'000'000'000; // 2025-11-24T16:00:00Z

dead_letter letter_of(std::string reason, std::string detail, std::string payload = "{}") {
  stored_message message;
  message.seq = 7;
  message.stored_at_ns = now;
  message.subject = "transaction.dead.deposit";
  message.payload = std::move(payload);
  message.headers = {{"Ledgerd-Reason", std::move(reason)},
                     {"Ledgerd-Detail", std::move(detail)},
                     {"Ledgerd-Stream", "TRANSACTIONS"},
                     {"Ledgerd-Sequence", "12"},
                     {"Ledgerd-Subject", "transaction.deposit"}};
  return read_letter(std::move(message));
}

std::string or_none(const std::optional<std::string>& text) {
  return text.value_or("none");
}

} // namespace

CAF_TEST(a field is set without touching the others) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"recordId":1,"amount":10000.00})", R"({"recordId":1,"amount":"5"})"},
      {R"( { "amount" : -1 , "other" : [1,{"amount":2}] , "s":"},\"" } )",
       R"({"amount":"5","other":[1,{"amount":2}],"s":"},\""})"},
      {R"({"amount":1,"x":12345678901234567890.1,"amount":2})",
       R"({"amount":"5","x":12345678901234567890.1})"},
      {R"({"x":1e400})", "none"}, // beyond what the library reads
      {R"({})", R"({"amount":"5"})"},
      {R"({"\u0061mount":1})", R"({"amount":"5"})"},
      {"[1]", "none"},
      {"", "none"},
      {R"({"amount":1)", "none"},
      {R"({"amount":NaN})", "none"},
      {"{\"a\":\"\xff\"}", "none"},
  };
  for (const auto& [before, after] : table)
    CAF_CHECK_EQUAL(or_none(with_changes(before, {{"amount", "5"}})), after);
  CAF_CHECK_EQUAL(or_none(with_changes(R"({"a":1})", {{"a", "x\"y"}, {"b", ""}})),
                  R"({"a":"x\"y","b":""})");
}

CAF_TEST(what stands in a payload is read as it is written) {
  const auto content = content_of(
      R"({"recordId":"0042","recordId":9,"userId":"an\u006ea","amount":1.50,"currency":"EUR"})");
  CAF_CHECK_EQUAL(content.record.has_value(), true);
  CAF_CHECK_EQUAL(to_int(content.record.value_or(record_id{})), 42);
  CAF_CHECK_EQUAL(or_none(content.user), "anna");
  CAF_CHECK_EQUAL(or_none(content.amount), "1.50");
  CAF_CHECK_EQUAL(or_none(content.type), "none");
  CAF_CHECK(!content_of(R"({"recordId":0})").record);
  CAF_CHECK(!content_of(R"({"recordId":{}})").record);
  CAF_CHECK(!content_of("not json").record);
}

CAF_TEST(a cause is the same whatever varies from letter to letter) {
  const std::pair<const char*, const char*> table[] = {
      {"field \"amount\": must be greater than zero",
       "field \"amount\": must be greater than zero"},
      {"field \"recordId\": is taken by a request with other content, transaction 4711",
       "field \"recordId\": is taken by a request with other content, transaction #"},
      {"the payload has 70001 bytes, more than 65536", "the payload has # bytes, more than #"},
      {"new row for relation \"transactions\" violates check constraint \"limit_7\"",
       "new row for relation \"transactions\" violates check constraint \"limit_7\""},
      {"no money for \"anna\" since 2026-11-24T07:32:46.1Z", "no money for \"*\" since #"},
      {"user-17 of shop.example/3 has -5", "# of # has -#"},
      {"open \"quote", "open \"*\""},
      {"", ""},
  };
  for (const auto& [detail, masked] : table)
    CAF_CHECK_EQUAL(masked_detail(detail), masked);
  CAF_CHECK_EQUAL(cause_of("A", "x 1"), cause_of("A", "x 22"));
  CAF_CHECK_NOT_EQUAL(cause_of("A", "x 1"), cause_of("B", "x 1"));
  // People may have written it down.
  CAF_CHECK_EQUAL(cause_of("INVALID_FIELD", "field \"amount\": must be greater than zero").size(),
                  8u);
}

CAF_TEST(groups count every letter in bounded memory) {
  letter_groups groups;
  for (int i = 0; i < 5; ++i) {
    auto letter = letter_of("INVALID_FIELD", "transaction " + std::to_string(i));
    letter.message.seq = static_cast<std::uint64_t>(i + 1);
    letter.message.stored_at_ns = now + i;
    groups.add(letter, 0);
  }
  groups.add(letter_of("MALFORMED_JSON", "nothing there"), 0);
  const auto found = groups.sorted();
  CAF_REQUIRE_EQUAL(found.size(), 2u);
  CAF_CHECK_EQUAL(found[0].count, 5u);
  CAF_CHECK_EQUAL(found[0].detail, "transaction #");
  CAF_CHECK_EQUAL(found[0].example, 5u);
  CAF_CHECK_EQUAL(found[0].newest_ns - found[0].oldest_ns, 4);
  CAF_CHECK_EQUAL(found[1].detail, "nothing there");
  for (char c = 'a'; c <= 'z'; ++c)
    for (char d = 'a'; d <= 'z'; ++d)
      groups.add(letter_of("MALFORMED_JSON", {c, d}), 1);
  CAF_CHECK_EQUAL(groups.sorted().size(), letter_groups::groups_max);
  CAF_CHECK_EQUAL(groups.others(), 26u * 26u + 2u - letter_groups::groups_max);
}

CAF_TEST(groups count the letters that were replayed and those that failed again) {
  letter_groups groups;
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    auto letter = letter_of(seq == 4 ? "TOO_LARGE" : "INVALID_FIELD", "some detail");
    letter.message.seq = seq;
    groups.add(letter, seq - 1);
  }
  for (const std::uint64_t replay_of : {3, 3, 1, 4, 9})
    groups.note_failure(replay_of);
  const auto found = groups.sorted();
  CAF_REQUIRE_EQUAL(found.size(), 2u);
  CAF_CHECK_EQUAL(found[0].replayed, 2u);
  CAF_CHECK_EQUAL(found[0].failed_again, 1u);
  CAF_CHECK_EQUAL(found[1].replayed, 1u);
  CAF_CHECK_EQUAL(found[1].failed_again, 1u);
}

CAF_TEST(moments are times or durations) {
  const std::pair<const char*, std::int64_t> table[] = {
      {"2025-11-24", now - 16 * 3600 * std::int64_t{1'000'000'000}},
      {"2025-11-24T16:00:00Z", now},
      {"2025-11-24T16:00Z", now},
      {"2025-11-24T17:00:00+01:00", now},
      {"2025-11-24T16:00:00.000000001Z", now + 1},
      {"2025-11-24T16:00:00.5Z", now + 500'000'000},
      {"30m", now - 1800 * std::int64_t{1'000'000'000}},
      {"0s", now},
  };
  for (const auto& [text, moment] : table)
    CAF_CHECK_EQUAL(parse_moment(text, now).value_or(-1), moment);
  for (const auto* bad : {"", "yesterday", "2025-13-01", "2025-02-30", "2025-11-24T",
                          "2025-11-24T25:00Z", "2025-11-24T16:00", "2025-11-24T16:00:00.Z",
                          "2025-11-24 16:00Z", "-5m", "9999-01-01", "2025-11-24T16:00:00Zx"})
    CAF_CHECK(!parse_moment(bad, now));
}

CAF_TEST(every reason is offered and taken) {
  std::string offered;
  for (const auto& each : filter_names())
    if (each.name == "reason")
      offered = each.unit;
  std::string all;
  for (auto code = 0; code <= static_cast<int>(dead_reason::contrary_verdict); ++code)
    all += (code == 0 ? "" : "|") + std::string(to_text(static_cast<dead_reason>(code)));
  CAF_CHECK_EQUAL(offered, all);
}

CAF_TEST(a filter takes what it names and refuses what it does not know) {
  const auto asked = R"({"recordId":42,"userId":"anna","amount":1,"currency":"EUR"})";
  struct row {
    const char* name;
    const char* value;
    bool matches;
  };
  const row table[] = {
      {"reason", "INVALID_FIELD", true},
      {"reason", "TOO_LARGE", false},
      {"user", "anna", true},
      {"user", "ann", false},
      {"currency", "EUR", true},
      {"record", "42", true},
      {"record", "4", false},
      {"subject", "transaction.deposit", true},
      {"subject", "deposit", true},
      {"subject", "withdrawal", false},
      {"text", "MUST BE", true},
      {"text", "\"amount\":1", true},
      {"text", "nowhere", false},
      {"since", "2025-11-24T16:00:00Z", true},
      {"since", "2025-11-24T16:00:01Z", false},
      {"until", "2025-11-24T16:00:00Z", false},
      {"until", "2025-11-24T16:00:01Z", true},
      {"replayed", "yes", true},
      {"replayed", "no", false},
  };
  for (const auto& [name, value, matches] : table) {
    letter_filter filter;
    CAF_CHECK_EQUAL(filter.set(name, value, now).value_or(""), "");
    auto letter = letter_of("INVALID_FIELD", "field \"amount\": must be so", asked);
    CAF_CHECK_EQUAL(
        std::make_pair(filter.to_text(), filter.matches(letter, [](std::uint64_t) { return 1; })),
        std::make_pair(std::string(name) + "=" + value, matches));
  }
  const std::pair<const char*, const char*> bad[] = {
      {"reason", "invalid_field"}, {"cause", "xyz"}, {"record", "0"},    {"record", "1e3"},
      {"since", "soon"},           {"replayed", ""}, {"replayed", "ja"}, {"colour", "red"}};
  for (const auto& [name, value] : bad) {
    letter_filter filter;
    CAF_CHECK(filter.set(name, value, now).has_value());
    CAF_CHECK(filter.empty());
  }
  for (const auto& [first, second] : {std::pair{"since", "until"}, std::pair{"until", "since"}}) {
    letter_filter empty;
    const auto minutes = [](const char* name) { return *name == 's' ? "1m" : "2m"; };
    CAF_CHECK(!empty.set(first, minutes(first), now));
    CAF_CHECK(empty.set(second, minutes(second), now));
    letter_filter full;
    CAF_CHECK(!full.set(first, minutes(second), now));
    CAF_CHECK(!full.set(second, minutes(first), now));
  }
  letter_filter twice;
  CAF_CHECK(!twice.set("user", "anna", now));
  CAF_CHECK(twice.set("user", "bert", now));
}

CAF_TEST(marks count replays and forget the oldest letters first) {
  letter_marks marks(3);
  for (std::uint64_t letter = 1; letter <= 5; ++letter)
    marks.replayed(letter, now + static_cast<std::int64_t>(letter));
  marks.replayed(4, now + 100);
  CAF_CHECK_EQUAL(marks.of(4).times, 2u);
  CAF_CHECK_EQUAL(marks.of(4).last_ns, now + 100);
  CAF_CHECK_EQUAL(marks.of(5).times, 1u);
  CAF_CHECK_EQUAL(marks.of(1).times, 0u);
  CAF_CHECK_EQUAL(marks.of(9).times, 0u);
  for (int i = 0; i < 100000; ++i)
    marks.replayed(5, now + i);
  CAF_CHECK_EQUAL(marks.of(5).times, 100001u);
}
