// An independent decoder of requests, built on another JSON parser and string arithmetic, to
// compare with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/entry.hpp"
#include "messaging/codec.hpp"
#include "tests/domain/amount_oracle.hpp"

namespace ledgerd {

// Collects the members of the outermost object. That parser cannot judge numbers beyond a double:
// see `undecided`.
class member_collector : public nlohmann::json_sax<nlohmann::json> {
public:
  struct value {
    char kind; // n(ull), b(oolean), d(igits), s(tring), c(ontainer)
    std::string text;
  };

  std::map<std::string, std::vector<value>> members;
  bool is_object = false;
  bool undecided = false;
  int deepest = 0;

  bool null() override { return add('n', ""); }
  bool boolean(bool) override { return add('b', ""); }
  bool number_integer(number_integer_t n) override {
    return add('d', n == 0 ? "-0" : std::to_string(n));
  }
  bool number_unsigned(number_unsigned_t n) override { return add('d', std::to_string(n)); }
  bool number_float(number_float_t, const string_t& token) override { return add('d', token); }
  bool string(string_t& text) override { return add('s', text); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return enter(true); }
  bool key(string_t& name) override {
    if (depth_ == 1)
      key_ = name;
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(false); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception& error) override {
    undecided = error.id == 406; // number overflow
    return false;
  }

private:
  bool add(char kind, std::string text) {
    if (depth_ == 1)
      members[key_].push_back({kind, std::move(text)});
    return true;
  }

  bool enter(bool object) {
    if (depth_ == 0)
      is_object = object;
    add('c', "");
    deepest = std::max(deepest, ++depth_);
    return true;
  }

  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  std::string key_;
};

// The entry that the contract says the request means, `refused`, or `undecided`.
struct oracle_answer {
  bool undecided = false;
  std::optional<entry> meaning;
};

inline bool oracle_accepts_user(const std::string& text) {
  if (text.empty() || text.size() > 128)
    return false;
  for (int code = 0; code < 0xa0; ++code) {
    if (code == 0x20)
      code = 0x7f;
    const auto character = code < 0x80 ? std::string(1, static_cast<char>(code))
                                       : std::string{'\xc2', static_cast<char>(code)};
    if (text.find(character) != std::string::npos)
      return false;
  }
  return true;
}

// Knows the currencies KRW (the default), EUR and BHD with 0, 2 and 3 digits.
inline oracle_answer ask_oracle(movement type, const std::string& payload) {
  oracle_answer refused;
  member_collector doc;
  const auto valid = nlohmann::json::sax_parse(payload, &doc);
  if (doc.undecided)
    return {.undecided = true, .meaning = std::nullopt};
  if (!valid || !doc.is_object || doc.deepest > 64 || payload.size() > 65536
      || payload.starts_with("\xef\xbb\xbf") || payload.find('\0') != std::string::npos)
    return refused;
  std::map<std::string, member_collector::value> fields;
  for (const auto* name : {"recordId", "userId", "amount", "currency", "type"}) {
    const auto& values = doc.members[name];
    if (values.size() > 1)
      return refused;
    fields[name] = values.empty() ? member_collector::value{'n', ""} : values[0];
  }
  const auto scalar = [](const auto& v) { return v.kind == 'd' || v.kind == 's'; };
  const auto optional_text = [](const auto& v) { return v.kind == 'n' || v.kind == 's'; };
  if (!scalar(fields["recordId"]) || fields["userId"].kind != 's' || !scalar(fields["amount"])
      || !optional_text(fields["currency"]) || !optional_text(fields["type"]))
    return refused;
  entry result;
  const auto& id = fields["recordId"].text;
  if (amount_oracle::parse(id, 0) != id) // digits only, positive, in range
    return refused;
  result.id = record_id{std::stoll(id)};
  if (!oracle_accepts_user(fields["userId"].text))
    return refused;
  result.account.user_id = fields["userId"].text;
  if (fields["type"].kind == 's'
      && fields["type"].text != (type == movement::deposit ? "DEPOSIT" : "WITHDRAWAL"))
    return refused;
  result.type = type;
  const std::map<std::string, int> digits{{"KRW", 0}, {"EUR", 2}, {"BHD", 3}};
  const auto code = fields["currency"].kind == 'n' ? "KRW" : fields["currency"].text;
  if (!digits.contains(code))
    return refused;
  result.account.currency = *currency_code::parse(code);
  const auto amount = amount_oracle::parse(fields["amount"].text, digits.at(code));
  if (amount.find_first_not_of("0123456789") != std::string::npos)
    return refused;
  result.amount = money{std::stoll(amount)};
  return {.undecided = false, .meaning = result};
}

// Decodes twice and asks the oracle. Empty when all three agree, else a sentence.
inline std::string codec_disagreement(const std::string& subject, const std::string& payload) {
  static const currency_table currencies({{*currency_code::parse("KRW"), 0},
                                          {*currency_code::parse("EUR"), 2},
                                          {*currency_code::parse("BHD"), 3}});
  const auto decode = [&] {
    return decode_entry(subject, payload, currencies, {*currency_code::parse("KRW"), false});
  };
  const auto text = [](const std::variant<entry, rejection>& decoded) {
    if (const auto* why = std::get_if<rejection>(&decoded))
      return std::string(to_text(why->reason)) + ": " + why->detail;
    const auto& e = std::get<entry>(decoded);
    return std::to_string(to_int(e.id)) + " " + e.account.user_id + " "
           + std::string(e.account.currency.text()) + " " + std::string(to_text(e.type)) + " "
           + std::to_string(e.amount.minor_units());
  };
  const auto decoded = decode();
  if (text(decoded) != text(decode()))
    return "two decodings of the same bytes differ";
  const auto type = subject.ends_with("deposit") ? movement::deposit : movement::withdrawal;
  const auto expected = ask_oracle(type, payload);
  if (expected.undecided)
    return {};
  if (std::holds_alternative<entry>(decoded) != expected.meaning.has_value())
    return "decoded as '" + text(decoded) + "', but the oracle "
           + (expected.meaning ? "accepts" : "refuses");
  if (expected.meaning && text(decoded) != text(*expected.meaning))
    return "decoded as '" + text(decoded) + "', but the oracle reads '" + text(*expected.meaning)
           + "'";
  return {};
}

} // namespace ledgerd
