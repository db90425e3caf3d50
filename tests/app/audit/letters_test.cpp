#include "app/audit/letters.hpp"

#include "tests/app/audit/facts.hpp"

#define CAF_SUITE audit_letters
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using kind = finding_kind;

// Damages the world and expects exactly these findings.
void check(const std::string& name, const finding_counts& expected,
           const std::function<void(world&)>& damage) {
  CAF_MESSAGE(name);
  CAF_CHECK_EQUAL(findings_after(damage), text_of(expected));
}

} // namespace

CAF_TEST(every_message_is_judged_by_itself) {
  const auto discard = [](world& w, std::size_t index, bool with_entry) {
    const auto letter = w.dead_letters[index];
    w.dead_letters.erase(w.dead_letters.begin() + static_cast<std::ptrdiff_t>(index));
    --w.letter_stream.messages;
    if (with_entry)
      w.discard(letter);
  };
  const auto lose = [](world& w) { // acknowledged, and nothing else
    w.requests.push_back({12,
                          12'000'000'000,
                          "transaction.deposit",
                          R"({"recordId":9,"userId":"anna","amount":1})",
                          {}});
    w.deposits.delivered = 12;
  };
  check("a letter that was discarded", {}, [&](world& w) { discard(w, 2, true); });
  check("a conflict's letter that was discarded", {}, [&](world& w) { discard(w, 0, true); });
  check("a letter that was replayed and has gone since", {}, [&](world& w) {
    discard(w, 2, true);
    w.actions[0].subject = "transaction.action.replay";
    auto& id = header_of(w.actions[0], "Nats-Msg-Id").value;
    id = "replay-3-1764000000123-" + id.substr(std::string("discard-").size());
  });
  check("another action does not account for it", {{kind::request_unanswered, 1}}, [&](world& w) {
    discard(w, 2, true);
    w.actions[0].subject = "transaction.action.looked";
  });
  check("a letter that is just gone", {{kind::request_unanswered, 1}},
        [&](world& w) { discard(w, 2, false); });
  check("one out of the middle", {{kind::request_unanswered, 1}},
        [&](world& w) { discard(w, 1, false); });
  check("a discarded letter does not excuse a lost request", {{kind::request_unanswered, 1}},
        [&](world& w) {
          discard(w, 2, true);
          lose(w);
        });
  check("nor does one for another message", {{kind::request_unanswered, 1}}, [&](world& w) {
    w.discard(w.dead_letters[0]);
    discard(w, 2, false);
  });
  check("an entry for the same number in an earlier stream", {{kind::request_unanswered, 1}},
        [&](world& w) {
          discard(w, 2, true);
          auto& id = header_of(w.actions[0], "Nats-Msg-Id").value;
          id = "discard-dead-TRANSACTIONS-77-" + header_of(w.actions[0], "Ledgerd-Sequence").value;
        });
}

