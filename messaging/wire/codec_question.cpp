// Questions over NATS, and the currencies.
#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "messaging/submission_codec.hpp"
#include "messaging/wire/codec_fields.hpp"
#include "messaging/wire/codec_text.hpp"

namespace ledgerd {

namespace {

using wire::field;
using wire::finding;
using wire::spelling;

struct history_fields {
  field user_id{"userId"};
  field currency{"currency"};
  field limit{"limit"};
  field before{"before"};
};

constexpr auto number_max = std::numeric_limits<std::int64_t>::max();

// Digits alone, from 1, without leading zeros: off `rest`, or nothing.
std::optional<std::int64_t> next_number(std::string_view& rest) {
  std::int64_t value = 0;
  const auto* begin = rest.data();
  const auto read = std::from_chars(begin, begin + rest.size(), value);
  if (read.ec != std::errc{} || value < 1 || rest.front() == '0')
    return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(read.ptr - begin));
  return value;
}

finding read_before(const field& given, history_question& result) {
  if (given.absent())
    return std::nullopt;
  if (result.currency)
    return read_integer(given, 1, number_max, spelling::number_or_text, result.before);
  auto page = given.kind == json_kind::string ? decode_history_position(given.text) : std::nullopt;
  if (!page)
    return broken(given, "must be the `next` of an answer without a currency, or there must be a "
                         "currency");
  result.page = *std::move(page);
  return std::nullopt;
}

finding read_fields(history_fields& fields, history_question& result) {
  if (auto fault = read_user_id(fields.user_id, result.user_id))
    return fault;
  if (!fields.currency.absent()) {
    result.currency = fields.currency.kind == json_kind::string
                          ? currency_code::parse(fields.currency.text)
                          : std::nullopt;
    if (!result.currency)
      return broken(fields.currency, "must be three capital letters");
  }
  if (!fields.limit.absent()) {
    std::int64_t limit = 0;
    if (auto fault =
            read_integer(fields.limit, 1, history_limit_max, spelling::number_or_text, limit))
      return fault;
    result.limit = static_cast<int>(limit);
  }
  return read_before(fields.before, result);
}

bool is_visible(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

field argument(std::string_view name, const std::vector<std::string_view>& values) {
  field result{.name = name, .times = static_cast<int>(values.size())};
  if (!values.empty()) {
    result.kind = json_kind::string;
    result.text = values.front();
  }
  return result;
}

void append_unless_empty(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty())
    append_json_string(out.append(",\"").append(name).append("\":"), text);
}

finding read_currency_row(const json_member& element, currency& result) {
  field code{"code"};
  field exponent{"exponent"};
  if (element.kind != json_kind::object)
    return rejection{dead_reason::invalid_field, "must be an object"};
  if (auto fault = wire::read_answer(element.text, {&code, &exponent}))
    return fault;
  const auto parsed =
      code.kind == json_kind::string ? currency_code::parse(code.text) : std::nullopt;
  if (!parsed)
    return broken(code, "must be three capital letters");
  std::int64_t digits = 0;
  if (auto fault = read_integer(exponent, 0, currency::max_exponent, spelling::number, digits))
    return fault;
  result = {*parsed, static_cast<int>(digits)};
  return std::nullopt;
}

finding read_mark(const field& given, std::int64_t& result) {
  return read_integer(given, 0, std::numeric_limits<std::int64_t>::max(), spelling::number, result);
}

} // namespace

std::variant<record_id, rejection> decode_record_question(std::string_view body) {
  field given{"recordId"};
  record_id result{};
  if (auto fault = wire::read_document(body, payload_bytes_max, {&given}))
    return std::move(*fault);
  if (auto fault = read_record_id(given, result))
    return std::move(*fault);
  return result;
}

std::variant<std::string, rejection> decode_account_question(std::string_view body) {
  field given{"userId"};
  std::string result;
  if (auto fault = wire::read_document(body, payload_bytes_max, {&given}))
    return std::move(*fault);
  if (auto fault = read_user_id(given, result))
    return std::move(*fault);
  return result;
}

std::variant<history_question, rejection> decode_history_question(std::string_view body) {
  history_fields fields;
  if (auto fault =
          wire::read_document(body, payload_bytes_max,
                              {&fields.user_id, &fields.currency, &fields.limit, &fields.before}))
    return std::move(*fault);
  history_question result;
  if (auto fault = read_fields(fields, result))
    return std::move(*fault);
  return result;
}

