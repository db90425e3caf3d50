#include "messaging/shadow_comparison.hpp"

#include <utility>
#include <variant>

#include "messaging/codec.hpp"
#include "messaging/wire/codec_fields.hpp"

namespace ledgerd {

namespace {

using wire::field;

struct told_fields {
  field status{"status"};
  field reason{"reason"};
  field amount{"amount"};
  field balance_after{"balanceAfter"};
  field user_id{"userId"};
  field type{"type"};
  field currency{"currency"};
};

// An amount of zero is one here.
std::optional<money> read_money(const field& given, int exponent) {
  if (given.kind != json_kind::number && given.kind != json_kind::string)
    return std::nullopt;
  const auto read = parse_amount(given.text, exponent);
  if (const auto* amount = std::get_if<money>(&read))
    return *amount;
  const auto mantissa = given.text.substr(0, given.text.find_first_of("eE"));
  const bool zero = std::get<amount_fault>(read) == amount_fault::not_positive
                    && mantissa.find_first_of("123456789") == std::string::npos;
  return zero ? std::optional{money{}} : std::nullopt;
}

class differences {
public:
  void text(const field& theirs, std::string_view ours, bool required) {
    if (theirs.absent() ? required && !ours.empty() : theirs.text != ours)
      found.push_back({theirs.name, std::string(ours), theirs.text});
  }

  // What they say, when it is an amount.
  std::optional<money> amount(const field& theirs, money ours, int exponent) {
    const auto told = read_money(theirs, exponent);
    if (told != ours)
      found.push_back({theirs.name, format_amount(ours, exponent), theirs.text});
    return told;
  }

  std::vector<result_difference::field> found;
};

} // namespace

std::string to_text(const result_difference& one) {
  std::string out;
  for (const auto& [name, ours, theirs] : one.fields) {
    out.append(out.empty() ? "" : ", ").append(name).append(" here ");
    out.append(ours.empty() ? "none" : ours).append(", there ");
    out.append(theirs.empty() ? "none" : theirs);
  }
  return out;
}

// `alone`: nothing but the balance differs.
bool shadow_comparison::follows(const account_key& account, std::optional<std::int64_t> off_by,
                                bool alone) {
  if (!off_by) // they do not say by how much
    return false;
  const auto known = off_.find(account);
  if (*off_by == 0) {
    if (known != off_.end())
      off_.erase(known);
    return false;
  }
  if (known != off_.end())
    return std::exchange(known->second, *off_by) == *off_by && alone;
  if (off_.size() < accounts_max_)
    off_.emplace(account, *off_by);
  return false;
}

std::optional<result_difference> shadow_comparison::compare(const told_result& theirs,
                                                            const posting& ours) {
  told_fields told;
  differences all;
  std::optional<std::int64_t> off_by;
  const auto exponent = currencies_.exponent(ours.account.currency).value_or(0);
  if (const auto fault =
          wire::read_document(theirs.payload, payload_bytes_max,
                              {&told.status, &told.reason, &told.amount, &told.balance_after,
                               &told.user_id, &told.type, &told.currency})) {
    all.found.push_back({"payload", encode_result(ours, exponent), fault->detail});
  } else {
    all.text(told.status, status_text(ours.verdict), true);
    all.text(told.reason, ours.verdict == outcome::applied ? "" : reason_text(ours.verdict), true);
    all.amount(told.amount, ours.amount, exponent);
    all.text(told.user_id, ours.account.user_id, false);
    all.text(told.type, to_text(ours.type), false);
    all.text(told.currency, ours.account.currency.text(), false);
    if (const auto after = all.amount(told.balance_after, ours.balance_after, exponent))
      off_by = after->minor_units() - ours.balance_after.minor_units(); // neither is negative
  }
  const bool alone = all.found.size() == 1 && all.found.front().name == told.balance_after.name;
  const bool carried = follows(ours.account, off_by, alone);
  if (all.found.empty()) {
    ++agreed_;
    return std::nullopt;
  }
  ++differing_;
  carried_ += carried ? 1 : 0;
  return result_difference{ours.record, ours.account, theirs.seq, std::move(all.found), carried};
}

} // namespace ledgerd
