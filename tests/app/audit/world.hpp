// The traffic of which audits are tested, and words for what they find.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/audit/findings.hpp"
#include "domain/currency.hpp"
#include "messaging/ports.hpp"

namespace ledgerd::test {

using finding_counts = std::map<finding_kind, std::uint64_t>;

inline std::string text_of(const finding_counts& counts) {
  std::string out;
  for (const auto& [kind, count] : counts)
    out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(to_text(kind));
  return out.empty() ? "nothing" : out;
}

// The requests of the world: what is valid, refused, repeated, in conflict and malformed.
struct request {
  std::string subject;
  std::string payload;
};

inline std::vector<request> sample_requests() {
  const auto in = "transaction.deposit";
  const auto out = "transaction.withdrawal";
  return {
      {in, R"({"recordId":1,"userId":"anna","amount":100})"},
      {out, R"({"recordId":2,"userId":"anna","amount":30})"},
      {out, R"({"recordId":3,"userId":"anna","amount":71})"}, // refused
      {in, R"({"recordId":4,"userId":"anna","amount":5})"},
      {in, R"({"recordId":5,"userId":"bert","amount":"12.30","currency":"EUR"})"},
      {out, R"({"recordId":6,"userId":"carl","amount":1})"},  // refused; opens the account at zero
      {in, R"({"recordId":1,"userId":"anna","amount":1e2})"}, // a duplicate
      {in, R"({"recordId":1,"userId":"anna","amount":101})"}, // a conflict
      {in, R"({"recordId":7,"userId":"anna","amount":-1})"},  // invalid
      {in, "{"},                                              // malformed
      {in, R"({"recordId":8,"userId":"anna","amount":1})"},
  };
}

inline std::vector<currency> sample_currencies() {
  return {{*currency_code::parse("KRW"), 0}, {*currency_code::parse("EUR"), 2}};
}

inline std::vector<header> with_id(const outgoing& message) {
  auto result = message.headers;
  result.insert(result.begin(), {"Nats-Msg-Id", message.message_id});
  return result;
}

} // namespace ledgerd::test