std::optional<rejection> check_history(const history_arguments& given) {
  history_fields fields{.currency = argument("currency", given.currency),
                        .limit = argument("limit", given.limit),
                        .before = argument("before", given.before)};
  if (auto fault = wire::check_once({&fields.currency, &fields.limit, &fields.before}))
    return fault;
  if (auto fault = check_user_id(given.user_id))
    return fault;
  // No rule allows anything but visible ASCII; the rest is for the node to judge that answers.
  // Nor does any allow nothing, which is not passed on.
  const auto plain = [](const field& each) {
    return each.absent() || (!each.text.empty() && is_visible(each.text));
  };
  if (plain(fields.currency) && plain(fields.limit) && plain(fields.before))
    return std::nullopt;
  fields.user_id.kind = json_kind::string;
  fields.user_id.text = given.user_id;
  history_question taken;
  return read_fields(fields, taken);
}

std::string encode_history_position(const history_position& page) {
  auto result = std::to_string(page.before);
  for (const auto& [currency, seq] : page.seqs)
    result.append("-").append(currency.text()).append(".").append(std::to_string(seq));
  return result;
}

std::optional<history_position> decode_history_position(std::string_view text) {
  history_position page;
  const auto before = next_number(text);
  if (!before)
    return std::nullopt;
  page.before = *before;
  std::vector<bool> seen(currency_code::index_count);
  while (!text.empty()) {
    const auto code = text.size() > 5 && text[0] == '-' && text[4] == '.'
                          ? currency_code::parse(text.substr(1, 3))
                          : std::nullopt;
    if (!code || seen[code->index()])
      return std::nullopt;
    seen[code->index()] = true;
    text.remove_prefix(5);
    const auto seq = next_number(text);
    if (!seq)
      return std::nullopt;
    page.seqs.emplace_back(*code, *seq);
  }
  return page;
}

std::string encode_account_question(std::string_view user_id) {
  std::string out;
  append_json_string(out.append("{\"userId\":"), user_id);
  return out.append("}");
}

// Text that is not UTF-8 goes through as it is: the node that is asked refuses it, and the caller
// learns why.
std::string encode_history_question(std::string_view user_id, std::string_view currency,
                                    std::string_view limit, std::string_view before) {
  std::string out;
  append_json_string(out.append("{\"userId\":"), user_id);
  append_unless_empty(out, "currency", currency);
  append_unless_empty(out, "limit", limit);
  append_unless_empty(out, "before", before);
  out.append("}");
  return out;
}

std::string encode_facts_question(record_id from) {
  std::string out = "{\"recordIdsFrom\":";
  wire::append_number(out, to_int(from));
  return out.append("}");
}

std::variant<std::optional<record_id>, rejection> decode_facts_question(std::string_view body) {
  field given{"recordIdsFrom"};
  if (auto fault = wire::read_document(body, payload_bytes_max, {&given}))
    return std::move(*fault);
  std::optional<record_id> result;
  if (!given.absent())
    if (auto fault = read_record_id(given, result.emplace()))
      return std::move(*fault);
  return result;
}

std::string encode_facts(const ledger_facts& facts) {
  std::string out = "{\"currencies\":[";
  auto separator = "";
  for (const auto& one : facts.currencies) {
    out.append(std::exchange(separator, ",")).append("{\"code\":\"").append(one.code.text());
    wire::append_number(out.append("\",\"exponent\":"), one.exponent);
    out.append("}");
  }
  out.append("]");
  if (facts.marks) {
    wire::append_number(out.append(",\"highestRecordId\":"), to_int(facts.marks->highest_record));
    wire::append_number(out.append(",\"highestTransactionId\":"),
                        to_int(facts.marks->highest_transaction));
  }
  return out.append("}");
}

std::variant<ledger_facts, rejection> decode_facts(std::string_view body) {
  field given{"currencies"};
  field highest_record{"highestRecordId"};
  field highest_transaction{"highestTransactionId"};
  if (auto fault = wire::read_answer(body, {&given, &highest_record, &highest_transaction}))
    return std::move(*fault);
  ledger_facts result;
  if (!highest_record.absent() || !highest_transaction.absent()) {
    std::int64_t record = 0, transaction = 0;
    if (auto fault = read_mark(highest_record, record))
      return std::move(*fault);
    if (auto fault = read_mark(highest_transaction, transaction))
      return std::move(*fault);
    result.marks = {record_id{record}, transaction_id{transaction}};
  }
  std::vector<bool> seen(currency_code::index_count);
  const auto take = [&](const json_member& element) -> finding {
    currency row;
    if (auto fault = read_currency_row(element, row))
      return fault;
    if (seen[row.code.index()])
      return wire::broken({"code"}, "must not occur twice");
    seen[row.code.index()] = true;
    result.currencies.push_back(row);
    return std::nullopt;
  };
  if (auto fault = read_list(given, currency_code::index_count, take))
    return std::move(*fault);
  return result;
}

} // namespace ledgerd