CAF_TEST(what_the_dead_letters_do_not_reach_back_to_is_not_proven) {
  const auto forget = [](world& w, bool limited) {
    w.dead_letters.erase(w.dead_letters.begin() + 1); // of request 9, between 8 and 10
    w.dead_letters.erase(w.dead_letters.begin());
    w.letter_stream.messages = 1;
    w.letter_stream.first_seq = 3;
    w.letter_stream.limited = limited;
    for (auto& m : w.requests)
      m.stored_at_ns = static_cast<std::int64_t>(m.seq) * 1'000'000'000;
    w.dead_letters[0].stored_at_ns = 10'500'000'000;
  };
  check("deleted by hand from a stream without limits",
        {{kind::conflict_not_parked, 1}, {kind::request_unanswered, 1}},
        [&](world& w) { forget(w, false); });
  world facts;
  forget(facts, true);
  const auto report = run(facts);
  CAF_CHECK_EQUAL(text_of(report.findings.counts()), "nothing");
  CAF_CHECK_EQUAL(report.unproven, 2u);
  check("yet a valid request must have its row", {{kind::request_unanswered, 1}}, [&](world& w) {
    forget(w, true);
    w.requests.insert(
        w.requests.begin() + 4,
        {4, 1, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
  });
  check("a letter younger than the oldest held is missing", {{kind::request_unanswered, 1}},
        [&](world& w) {
          forget(w, true);
          w.dead_letters[0].stored_at_ns = 8'500'000'000;
        });
}

CAF_TEST(letters_of_an_earlier_stream_say_nothing_of_this_one) {
  const auto old = [](world& w, const std::string& id, std::int64_t stored_at_ns) {
    w.made_at(500'000'000);
    auto letter = w.dead_letters[0];
    letter.payload = "of another life";
    letter.stored_at_ns = stored_at_ns;
    header_of(letter, "Ledgerd-Sequence").value = "5";
    header_of(letter, "Nats-Msg-Id").value = id;
    w.dead_letters.insert(w.dead_letters.begin(), letter);
  };
  check("by its id", {}, [&](world& w) { old(w, "dead-TRANSACTIONS-499999999-5", 1); });
  check("by its time, where the id does not say", {},
        [&](world& w) { old(w, "dead-TRANSACTIONS-5", 1); });
  check("of this one", {{kind::dead_letter_differs, 1}, {kind::dead_letter_unfounded, 1}},
        [&](world& w) { old(w, "dead-TRANSACTIONS-500000000-5", 600'000'000); });
  check("of no stream at all", {{kind::dead_letter_malformed, 1}},
        [&](world& w) { old(w, "dead-TRANSACTIONS--5", 1); });
}

CAF_TEST(a_letter_may_be_named_by_the_time_of_its_original) {
  const auto rename = [](world& w, std::int64_t after) {
    auto& letter = w.dead_letters[2];
    const auto seq = header_of(letter, "Ledgerd-Sequence").value;
    auto& request = w.requests[std::stoul(seq) - 1];
    request.stored_at_ns = 7'000'000'123;
    header_of(letter, "Nats-Msg-Id").value =
        "dead-TRANSACTIONS-" + std::to_string(request.stored_at_ns + after) + "-" + seq;
  };
  check("by whoever could not know of which life that is", {}, [&](world& w) { rename(w, 0); });
  check("another one's time", {{kind::request_unanswered, 1}}, [&](world& w) { rename(w, 1); });
  check("and discarded", {}, [&](world& w) {
    rename(w, 0);
    w.discard(w.dead_letters[2]);
    w.dead_letters.erase(w.dead_letters.begin() + 2);
    --w.letter_stream.messages;
  });
}

CAF_TEST(damage_to_dead_letters_is_found) {
  for (const auto* name : {"Ledgerd-Reason", "Ledgerd-Detail", "Ledgerd-Stream", "Ledgerd-Sequence",
                           "Ledgerd-Subject", "Ledgerd-Deliveries", "Ledgerd-Node"})
    check(std::string("without ") + name,
          {{kind::dead_letter_malformed, 1}, {kind::request_unanswered, 1}}, [&](world& w) {
            std::erase_if(w.dead_letters.back().headers,
                          [&](const auto& h) { return h.name == name; });
          });
  const std::pair<std::string, std::string> wrong[] = {{"Ledgerd-Reason", "BAD_LUCK"},
                                                       {"Ledgerd-Detail", ""},
                                                       {"Ledgerd-Sequence", "ten"},
                                                       {"Nats-Msg-Id", "dead-X-1"}};
  for (const auto& [name, value] : wrong)
    check(name + " is '" + value + "'",
          {{kind::dead_letter_malformed, 1}, {kind::request_unanswered, 1}},
          [&, name = name, value = value](world& w) { // Clang 14 captures no binding by itself
            header_of(w.dead_letters.back(), name).value = value;
          });
  check("another payload", {{kind::dead_letter_differs, 1}},
        [](world& w) { w.dead_letters.back().payload = "["; });
  check("a longer payload", {{kind::dead_letter_differs, 1}},
        [](world& w) { w.dead_letters.back().payload += " "; });
  check("another subject", {{kind::dead_letter_differs, 1}}, [](world& w) {
    header_of(w.dead_letters.back(), "Ledgerd-Subject").value = "transaction.withdrawal";
  });
  check("cut, as the header says", {}, [](world& w) {
    w.dead_letters[1].headers.push_back(
        {"Ledgerd-Truncated", std::to_string(w.dead_letters[1].payload.size())});
    w.dead_letters[1].payload.resize(5);
  });
  check("cut, but of another length", {{kind::dead_letter_differs, 1}}, [](world& w) {
    w.dead_letters[1].headers.push_back({"Ledgerd-Truncated", "1000"});
    w.dead_letters[1].payload.resize(5);
  });
  check("cut, but longer than it was",
        {{kind::dead_letter_malformed, 1}, {kind::request_unanswered, 1}}, [](world& w) {
          w.dead_letters[1].headers.push_back({"Ledgerd-Truncated", "5"});
        });
}

CAF_TEST(results_that_contradict_a_record_are_found) {
  check("while the letter is there", {{kind::contrary_verdict, 1}}, [](world& w) {
    delivery source;
    source.subject = w.results[0].subject;
    source.payload = w.results[0].payload;
    source.stream = "TRANSACTION_RESULTS";
    source.stream_seq = 1;
    w.publish(w.dead_letters,
              make_dead_letter(0, std::move(source), {dead_reason::contrary_verdict, "x"}, "node",
                               1 << 20));
  });
}

CAF_TEST(unfounded_dead_letters_are_found) {
  const auto park = [](world& w, std::uint64_t seq, dead_reason reason, const std::string& detail) {
    const auto& original = w.requests[seq - 1];
    w.publish(w.dead_letters, make_dead_letter(0,
                                               {.subject = original.subject,
                                                .payload = original.payload,
                                                .stream = "TRANSACTIONS",
                                                .stream_seq = seq},
                                               {reason, detail}, "node", 1 << 20));
  };
  const auto field = std::string("field \"amount\": must be greater than zero");
  for (const auto reason :
       {dead_reason::malformed_json, dead_reason::too_large, dead_reason::invalid_field,
        dead_reason::record_id_conflict, dead_reason::unknown_record})
    check(std::string("a good request parked as ") + std::string(to_text(reason)),
          {{kind::dead_letter_unfounded, 1}}, [&](world& w) { park(w, 11, reason, field); });
  check("attempts can be exhausted by anything", {},
        [&](world& w) { park(w, 11, dead_reason::attempts_exhausted, "x"); });
  check("a currency may have been unknown then", {}, [&](world& w) {
    park(w, 5, dead_reason::invalid_field, "field \"currency\": must be a known currency");
  });
  check("a conflict with a row that is none", {{kind::dead_letter_unfounded, 1}}, [&](world& w) {
    w.requests.push_back(
        {12, 0, "transaction.deposit", R"({"recordId":9,"userId":"anna","amount":1})", {}});
    park(w, 12, dead_reason::record_id_conflict, "x");
  });
  check("malformed, but parked as a conflict", {{kind::dead_letter_unfounded, 1}}, [](world& w) {
    header_of(w.dead_letters.back(), "Ledgerd-Reason").value = "RECORD_ID_CONFLICT";
  });
  check("a result that was parked", {}, [](world& w) {
    w.publish(w.dead_letters,
              make_dead_letter(0,
                               {.subject = w.results[0].subject,
                                .payload = w.results[0].payload,
                                .stream = "TRANSACTION_RESULTS",
                                .stream_seq = 1},
                               {dead_reason::unknown_record, "x"}, "node", 1 << 20));
  });
  check("a result that was parked with another payload", {{kind::dead_letter_differs, 1}},
        [](world& w) {
          w.publish(w.dead_letters,
                    make_dead_letter(0,
                                     {.subject = w.results[0].subject,
                                      .payload = "{}",
                                      .stream = "TRANSACTION_RESULTS",
                                      .stream_seq = 1},
                                     {dead_reason::unknown_record, "x"}, "node", 1 << 20));
        });
}
