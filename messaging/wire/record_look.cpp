#include "messaging/record_look.hpp"

#include <charconv>
#include <utility>

#include "messaging/codec.hpp"
#include "messaging/wire/cluster_fields.hpp"

namespace ledgerd {

namespace {

using wire::append_member;
using wire::append_name;

constexpr std::size_t bytes_max = std::size_t{1} << 18;
constexpr int depth_max = 4;
constexpr std::size_t items_max = 256; // of one list
// A user's id with each of its bytes escaped, and the rest.
constexpr std::size_t question_bytes_max = 1024;
constexpr std::string_view question = "record";
// One short header, since every result has it. A dead letter's names would not do: a parked result
// keeps its own headers.
constexpr std::string_view origin_header = "Ledgerd-Origin";

template <class Number>
std::optional<Number> number_in(std::string_view text) noexcept {
  Number result{};
  const auto* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, result) != std::from_chars_result{end, {}})
    return std::nullopt;
  return result;
}

// The fields of an object that `read` knows must be as it wants them; false otherwise.
template <class Read>
bool read_members(std::string_view text, Read read) {
  bool good = true;
  return !read_json_object(text, depth_max, [&](const json_member& each) {
    good = good && read(each);
  }) && good;
}

template <class Item, class Read>
bool read_items(const json_member& given, std::vector<Item>& result, Read read) {
  if (given.kind != json_kind::array)
    return false;
  bool good = true;
  return !read_json_array(given.text, depth_max, [&](const json_member& each) {
    good = good && each.kind == json_kind::object && result.size() < items_max
           && read_members(each.text, [&, &item = result.emplace_back()](const json_member& field) {
                return read(field, item);
              });
  }) && good;
}

bool read_held(const json_member& given, held_request& one) {
  const auto& name = given.name;
  return name == "by"           ? wire::read_text(given, one.by)
         : name == "stage"      ? wire::read_text(given, one.stage)
         : name == "seq"        ? wire::read_count(given, one.seq)
         : name == "forMs"      ? wire::read_count(given, one.for_ms)
         : name == "deliveries" ? wire::read_count(given, one.deliveries)
         : name == "attempts"   ? wire::read_count(given, one.attempts)
                                : true;
}

bool read_pulled(const json_member& given, pulled_subject& one) {
  return given.name == "subject" ? wire::read_text(given, one.subject)
         : given.name == "to"    ? wire::read_count(given, one.to)
                                 : true;
}

bool read_wait(const json_member& given, record_look& look) {
  auto& wait = look.wait.emplace();
  return given.kind == json_kind::object && read_members(given.text, [&](const json_member& each) {
           return each.name == "why"     ? wire::read_text(each, wait.why)
                  : each.name == "forMs" ? wire::read_count(each, wait.for_ms)
                                         : true;
         });
}

} // namespace

std::string encode_look_question(const look_question& asked) {
  std::string out = "{";
  append_member(out, "question", question);
  append_member(out, "recordId", std::to_string(to_int(asked.record)));
  if (asked.account) {
    append_member(out, "userId", asked.account->user_id);
    append_member(out, "currency", asked.account->currency.text());
  }
  return out + "}";
}

std::optional<look_question> decode_look_question(std::string_view payload) {
  if (payload.empty() || payload.size() > question_bytes_max)
    return std::nullopt;
  bool asked = false;
  std::optional<std::int64_t> number;
  std::string user;
  std::optional<currency_code> currency;
  const auto good = read_members(payload, [&](const json_member& each) {
    if (each.name == "question")
      asked = each.kind == json_kind::string && each.text == question;
    else if (each.name == "recordId" && each.kind == json_kind::string)
      number = number_in<std::int64_t>(each.text);
    else if (each.name == "userId" && each.kind == json_kind::string)
      user = each.text;
    else if (each.name == "currency" && each.kind == json_kind::string)
      currency = currency_code::parse(each.text);
    return true;
  });
  if (!good || !asked || number.value_or(0) <= 0)
    return std::nullopt;
  look_question result{record_id{*number}};
  if (!user.empty() && user.size() <= user_id_bytes_max && currency)
    result.account = account_key{std::move(user), *currency};
  return result;
}

std::string encode_look(const record_look& look) {
  std::string out = "{";
  append_member(out, "boot", to_text(look.boot));
  append_member(out, "node", look.node);
  append_name(out, "held");
  out += '[';
  for (const auto& each : look.held) {
    out += out.back() == '[' ? "{" : ",{";
    append_member(out, "by", each.by);
    append_member(out, "stage", each.stage);
    append_member(out, "seq", each.seq);
    append_member(out, "forMs", each.for_ms);
    append_member(out, "deliveries", each.deliveries);
    append_member(out, "attempts", each.attempts);
    out += '}';
  }
  out += ']';
  append_name(out, "pulled");
  out += '[';
  for (const auto& each : look.pulled) {
    out += out.back() == '[' ? "{" : ",{";
    append_member(out, "subject", each.subject);
    append_member(out, "to", each.to);
    out += '}';
  }
  out += ']';
  if (look.wait) {
    append_name(out, "wait");
    out += '{';
    append_member(out, "why", look.wait->why);
    append_member(out, "forMs", look.wait->for_ms);
    out += '}';
  }
  return out + "}";
}

std::optional<record_look> decode_look(std::string_view payload) {
  if (payload.size() > bytes_max)
    return std::nullopt;
  record_look look;
  bool told = false;
  const auto good = read_members(payload, [&](const json_member& each) {
    told = told || each.name == "held";
    return each.name == "boot"     ? wire::read_boot(each, look.boot)
           : each.name == "node"   ? wire::read_name(each, look.node)
           : each.name == "held"   ? read_items(each, look.held, read_held)
           : each.name == "pulled" ? read_items(each, look.pulled, read_pulled)
           : each.name == "wait"   ? read_wait(each, look)
                                   : true;
  });
  if (!good || !told || look.boot == boot_id{} || look.node.empty())
    return std::nullopt;
  return look;
}

bool may_name(std::string_view payload, record_id id) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), to_int(id)).ptr;
  return payload.find(std::string_view(digits, static_cast<std::size_t>(end - digits)))
         != std::string_view::npos;
}

void add_origin(outgoing& result, const result_origin& origin) {
  result.headers.push_back({std::string(origin_header), std::to_string(origin.seq)});
  result.headers.back().value.append(" ").append(origin.node);
}

std::optional<result_origin> origin_of(const std::vector<header>& headers) {
  for (const auto& each : headers) {
    if (each.name != origin_header)
      continue;
    const std::string_view text = each.value;
    const auto blank = text.find(' ');
    const auto seq = number_in<std::uint64_t>(text.substr(0, blank));
    if (seq && *seq > 0 && blank < text.size() - 1) // npos is greater
      return result_origin{*seq, std::string(text.substr(blank + 1))};
  }
  return std::nullopt;
}

} // namespace ledgerd
